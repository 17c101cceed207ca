# Random faults while jobs run: engines are killed (KILL, SEGV, ABRT), stopped or leave with code 0, and workers, the coordinator
# and mpirun are killed, each where chance finds it. Whatever happens, the supervisor completes the job: every trial is there once (done, or
# quarantined when it met three faults), verify finds nothing, no process and no temporary file is left.
# SAVBENCH_FAULTS=ENGINES:OTHERS faults (default 6:2), in jobs of SAVBENCH_REPEATS (default 12) repetitions;
# SAVBENCH_PART: a share of those.
. "$TESTS/lib.sh"
wanted=${SAVBENCH_FAULTS:-6:2}
engines=$(share ${wanted%:*}) others=$(share ${wanted#*:})
export SAVBENCH_ENGINE_SILENCE_S=1 OMPI_MCA_orte_base_help_aggregate=0
STUB="$STUB --repeats ${SAVBENCH_REPEATS:-12} --warmup-frames 0"
trials=$((8 * ${SAVBENCH_REPEATS:-12}))
engine_faults=0 other_faults=0 jobs=0 bad=0

one_of() { shuf -n 1 -e "$@"; }
processes() { # processes NAME: of this test; with the ranks mpirun
    for p in $(of_this_test); do
        case "$1 $(program_of "$p")" in
        *" $BIN/$1" | "savbench "*/orterun | "savbench "*/mpirun | "savbench "*/mpirun.openmpi) echo "$p" ;;
        esac
    done
}
hit_engine() {
    how=$(one_of KILL SEGV ABRT STOP leave)
    if [ $how = leave ]; then # one that begins a frame does; it then makes the file
        rm -f leave
        wait_until 1 test -e leave >/dev/null || { : >leave; return 1; }
    else
        victim=$(one_of $(processes savbench-engine)) && [ -n "$victim" ] && kill -$how "$victim" 2>/dev/null
    fi
}
hit_other() { # a rank or mpirun, but not the supervisor
    victims=
    for p in $(processes savbench); do
        [ "$p" = "$job" ] || victims="$victims $p"
    done
    [ -n "$victims" ] && kill -KILL "$(one_of $victims)" 2>/dev/null
}
problem() {
    echo "job $jobs: $*"
    bad=1
}

while [ $engine_faults -lt $engines ] || [ $other_faults -lt $others ]; do
    rm -rf out
    jobs=$((jobs + 1))
    : >leave
    SAVBENCH_STUB_FAULT="leave:0:$(shuf -i 0-12 -n 1):$PWD/leave" "$BIN/savbench" run $STUB --workers 2 --quiet >/dev/null 2>job_log &
    job=$!
    until_other=$(shuf -i 4-14 -n 1)
    while kill -0 $job 2>/dev/null; do
        sleep 0.2
        until_other=$((until_other - 1))
        if [ $until_other -le 0 ] && [ $other_faults -lt $others ]; then
            hit_other && other_faults=$((other_faults + 1))
            until_other=$(shuf -i 10-30 -n 1)
        elif [ $engine_faults -lt $engines ]; then
            hit_engine && engine_faults=$((engine_faults + 1))
        fi
    done
    rc=0
    wait $job || rc=$?
    [ $rc -le 1 ] || problem "exit code $rc"
    [ "$(sql "SELECT count(*) FROM trial WHERE status <> 'failed'" | tail -1 | tr -d '\r')" = $trials ] || problem "a trial is missing"
    [ "$(find out/shards -name '*.h5' | wc -l)" = "$(sql "SELECT count(*) FROM trial WHERE status = 'done'" | tail -1 | tr -d '\r')" ] || problem "shards and rows differ"
    [ $rc = 0 ] || sql "SELECT count(*) AS quarantined FROM trial WHERE status = 'quarantined'" >&2
    "$BIN/savbench" verify out >verified || problem "$(cat verified)"
    wait_until 5 none_left || problem "processes are left: $(ours)"
    [ -z "$(find out -name '.tmp-*' -o -name '*-wal')" ] || problem "files are left"
    [ $bad = 0 ] || { cat job_log >&2; break; }
done
echo "$jobs jobs, $engine_faults faults of engines, $other_faults of ranks and mpirun" >&2
[ $bad = 0 ] && echo "all there once, nothing left"
