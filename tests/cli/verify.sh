# verify finds nothing in a sound folder, names what was altered, and --repair makes it sound again where the shards are.
. "$TESTS/lib.sh"
job 2 >/dev/null
state_of_files >before
code "$BIN/savbench" verify out
state_of_files >after
cmp before after && echo "no file changed"
# The commands that read a folder: what they print goes where it is told, and what they cannot do they say.
code "$BIN/savbench" report out --format csv | sed 's/^"[^"]*"/CPU/' | cut -d , -f 1-4
code "$BIN/savbench" report 2>&1
code "$BIN/savbench" report nowhere 2>&1
code "$BIN/savbench" report out --format xml 2>&1
code "$BIN/savbench" export out | grep -cw record
code "$BIN/savbench" export out record --out record.csv
code "$BIN/savbench" export out no_view --out record.csv 2>&1 # which stays as it is
"$BIN/savbench" query out "SELECT * FROM record" --format csv | cmp - record.csv && echo "the view, whole"
code "$BIN/savbench" export out record --out no/such/folder.csv 2>&1
code "$BIN/savbench" export out record --out /dev/full 2>&1
code "$BIN/savbench" export out record extra 2>&1
code "$BIN/savbench" query out "SELECT * FROM no_table" 2>&1
code "$BIN/savbench" query out "DELETE FROM trial" 2>&1
state_of_files >before
code "$BIN/savbench" finalize out
state_of_files >after
cmp before after && echo "finalize changed nothing"
code "$BIN/savbench" finalize --nonsense out 2>&1
code "$BIN/savbench" finalize nowhere 2>&1
# What status says of a job by the word that it left: one that works, one that fell silent, one of another version, one cut off.
says() {
    printf '%s' "$1" >out/.tmp-progress.json
    [ -z "${2:-}" ] || touch -d "$2" out/.tmp-progress.json
    code "$BIN/savbench" status out | sed '/^last run/d; s/last heard [0-9]* s ago/last heard N s ago/'
}
says '{"state":"running","host":"orin1","pid":7,"total":16,"done":3,"failed":1,"left_s":3723,"workers":[
    {"rank":1,"host":"orin1","device":"cuda:0","video":"v1","variant":"stub","frame":4,"n_frames":9},{"rank":2}]}'
says '{"state":"running","host":"orin1","pid":7,"total":16}' '1 hour ago'
says '{"workers":3}'
says 'not JSON'
rm out/.tmp-progress.json
code "$BIN/savbench" status --nonsense out 2>&1
code "$BIN/savbench" verify --nonsense out 2>&1
shard=$(find out/shards/v064 -name '*float32,*' | head -1)
printf x | dd of="$shard" bs=1 seek=900 conv=notrunc 2>/dev/null
rm out/shards/v080/*,float32,*
code "$BIN/savbench" verify out
code "$BIN/savbench" verify --repair out 2>/dev/null
trials
code job 2
code "$BIN/savbench" verify out
code "$BIN/savbench" verify nowhere 2>&1
code "$BIN/savbench" verify 2>&1
# A database that is none: each command says what to do, and doing it brings everything back from the shards.
facts="SELECT video, tag, repetition, status, jf FROM record ORDER BY 1, 2, 3"
sql "$facts" >before
printf 'no database, but what a broken disk gave back in its place' >out/summary.db
for command in report status verify finalize; do
    code "$BIN/savbench" $command out 2>&1
done
rm out/summary.db
mkdir out/summary.db
code "$BIN/savbench" finalize out 2>&1
rmdir out/summary.db
code job 2
sql "$facts" | cmp - before && echo "the same records"
code "$BIN/savbench" verify out
