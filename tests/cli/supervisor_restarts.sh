# The coordinator dies by kill -9: the supervisor starts the job again and it completes.
. "$TESTS/lib.sh"
(SAVBENCH_STUB_FAULT=sleep:112:11 code "$BIN/savbench" run $STUB --workers 2 --quiet >got_run 2>log_run) &
wait_until 30 shards_at_least 1 || exit 1
kill -9 "$(rank 0)"
wait
cat got_run
trials
grep -c 'starting it again' log_run
none_left && echo "no process left"
