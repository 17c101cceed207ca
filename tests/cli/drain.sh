# A signal drains: the trial that runs ends and is recorded, no other is begun, code 99, and the same command goes on. TERM
# and USR1 to the supervisor, USR1 to mpirun, TERM to the one worker. What outlasts --grace, or a second signal, cuts it off.
. "$TESTS/lib.sh"
STUB="$STUB --dtype float32,bfloat16,float16 --repeats 3 --limit-videos 1 --quiet"
export SAVBENCH_STUB_FAULT=sleep:64:12 # a second per trial, of 9

stopped() { # stopped WHO SIGNAL [TWICE] [options]: starts a job, stops it in the middle, prints how it ended
    who=$1 signal=$2 again=$3
    shift 3
    echo "$signal to $who $*"
    rm -rf out
    if [ "$who" = supervisor ]; then
        "$BIN/savbench" run $STUB --workers 1 "$@" >/dev/null 2>>jobs &
    else
        exec_job 1 "$@" >/dev/null 2>>jobs &
    fi
    job=$!
    wait_until 30 shards_at_least 1 || exit 1
    sleep 0.3
    before=$(find out/shards -name '*.h5' | wc -l)
    target=$job
    [ "$who" = worker ] && target=$(rank 1)
    begun=$(date +%s%N)
    kill -$signal $target
    if [ "$again" = twice ]; then
        sleep 0.3
        kill -$signal $target
    fi
    rc=0
    wait $job || rc=$?
    ms=$((($(date +%s%N) - begun) / 1000000))
    echo "took $ms ms" >&2
    echo "exit $rc"
    [ $ms -lt 30000 ] && echo "within 30 s" # of the 60 that --grace gives
    wait_until 5 none_left && echo "no process left"
    after=$(find out/shards -name '*.h5' | wc -l)
    [ $after -lt 9 ] && echo "not all was done"
    [ $after -gt $before ] && echo "the running trial was"
    sql "SELECT count(*) AS lost FROM attempt WHERE outcome <> 'done'"
}
stopped supervisor TERM once
sql "SELECT how FROM run"
stopped supervisor USR1 once
stopped mpirun USR1 once
stopped worker TERM once
SAVBENCH_STUB_FAULT=sleep:64:2
stopped supervisor INT once --grace 1
stopped supervisor INT twice
unset SAVBENCH_STUB_FAULT
code job 1
trials
