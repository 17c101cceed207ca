#!/usr/bin/env bash
# The fault suites in full, on the stub model:  bash scripts/fault_soak.sh [BUILD]   (default build/release)
#
# What check.sh tries at a few points this tries at all of them, or at as many as SOAK_SCALE says (percent, default 100):
#   every file call of a run of 20 videos: killed before it, torn, failing once, failing for ever
#   every allocation, SQL statement and HDF5 call of a run of 4 videos, failing once and for ever; every 101st allocation of
#   SQLite and HDF5, of which there are some hundred thousand (SAVBENCH_FAIL_STRIDE=1 build/release/test_failures: all);
#   every 11th allocation and MPI call of coordinator, worker and engine
#   10 000 power cuts; 100 000 bits turned over in rows and 100 000 in shards
#   4 500 faults of engines and 500 of ranks and mpirun, in running jobs
# Prints the counts; exit code 0 when no harm was done. Takes hours; TMPDIR on a memory file system helps.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${1:-$root/build/release}
scale=${SOAK_SCALE:-100}
[ -x "$build/test_calls" ] || { echo "fault_soak.sh: '$build' has no tests: bash scripts/check.sh builds them, or name the build folder" >&2; exit 2; }
build=$(cd "$build" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
status=0

part() { # part OF_100_PERCENT: scaled, at least 1
    echo $((($1 * scale + 99) / 100))
}
run() { # run NAME COMMAND...
    echo "== $1"
    shift
    "$@" || { echo "   failed: $*"; status=1; }
}

stride=$((100 / (scale > 100 ? 100 : scale)))
run "file calls" env SAVBENCH_FAULT_STRIDE=$stride "$build/test_calls"
for kind in 0 3 4 5; do
    run "failing calls" env SAVBENCH_FAIL_KIND=$kind SAVBENCH_FAIL_STRIDE=$stride "$build/test_failures"
done
for kind in 1 2; do
    run "failing calls" env SAVBENCH_FAIL_KIND=$kind SAVBENCH_FAIL_STRIDE=$((101 * stride)) "$build/test_failures"
done
run "failing calls in jobs" env SAVBENCH_FAIL_STRIDE=$((11 * stride)) \
    sh "$root/tests/cli/check.sh" "$root/tests/cli/failing_calls.sh" "$build" "$build/make_dataset" "$scratch/calls"
[ -f "$scratch/calls/log" ] && tail -n 1 "$scratch/calls/log"
run "power cuts" env SAVBENCH_POWER_CUTS="$(part 10000)" "$build/test_power"
run "bits" env SAVBENCH_FLIPS="$(part 100000)" "$build/test_verify"
run "faults in jobs" env SAVBENCH_FAULTS="$(part 4500):$(part 500)" SAVBENCH_REPEATS=100 \
    sh "$root/tests/cli/check.sh" "$root/tests/cli/random_faults.sh" "$build" "$build/make_dataset" "$scratch/faults"
[ -f "$scratch/faults/log" ] && tail -n 1 "$scratch/faults/log"
exit $status
