# A trial that fails is a record with its reason, and the others go on; --retry-failed runs it again.
. "$TESTS/lib.sh"
SAVBENCH_STUB_FAULT=fail:80:3 code job 2
trials
sql "SELECT DISTINCT video.video, code, reason FROM trial JOIN video USING (video_id) WHERE status = 'failed'"
sql "SELECT count(*) AS attempts FROM attempt WHERE outcome <> 'done'"
code job 2
for retry in '' --retry-failed; do "$BIN/savbench" plan $STUB $retry | sed -n '/failed/s/^trials: *//p'; done
code job 2 --retry-failed
trials
