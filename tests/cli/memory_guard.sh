# A trial that cannot fit into what is free is not begun: a failed record says what is needed, what is free and what to do, and what
# fits runs. How many MiB are needed is a matter of the estimate's constants.
. "$TESTS/lib.sh"
mkdir -p root/proc
echo 'MemAvailable: 358400 kB' >root/proc/meminfo
run() {
    SAVBENCH_SYSFS_ROOT=$PWD/root "$BIN/savbench" run --split-dir data --models edgetam --checkpoint seed:1 --image-size 256,1024 --dtype float32 \
        --device cpu --workers 1 --limit-videos 1 --max-clip-frames 2 --warmup-frames 0 --telemetry-hz 0 --out-dir out "$@"
}
code run
sql "SELECT image_size, status, code, estimate_rss_bytes > peak_rss_bytes / 2 AS estimated FROM trial JOIN variant USING (variant_id) ORDER BY image_size"
sql "SELECT outcome, last_frame FROM attempt ORDER BY outcome"
sql "SELECT reason FROM trial WHERE status = 'failed'" | sed 's/[0-9][0-9]* MiB/N MiB/g'
sql "SELECT DISTINCT checkpoint, checkpoint_sha256 FROM provenance"
