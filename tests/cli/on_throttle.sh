# A board that throttles, as a tree of files: trials are marked, wait until it is over, or run again.
. "$TESTS/lib.sh"
tree=$PWD/board
while IFS= read -r line; do
    path=$tree/${line%% = *}
    mkdir -p "${path%/*}"
    printf '%b\n' "${line#* = }" >"$path"
done <"$TESTS/../telemetry/boards/orin_nano.tree"
export SAVBENCH_SYSFS_ROOT=$tree
throttle() { echo "$1" >"$tree/sys/class/thermal/cooling_device1/cur_state"; }
shown="SELECT DISTINCT throttled, throttle_reasons, throttle_repeats, power_source, energy_j > 0 AS energy, power_mean_w FROM trial"
STUB="$STUB --limit-videos 1 --dtype float32 --workers 1 --telemetry-hz 50 --quiet"

throttle 2
"$BIN/savbench" run $STUB >/dev/null
sql "$shown"
sql "SELECT label LIKE '%15W%' AS power_mode_in_device FROM device_class"
sql "SELECT n_trials, n_throttled FROM energy"

(sleep 4 && throttle 0) & # the engine first watches for idle power
"$BIN/savbench" run $STUB --on-throttle wait --out-dir waited >/dev/null
wait
"$BIN/savbench" query waited "$shown" --format csv

throttle 2 # and a signal ends a wait at once: nothing of a trial has begun
"$BIN/savbench" run $STUB --on-throttle wait --out-dir stopped >/dev/null 2>>log &
job=$!
sleep 4
begun=$(date +%s)
kill -TERM $job
rc=0
wait $job || rc=$?
echo "exit $rc"
[ $(($(date +%s) - begun)) -lt 15 ] && echo "before its grace was over"
"$BIN/savbench" query stopped "SELECT (SELECT count(*) FROM trial) AS trials, count(*) AS lost FROM attempt" --format csv

SAVBENCH_STUB_FAULT=sleep:0:11 "$BIN/savbench" run $STUB --on-throttle repeat --out-dir repeated >/dev/null &
job=$!
while kill -0 $job 2>/dev/null; do # hot and cool by turns: cool enough to begin, hot again soon
    throttle 0
    sleep 0.2
    throttle 2
    sleep 0.2
done
wait $job
"$BIN/savbench" query repeated "$shown" --format csv
