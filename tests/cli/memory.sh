# Out of memory: a trial is repeated with half as many objects in a pass, down to one, and the record says with how many it ran;
# where one is too many too, it is a failed record, and the run goes on. So it is where memory does, but only just: the numbers would be the
# allocator's.
. "$TESTS/lib.sh"
short_of() { # VARIABLE VIDEOS: memory does with one object in a pass, then with none
    export "$1=1"
    code job 1 --max-batch 8 --limit-videos "$2"
    sql "SELECT status, max_batch, oom_retries, count(*) AS n FROM trial GROUP BY 1, 2, 3"
    rm -r out
    export "$1=0"
    code job 1 --max-batch 8 --limit-videos 1
    sql "SELECT DISTINCT code, reason FROM trial"
    sql "SELECT outcome, count(*) AS n FROM attempt GROUP BY outcome"
    "$BIN/savbench" status out | head -1 # the engine lives
    rm -r out
    unset "$1"
}
short_of SAVBENCH_STUB_BATCH 2
short_of SAVBENCH_STUB_SHORT 1
code job 1 --limit-videos 1
sql "SELECT DISTINCT max_batch, oom_retries, estimate_device_bytes, estimate_rss_bytes > 0 AS estimated FROM trial"
