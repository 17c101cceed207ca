# The same command again does nothing and changes no file; with one dtype more, it does that one alone.
. "$TESTS/lib.sh"
job 2 >/dev/null
state_of_files >before
code job 2
state_of_files >after
cmp before after && echo "no file changed"
code "$BIN/savbench" run $STUB
state_of_files >after
cmp before after && echo "no file changed"
grep '\.h5 ' before | grep shards >shards
code job 2 --dtype float32,bfloat16,float16
trials
state_of_files | grep -Fxf shards | wc -l
