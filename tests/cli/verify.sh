# verify finds nothing in a sound folder, names what was altered, and --repair makes it sound again where the shards are.
. "$TESTS/lib.sh"
job 2 >/dev/null
state_of_files >before
code "$BIN/savbench" verify out
state_of_files >after
cmp before after && echo "no file changed"
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
