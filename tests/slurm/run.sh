# run.sh TEST.sh BINDIR MAKE_DATASET SCRATCH: one test on a cluster of its own, in a network namespace of its own;
# what it prints must be TEST.expected. Exit code 77: this machine cannot.
set -eu
if [ "${CLUSTER_INSIDE:-}" != 1 ]; then
    . "${1%/*}/cluster.sh"
    cluster_needs
    unshare -n true 2>/dev/null || { echo "skipped: no network namespaces here"; exit 77; }
    CLUSTER_INSIDE=1 exec unshare -n sh "$0" "$@"
fi
test=$1 BIN=$2 make_dataset=$3 scratch=$4
export BIN TESTS="${test%/*}/../cli"
ip link set lo up
ip addr add 10.255.0.1/32 dev lo # without a second address the C library looks no host up
export OMPI_MCA_oob_tcp_if_include=lo OMPI_MCA_btl_tcp_if_include=lo OMPI_MCA_btl=tcp,self
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
export ASAN_OPTIONS=detect_leaks=0 SAVBENCH="$BIN/savbench"
unset SAVBENCH_STUB_FAULT SAVBENCH_ENGINE SAVBENCH_SUPERVISED 2>/dev/null || :
for name in $(env | sed -n 's/^\(SLURM_[A-Z_]*\|OMPI_COMM[A-Z_]*\|PMIX_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
rm -rf "$scratch"
mkdir -p "$scratch"
cd "$scratch"
. "$TESTS/lib.sh"
. "${test%/*}/cluster.sh"
# Sockets have short names.
short=$(mktemp -d /tmp/savbench-slurm-XXXXXX)
trap 'cluster_stop; rm -rf "$short"' EXIT
cluster_start "$short"
"$make_dataset" data
rc=0
sh -eu -c '. "$TESTS/lib.sh"; . "$1"; S=$2; . "$3"' sh "${test%/*}/cluster.sh" "$short" "$test" >got 2>log || rc=$?
if [ $rc = 77 ]; then
    cat got
    exit 77
fi
if [ $rc != 0 ]; then
    echo "failed:"
    cat got log
    cat ./*.log 2>/dev/null || :
    exit 1
fi
if ! diff -u "${test%.sh}.expected" got; then
    cat log ./*.log
    tail -n 20 "$short"/log/*.log
    exit 1
fi
