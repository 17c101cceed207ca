# A trial that kills its engine three times is quarantined, and its block goes on without it.
. "$TESTS/lib.sh"
SAVBENCH_STUB_FAULT=kill:80:3 code job 2
trials
sql "SELECT video.video, count(*) AS trials FROM trial JOIN video USING (video_id) WHERE status = 'quarantined' GROUP BY 1"
sql "SELECT count(*) AS attempts, min(last_frame) AS frame FROM attempt WHERE outcome = 'signal'"
