# Three boards: one is killed in the middle of a job, which goes on without it and says so; then another freezes, and the last one
# completes the job (tests/cli/frozen.sh: within two leases). Nothing of it is left on the last one.
for host in orin1 orin2 orin3; do
    on $host "$MAKE_DATASET data; printf 'orin1 slots=1\norin2 slots=1\norin3 slots=1\n' >hosts" >/dev/null
done
# A second a trial; leases of 8.2 s.
for host in orin1 orin2 orin3; do echo "SAVBENCH_STUB_FAULT=sleep:0:12 SAVBENCH_ENGINE_SILENCE_S=4" >"$H/$host.env"; done
run="$BIN/savbench run --hostfile hosts --split-dir data --models stub --prompts box --image-size 256 --dtype float32,bfloat16 --warmup-frames 0 --repeats 3 --out-dir out --quiet"
done_trials() { on orin1 "find out/shards -name '[!.]*.h5' 2>/dev/null | wc -l"; }
patiently() { # patiently COMMAND...: until it succeeds, or the job is over
    until "$@" || ! kill -0 $job 2>/dev/null; do
        sleep 0.2
    done
}
more_than() { [ "$(done_trials)" -gt "$1" ]; }
says() { grep -q "$1" err.txt; }

on orin1 "$run; echo exit \$?" >out.txt 2>err.txt &
job=$!
patiently more_than 0
host_kill orin2
patiently says 'left out, as they do not answer: .*orin2'
patiently more_than "$(done_trials)"
host_freeze orin3
wait $job || :
cat out.txt
grep -o 'left out, as they do not answer: .*' err.txt | head -1
on orin1 "$BIN/savbench query out 'SELECT status, count(*) AS n FROM trial GROUP BY 1' --format csv; $BIN/savbench verify out" | tr -d '\r'
left=$(for p in $(host_processes orin1); do readlink "/proc/$p/exe" || :; done | grep -c 'savbench\|orterun\|orted' || :)
echo "$left processes left"
kill -KILL $(host_processes orin3) 2>/dev/null || :
