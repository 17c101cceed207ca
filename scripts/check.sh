#!/usr/bin/env bash
# Builds everything and runs the whole test suite:  bash scripts/check.sh [--slurm]
#
# --slurm, as root: Slurm's daemons are installed too, for its tests (see deps.sh); without them these are skipped.
# Two builds: `dev` (AddressSanitizer, UBSan, warnings are errors; the stub model, no torch) and `release` (with the real
# models and the golden tests). Exit code: 0 when all tests pass, ctest's own otherwise; 2 when something must be
# installed by hand, 3 when the build fails.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/deps.sh"
cd "$VB_ROOT" || exit 3
export LC_ALL=C.UTF-8

deps_system --tests "$@"
deps_torch
deps_build dev
deps_build release

ctest_in() { # FOLDER
    ctest --test-dir "$1" --output-on-failure --no-tests=error -j "$(nproc)" < /dev/null
}
ctest_in build/dev
dev=$?
ctest_in build/release
release=$?
[ "$dev" -eq 0 ] || echo "The tests of build/dev failed (above)."
exit $((release != 0 ? release : dev))
