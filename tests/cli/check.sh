# check.sh TEST.sh BINDIR MAKE_DATASET SCRATCH: runs a test in an empty SCRATCH on a fresh dataset ./data and compares
# what it prints with TEST.expected.
set -eu
test=$1
BIN=$2
make_dataset=$3
scratch=$4
export BIN TESTS=${test%/*}

# Open MPI as root, on few cores, in a sandbox; nothing of an outer job.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
# What Open MPI itself leaves allocated is not ours. Reports go to files: a process whose end is put up with, and one whose output
# nobody reads, must not report unseen.
reports=$scratch.report
rm -f "$reports".*
export LSAN_OPTIONS="suppressions=$TESTS/../sanitizers/lsan.supp:print_suppressions=0"
# intercept_tls_get_addr: noting plugins' thread-local blocks, LeakSanitizer itself crashed on a bare Debian ("Tracer caught signal 11").
export ASAN_OPTIONS="log_path=$reports:intercept_tls_get_addr=0" UBSAN_OPTIONS="log_path=$reports:print_stacktrace=1"
# Without the C library's symbols (Debian: libc6-dbg) whose its frames are is told by unwinding in full, which takes five times as long.
[ -d /usr/lib/debug/.build-id ] || ASAN_OPTIONS=$ASAN_OPTIONS:fast_unwind_on_malloc=0
export TSAN_OPTIONS="suppressions=$TESTS/../sanitizers/tsan.supp:log_path=$reports"
unset SAVBENCH_STUB_FAULT SAVBENCH_STUB_BATCH SAVBENCH_ENGINE_SILENCE_S SAVBENCH_ENGINE SAVBENCH_SUPERVISED 2>/dev/null || :

rm -rf "$scratch"
mkdir -p "$scratch"
cd "$scratch"
"$make_dataset" data
rc=0
sh "$test" >got 2>log || rc=$?
if [ $rc = 77 ]; then
    cat got
    exit 77
elif [ $rc != 0 ]; then
    echo "failed:"
    cat got
    echo "log:"
    cat log "$reports".* 2>/dev/null || :
    exit 1
fi
if ! diff -u "${test%.sh}.expected" got; then
    echo "log:"
    cat log "$reports".* 2>/dev/null || :
    exit 1
fi
# Signals that a test sends or has an engine raise are reported too, and are none; nor is that a thread ended while leaks were looked for.
! grep -q 'SAVBENCH_STUB_FAULT\|kill' "$test" || expected='AddressSanitizer: *DEADLYSIGNAL\|AddressSanitizer: \(SEGV\|ABRT\|BUS\)'
for report in "$reports".*; do
    if [ -e "$report" ] && grep -qvE '^(==[0-9]+==Unable to get registers from thread [0-9]+\.)?$' "$report" && ! grep -q "${expected:-no such line}" "$report"; then
        echo "a sanitizer's report:"
        cat "$report"
        exit 1
    fi
done
