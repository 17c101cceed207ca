# TERM to the supervisor ends the job within seconds, without an orphan; the same command goes on from there. So does
# kill -9 of the supervisor.
. "$TESTS/lib.sh"
for signal in TERM KILL; do
    rm -rf out
    SAVBENCH_STUB_FAULT=sleep:112:5 "$BIN/savbench" run $STUB --workers 2 --quiet >/dev/null 2>&1 &
    wait_until 30 shards_at_least 1 || exit 1
    kill -$signal $!
    rc=0
    wait $! || rc=$?
    echo "exit $rc"
    wait_until 10 none_left && echo "no process left"
    code "$BIN/savbench" run $STUB --workers 2 --quiet
    trials
done
