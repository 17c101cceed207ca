# Batch scripts of `savbench slurm` on a real cluster: srun on one node, mpirun over two, the srun form over two by Slurm's own
# check (pretended nodes share a host, and PMIx its folder), an array that is merged.
slurm() { "$BIN/savbench" slurm $STUB --gpus-per-node 2 --cpus-per-gpu 1 "$@"; }
number() { sed -n 's/.*: job \([0-9]*\)$/\1/p' | head -1; }

job=$(slurm --out-dir one --launcher srun --job-name one --submit | number)
job_wait "$job"
"$BIN/savbench" query one "SELECT status, count(*) AS n FROM trial GROUP BY 1" --format csv

job=$(slurm --out-dir two --nodes 2 --job-name two --submit | number)
job_wait "$job"
"$BIN/savbench" query two "SELECT status, count(*) AS n FROM trial GROUP BY 1" --format csv
grep -c "4 workers" "savbench-$job.log"

code slurm --nodes 2 --launcher srun --job-name three --submit --test-only 2>&1 | sed 's/.*Job [0-9]* to start.*/Slurm would start it/'

slurm --out-dir whole --array 4 --array-limit 2 --gpus-per-node 1 --job-name slices --submit >submitted
job=$(number <submitted)
job_wait "$job"
job_wait "$(sed -n 's/^merge: job \([0-9]*\),.*/\1/p' submitted)"
facts="SELECT video, tag, repetition, status, jf, n_frames FROM record ORDER BY 1, 2, 3"
"$BIN/savbench" query whole "$facts" --format csv >merged.csv
"$BIN/savbench" query one "$facts" --format csv | cmp - merged.csv && echo "an array of four is one run"
