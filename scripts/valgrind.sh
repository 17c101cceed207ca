#!/usr/bin/env bash
# The tests under Valgrind's memcheck:  bash scripts/valgrind.sh [--tests REGEX] [--build DIR]
#
#   --tests REGEX   ctest's -R (default: the unit tests of all layers and the command-line tests that need no deadlines)
#   --build DIR     a build without sanitizers (default: the preset `valgrind`, made here: no torch, -O1)
#
# What a program started by a test starts is followed, but for the shell's tools. Errors and lost memory fail, by the logs: an exit code of
# memcheck's would be mpirun's, whose own plugins lose memory. Open MPI's own are left out by its suppressions and
# tests/sanitizers/valgrind.supp.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 3
export LC_ALL=C.UTF-8

. scripts/options.sh
tests='^(test_|mutate_|fuzz_seeds)|^cli_(run|track|plan|verify|merge|clicks|bad_video|refused_options|slurm_script)$' build=''
take_options 'tests build' "$@"
command -v valgrind > /dev/null || { echo "valgrind.sh: valgrind is missing: apt-get install valgrind" >&2; exit 2; }
if [ -z "$build" ]; then
    build=build/valgrind
    { cmake --preset valgrind && cmake --build --preset valgrind; } > /dev/null || exit 3
fi
build=$(cd "$build" && pwd)
logs=$build/memcheck
rm -rf "$logs"
mkdir -p "$logs"
own=$(ompi_info --parsable --path pkgdatadir 2> /dev/null | sed 's/.*://')/openmpi-valgrind.supp
tools=$(printf '*/%s,' sed grep find sort cat rm mkdir cp mv ln diff sleep cut head tail wc stat touch ps seq date tr awk mawk sqlite3 python3)
# Fewer tries where a test counts them: each is some 50 times slower here.
export SAVBENCH_FAULT_STRIDE=${SAVBENCH_FAULT_STRIDE:-40009} SAVBENCH_POWER_CUTS=${SAVBENCH_POWER_CUTS:-20}
# test_hostile keeps its children from opening files for writing, and memcheck's log is one; test_failures and test_plan_failures
# have an allocator of their own, as has test_shard_failures; test_device_pick sets RLIMIT_DATA, which Valgrind keeps for itself.
left_out='^test_(hostile|failures|shard_failures|plan_failures|device_pick)$'
ctest --test-dir "$build" -N -R "$tests" -E "$left_out" | sed -n 's/^ *Test *#[0-9]*: //p' > "$logs/tests"
valgrind --trace-children=yes --trace-children-skip="$tools" \
    --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
    --child-silent-after-fork=no --suppressions="$PWD/tests/sanitizers/valgrind.supp" ${own:+$([ -f "$own" ] && echo --suppressions="$own")} \
    --log-file="$logs/%p.log" \
    "$(command -v ctest)" --test-dir "$build" -R "$tests" -E "$left_out" --timeout 3000 --output-on-failure < /dev/null
status=$?
# Not what Valgrind says of itself, such as ioctls that it does not know, nor of mpirun.
found=$(cd "$logs" && grep -LE '^==[0-9]+== Command: [^ ]*(mpirun|orterun)' ./*.log | xargs -r grep -lE '^==[0-9]+== *(Invalid |Syscall param|Conditional jump|Use of|Mismatched|Source and destination|Process terminating|[0-9,]+ .*lost in loss)')
for log in $found; do
    cat "$logs/$log"
done
printf '%d tests, %d processes under memcheck, %d with reports (%s)\n' "$(wc -l < "$logs/tests")" "$(find "$logs" -name '*.log' | wc -l)" \
    "$(echo $found | wc -w)" "$logs"
[ -z "$found" ] && exit $status || exit 1
