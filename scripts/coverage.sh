#!/usr/bin/env bash
# Lines and branches of sched/ and results/ that the tests reach:  bash scripts/coverage.sh [--tests REGEX] [--out DIR]
#
#   --tests REGEX   ctest's -R (default: all tests but those of Slurm; then also more of the failing calls than the suite tries)
#   --out DIR       where the report per line goes (default build/coverage/report)
#
# Builds the preset `coverage`, runs the tests and prints a table by gcovr (Debian, Ubuntu: apt-get install gcovr), without the
# branches that the compiler adds for itself. Then the lines and branches of commit and recovery that were not reached.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 3
export LC_ALL=C.UTF-8

. scripts/options.sh
tests='' out=build/coverage/report
take_options 'tests out' "$@"
command -v gcovr > /dev/null || { echo "coverage.sh: gcovr is missing: apt-get install gcovr" >&2; exit 2; }
{ cmake --preset coverage && cmake --build --preset coverage; } > /dev/null || exit 3
find build/coverage -name '*.gcda' -delete
# Failing calls are branches: more of them than in the suite. test_hostile's box lets nobody write counts.
export SAVBENCH_FAULT_STRIDE=${SAVBENCH_FAULT_STRIDE:-211} SAVBENCH_STORE_STRIDE=${SAVBENCH_STORE_STRIDE:-1}
ctest --test-dir build/coverage ${tests:+-R "$tests"} -E '^(slurm_|test_hostile$)' --output-on-failure < /dev/null
status=$?
if [ -z "$tests" ]; then
    for kind_stride in 0:7 4:7 5:41; do # our allocations, SQL, HDF5: tests/faults/fail.h
        SAVBENCH_FAIL_KIND=${kind_stride%:*} SAVBENCH_FAIL_STRIDE=${kind_stride#*:} build/coverage/test_failures || status=1
    done
    for test in plan shard; do
        SAVBENCH_FAIL_STRIDE=1 build/coverage/test_${test}_failures || status=1
    done
    SAVBENCH_FAIL_STRIDE=${SAVBENCH_FAIL_STRIDE:-97} ctest --test-dir build/coverage -R '^cli_failing_calls$' --timeout 3600 --output-on-failure < /dev/null || status=1
fi
mkdir -p "$out"
counts() { gcovr --root . --object-directory build/coverage --exclude-unreachable-branches --exclude-throw-branches "$@"; }
counts --filter 'sched/' --filter 'results/' --json "$out/counts.json" --html-details "$out/index.html" > /dev/null
gcovr --root . -a "$out/counts.json" | tee "$out/lines.txt"
gcovr --root . -a "$out/counts.json" --branches | tee "$out/branches.txt"
for file in commit publish staged recover store; do
    python3 - "$out/counts.json" "results/$file.c" << 'PYTHON'
import json, sys
wanted = next(f for f in json.load(open(sys.argv[1]))["files"] if f["file"] == sys.argv[2])
text = open(sys.argv[2]).read().split("\n")
for line in wanted["lines"]:
    missed = [i for i, b in enumerate(line["branches"]) if not b["count"] and not b.get("throw")]
    if line.get("gcovr/noncode"):
        continue
    if not line["count"] or missed:
        what = "line" if not line["count"] else "branch " + ",".join(str(i) for i in missed) + " of %d" % len(line["branches"])
        print("%s:%d: %s: %s" % (sys.argv[2], line["line_number"], what, text[line["line_number"] - 1].strip()))
PYTHON
done | tee "$out/missed.txt"
exit $status
