# The whole job dies by kill -9 in the middle; no process outlives it; the same command completes it, doing nothing twice.
. "$TESTS/lib.sh"
SAVBENCH_STUB_FAULT=sleep:112:5 exec_job 2 >/dev/null 2>&1 &
mpirun=$!
wait_until 30 shards_at_least 3 || exit 1
kill -9 $mpirun
wait 2>/dev/null
wait_until 10 none_left && echo "no process left"
find out/shards -name '[!.]*.h5' -printf '%p %T@\n' | sort >before # a temporary file (.tmp-) is not a result yet
[ "$(wc -l <before)" -lt 8 ] && echo "not all was done"
code job 2
trials
find out/shards -name '[!.]*.h5' -printf '%p %T@\n' | sort >after
[ "$(comm -23 before after | wc -l)" = 0 ] && echo "earlier results untouched"
find out -name '*tmp*' -o -name '*-wal'
