# A worker that is stopped (SIGSTOP) in the middle is noticed within two leases; the others do its work, and the job ends in
# time, leaving no process. When the only one is stopped, the supervisor starts the job again. status says what goes on. One that was
# stopped and goes on is given work again: here what is left when the other one is stopped.
. "$TESTS/lib.sh"
export SAVBENCH_ENGINE_SILENCE_S=2
running() { "$BIN/savbench" status out | grep -q "job: running.* of 8 trials"; }
frozen() { # frozen WORKERS
    rm -rf out
    SAVBENCH_STUB_FAULT=sleep:112:10 "$BIN/savbench" run $STUB --workers $1 >got_run 2>>job_log &
    job=$!
    wait_until 30 shards_at_least 1 || exit 1
    wait_until 5 running && echo "status: running"
    kill -STOP "$(rank $1)"
    begun=$(date +%s%N)
    rc=0
    wait $job || rc=$?
    echo "exit $rc"
    ms=$((($(date +%s%N) - begun) / 1000000))
    echo "took $ms ms" >&2
    [ $ms -lt 20000 ] && echo "in time"
    trials
    wait_until 5 none_left && echo "no process left"
    "$BIN/savbench" status out | sed 's/last run: .*: /last run: /'
}
frozen 2
frozen 1
grep -c 'starting it again' job_log

rm -rf out
SAVBENCH_STUB_FAULT=sleep:0:11 "$BIN/savbench" run $STUB --limit-videos 2 --workers 2 --quiet 2>thaw_log &
job=$!
wait_until 30 shards_at_least 2 || exit 1 # each is at its last trial, and has asked for a block that there is not
kill -STOP "$(rank 2)"
wait_until 30 grep -q 'r2 on .* has been silent' thaw_log || exit 1
kill -CONT "$(rank 2)"
sleep 0.5
kill -STOP "$(rank 1)"
rc=0
wait $job || rc=$?
echo "exit $rc"
grep -o 'r[12] on .* has been silent' thaw_log | cut -d ' ' -f 1
grep -c 'starting it again' thaw_log
trials
