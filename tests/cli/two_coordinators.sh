# Two live coordinators on one output folder: while the lock holds, the second is refused by name. Where the lock is of no
# use (here it is taken away, as on a file system without locks), the second one fences the first: that one can write no more
# and ends with an error, the second completes, and every result is there once. So it is, too, when each keeps its database in
# a state folder of its own.
. "$TESTS/lib.sh"
from=9 # the first one must be at work as long as the second takes
[ -z "${SAVBENCH_EMULATED:-}" ] || from=1

# The second one's options are $2.
take_over() {
    SAVBENCH_STUB_FAULT=sleep:112:$from exec_job 1 --quiet $1 >/dev/null 2>first &
    first=$!
    wait_until 30 shards_at_least 1 || exit 1
    code job 1 --quiet $2 2>second
    grep -c "is being written by [0-9]*@" second
    rm out/.lock
    code job 1 --quiet $2
    trials
    rc=0
    wait $first || rc=$?
    echo "exit $rc"
    grep -o "another savbench has taken over 'out'" first
    code "$BIN/savbench" verify out
}

take_over "" ""
rm -r out
take_over "--state-dir one" "--state-dir two"
wait_until 10 none_left && echo "no process left"
