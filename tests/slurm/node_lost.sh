# A node whose daemons are killed in the middle: Slurm gives the job to the other node, and what was recorded stays. Then the
# whole way of a time limit without any help: USR1, exit code 99, Slurm's own hold of two minutes, the rest.
[ -n "${SAVBENCH_LONG:-}" ] || { echo "skipped: takes twelve minutes; SAVBENCH_LONG=1 runs it"; exit 77; }
slurm() { "$BIN/savbench" slurm $STUB --gpus-per-node 1 "$@"; }
number() { sed -n 's/.*: job \([0-9]*\)$/\1/p' | head -1; }
done_in() { "$BIN/savbench" query "$1" "SELECT count(*) AS n FROM trial WHERE status = 'done'" --format csv 2>/dev/null | tail -1 | tr -d '\r'; }
some_done() { [ "$(done_in "$1")" -ge 1 ] 2>/dev/null; }
export SAVBENCH_STUB_FAULT=sleep:0:12

job=$(slurm --out-dir lost --sbatch "--nodelist=node1" --job-name lost --submit | number)
wait_until 30 some_done lost
scontrol update "JobId=$job" Requeue=1
pid=$(cat "$S/run/slurmd.node1.pid")
steps=$(ps -eo pid=,args= | sed -n 's/^ *\([0-9]*\) .*slurmstepd: \['"$job"'\..*/\1/p')
kill -9 "$pid" $steps
requeued() { [ "$(scontrol show job "$job" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p')" -ge 1 ]; }
wait_until 120 requeued && echo "requeued"
node_start 1
job_wait "$job" 300 # after Slurm's own hold of two minutes
done_in lost
"$BIN/savbench" verify lost >/dev/null && echo "verified"

job=$(slurm --out-dir limit --time 2 --repeats 20 --dtype float32 --grace 20 --signal-lead 80 --job-name limit --submit | number)
job_wait "$job" 600
done_in limit
