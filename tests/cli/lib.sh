# What the tests of this folder share; sourced.
STUB="--split-dir data --models stub --prompts box --image-size 256 --dtype float32,bfloat16 --out-dir out"

# Runs a command and prints its exit code.
code() {
    rc=0
    "$@" || rc=$?
    echo "exit $rc"
}

job() { # job WORKERS [more options]: under mpirun
    n=$((1 + $1))
    shift
    mpirun -n $n "$BIN/savbench" run $STUB "$@"
}

# The same in place of this shell: to be started in the background, so that $! is mpirun.
exec_job() {
    n=$((1 + $1))
    shift
    exec mpirun -n $n "$BIN/savbench" run $STUB "$@"
}

sql() { "$BIN/savbench" query out "$1" --format csv; }

trials() { sql "SELECT status, count(*) AS n FROM trial GROUP BY status ORDER BY status"; }

# Name, time and size of every file of the results.
state_of_files() { find out -printf '%p %T@ %s\n' | sort; }

# wait_until SECONDS COMMAND...: until it succeeds.
wait_until() {
    tries=$(($1 * 20))
    shift
    while ! "$@" >/dev/null 2>&1; do
        tries=$((tries - 1))
        if [ $tries -le 0 ]; then
            echo "gave up waiting for: $*"
            return 1
        fi
        sleep 0.05
    done
}

shards_at_least() { [ "$(find out/shards -name '[!.]*.h5' 2>/dev/null | wc -l)" -ge "$1" ]; }

# A process's program; under an emulator (scripts/aarch64.sh) what that runs.
program_of() {
    program=$(readlink "/proc/$1/exe" 2>/dev/null)
    case "$program" in
    */qemu-aarch64*) program=$(tr '\0' '\n' <"/proc/$1/cmdline" 2>/dev/null | sed -n 2p) ;;
    esac
    echo "$program"
}

# Processes of this test: their working folder is the scratch folder.
of_this_test() { find /proc/[0-9]*/cwd -maxdepth 0 -lname "$PWD" 2>/dev/null | cut -d / -f 3; }

# Those of them that run a program of ours.
ours() {
    for p in $(of_this_test); do
        case "$(program_of "$p")" in
        "$BIN"/savbench*) echo "$p" ;;
        esac
    done
}
none_left() { [ -z "$(ours)" ]; }

# The process of a rank (of the job of this test).
rank() {
    for p in $(ours); do
        if tr '\0' '\n' <"/proc/$p/environ" 2>/dev/null | grep -qx "OMPI_COMM_WORLD_RANK=$1" &&
            case "$(program_of "$p")" in *savbench) true ;; *) false ;; esac; then
            echo "$p"
            return
        fi
    done
    return 1
}

# share COUNT: what of it is this process's to do, where several share the work: SAVBENCH_PART=K/N.
PART=${SAVBENCH_PART:-0/1}
share() { echo $(($1 / ${PART#*/})); }
