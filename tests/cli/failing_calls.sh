# The n-th allocation of coordinator, worker and engine and the n-th MPI call of the ranks fail, once and it and all after it:
# the job ends with a code and a message or goes on, no process is left, and the same command completes it (trials that failed
# for it by --retry-failed): every trial done, verify finds nothing.
# A few calls; SAVBENCH_FAIL_STRIDE=N: every N-th; SAVBENCH_PART: a share of those.
. "$TESTS/lib.sh"
preload=${BIN}/libvb_fail_job.so
[ -f "$preload" ] || exit 77
export ASAN_OPTIONS="$ASAN_OPTIONS:verify_asan_link_order=0"
STUB="$STUB --limit-videos 1 --warmup-frames 0"
MEMORY=0 MPI=6 MPI_END=7
tried=0 ended=0 bad=0

failing() { # failing KIND AT EVER RANK PROGRAM
    rm -f count
    rc=0
    # an engine that cannot speak is soon taken for hung
    SAVBENCH_ENGINE_SILENCE_S=3 timeout 60 mpirun -n 2 -x LD_PRELOAD="$preload" -x SAVBENCH_FAIL="$1:$2:$3:$4:$5" -x SAVBENCH_FAIL_COUNT="$PWD/count" \
        "$BIN/savbench" run $STUB --quiet </dev/null >job_out 2>job_log || rc=$?
}
problem() {
    echo "kind $1, call $2, ever $3, rank $4 $5: $6 (exit $rc)"
    sed 's/^/  /' job_log | tail -15
    bad=$((bad + 1))
}
try() { # as failing
    rm -rf out
    failing "$@"
    tried=$((tried + 1))
    [ $rc = 0 ] || ended=$((ended + 1))
    { [ $rc -lt 124 ] && ! grep -q 'exited on signal' job_log; } || grep -q "lex_unget_unsave: Assertion" job_log || # jansson's own
        problem "$@" "no clean end"
    ! grep -q 'AddressSanitizer\|runtime error' "$PWD.report".* 2>/dev/null || problem "$@" "$(cat "$PWD.report".*)"
    [ $rc = 0 ] || grep -q 'savbench\|error:\|warn:' job_log || problem "$@" "no message"
    wait_until 10 none_left || problem "$@" "processes are left: $(ours)"
    again=0
    job 1 --quiet --retry-failed </dev/null >job_out 2>job_log || again=$?
    [ $again = 0 ] || problem "$@" "exit $again when run again"
    [ "$(trials | tr -d '\r' | tail -1)" = done,2 ] || problem "$@" "not the same trials"
    "$BIN/savbench" verify out >verified || problem "$@" "$(cat verified)"
}
every() { # every KIND RANK PROGRAM
    rm -rf out
    failing $1 -1 0 $2 $3
    calls=$(cat count 2>/dev/null || echo 0) # none was made: nothing wrote it
    for ever in 0 1; do
        at=$((($1 * 31 + $2 * 7 + ever * 13) * 97 % SAVBENCH_FAIL_STRIDE + ${PART%/*} * SAVBENCH_FAIL_STRIDE))
        while [ $at -lt "$calls" ]; do
            try $1 $at $ever $2 $3
            at=$((at + ${PART#*/} * SAVBENCH_FAIL_STRIDE))
        done
    done
    echo "kind $1, rank $2 $3: $calls calls; so far $tried tried, $ended ended with an error, $bad did harm" >&2
}
if [ -n "${SAVBENCH_FAIL_STRIDE:-}" ]; then
    every $MEMORY 0 savbench
    every $MEMORY 1 savbench
    every $MEMORY 1 savbench-engine
    every $MPI 0 savbench
    every $MPI 1 savbench
    every $MPI_END 0 savbench
    every $MPI_END 1 savbench
else
    try $MEMORY 100 0 0 savbench # the record of options
    try $MEMORY 300 1 0 savbench
    try $MEMORY 200 0 1 savbench-engine
    try $MPI 25 1 1 savbench
    try $MPI_END 0 0 0 savbench
    try $MPI_END 1 0 1 savbench # it got as far as the barrier
fi
echo "$tried calls tried in jobs, $ended ended with an error, $bad did harm" >&2
[ $bad = 0 ] && [ $ended -gt 0 ] && echo "clean ends, all there afterwards" # none ended: nothing was made to fail
