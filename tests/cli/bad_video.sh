# A video with a gap is reported and its trials recorded as failed; the others go on. A repetition changes nothing.
. "$TESTS/lib.sh"
rm data/JPEGImages_24fps/v080/00005.jpg
code job 2
trials
sql "SELECT DISTINCT video.video, code FROM trial JOIN video USING (video_id) WHERE status = 'failed'"
grep -c 'warn: left out: .*v080' log
state_of_files >before
code job 2
state_of_files >after
cmp before after && echo "no file changed"
# A plan says so too, as text and as JSON.
plan="$BIN/savbench plan $STUB"
$plan | grep -o 'cannot be used: .*v080[^:]*'
$plan --json | grep -A 1 '"video"' | sed "s/v080.*/v080.../"
