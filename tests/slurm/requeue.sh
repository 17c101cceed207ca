# USR1 ahead of the limit: running trials end, the job asks for itself again (exit code 99) and the second start does the
# rest; scancel leaves a folder that the same command completes; a node daemon that dies takes no result with it.
slurm() { "$BIN/savbench" slurm $STUB --gpus-per-node 1 "$@"; }
number() { sed -n 's/.*: job \([0-9]*\)$/\1/p' | head -1; }
restarts() { scontrol show job "$1" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p'; }
restarted() { [ "$(restarts "$1")" -ge 1 ]; }
done_in() { "$BIN/savbench" query "$1" "SELECT count(*) AS n FROM trial WHERE status = 'done'" --format csv 2>/dev/null | tail -1 | tr -d '\r'; }
some_done() { [ "$(done_in "$1")" -ge 1 ] 2>/dev/null; }
export SAVBENCH_STUB_FAULT=sleep:0:12 # a second and more per trial

for launcher in mpirun srun; do
    out=drained-$launcher
    job=$(slurm --out-dir $out --launcher $launcher --state-dir "$PWD/state-$launcher" --job-name $launcher --submit | number)
    wait_until 30 some_done $out
    scancel --batch --signal=USR1 "$job"
    wait_until 30 restarted "$job" && echo "$launcher: asked for again"
    n=$(done_in $out)
    [ "$n" -ge 1 ] && [ "$n" -lt 8 ] && echo "some trials are done, some are left"
    wait_until 30 nodes_idle # Slurm has cleared the first start away
    sleep 3
    scontrol update "JobId=$job" StartTime=now # Slurm itself would hold it for two minutes
    job_wait "$job" 120
    "$BIN/savbench" query $out "SELECT count(*) AS done, count(DISTINCT run_id) AS runs FROM trial WHERE status = 'done'" --format csv
    grep -q "lost the engine" "savbench-$job.log" && echo "an engine was lost" # Slurm signals engines too
done

job=$(slurm --out-dir cancelled --job-name cancelled --submit | number)
wait_until 30 some_done cancelled
scancel "$job"
wait_until 60 job_ended "$job"
sleep 1
unset SAVBENCH_STUB_FAULT
job=$(slurm --out-dir cancelled --job-name again --submit | number)
job_wait "$job"
done_in cancelled
