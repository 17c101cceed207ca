# run.sh TEST.sh BINDIR MAKE_DATASET SCRATCH: one test with four hosts ($HOSTS: others); what it prints must be TEST.expected. Exit code 77: this
# machine cannot.
set -eu
if [ "${HOSTS_INSIDE:-}" != 1 ]; then
    . "${1%/*}/hosts.sh"
    hosts_needs
    HOSTS_INSIDE=1 exec unshare --net --mount sh "$0" "$@"
fi
test=$1 BIN=$2 make_dataset=$3 scratch=$4
export BIN MAKE_DATASET="$make_dataset"
for name in $(env | sed -n 's/^\(SLURM_[A-Z_]*\|OMPI_[A-Z_]*\|PMIX_[A-Z_]*\|SAVBENCH_[A-Z_]*\)=.*/\1/p'); do unset "$name"; done
case $scratch in /tmp/*) echo "skipped: every host has a /tmp of its own, '$scratch' cannot lie there" && exit 77 ;; esac
rm -rf "$scratch"
mkdir -p "$scratch/own" # stays outside of every host's view
cd "$scratch"
. "${test%/*}/hosts.sh"
own=$(mktemp -d /var/tmp/savbench-hosts-XXXXXX)
trap 'hosts_stop; rm -rf "$own" 2>/dev/null || :' EXIT
hosts_start "$own" ${HOSTS:-orin1 orin2 orin3 orin4}
rc=0
sh -eu -c '. "$1"; H=$2; . "$3"' sh "${test%/*}/hosts.sh" "$own" "$test" >"$own/got" 2>"$own/log" || rc=$?
if [ $rc != 0 ] || ! diff -u "${test%.sh}.expected" "$own/got"; then
    echo "exit $rc; printed:"
    cat "$own/got" "$own/log"
    exit 1
fi
