# The hand-written scripts of slurm/, as their own heads say to use them.
mkdir -p slurm
cp "$TESTS/../../slurm/"*.sbatch slurm/
{
    echo "SAVBENCH='$SAVBENCH' DATA='$PWD/data' WEIGHTS=checkpoints OUT='$PWD/'\$WHERE STATE='$PWD/state-'\$WHERE"
} >slurm/site.env
rest="--models stub --prompts box --image-size 256 --dtype float32,bfloat16"
facts="SELECT video, tag, repetition, status, jf, n_frames FROM record ORDER BY 1, 2, 3"
export WHERE=one
job_wait "$(sbatch --parsable --gres=gpu:2 slurm/workstation.sbatch $rest)"
export WHERE=two
job=$(sbatch --parsable --nodes=2 --gpus-per-node=2 --ntasks-per-node=2 slurm/nodes.sbatch $rest)
job_wait "$job"
grep -c ' cpu ' "savbench-$job.log" # ranks that `devices` lists
export WHERE=all
job=$(sbatch --parsable --array=1-4 --gres=gpu:1 slurm/array.sbatch $rest)
merge=$(sbatch --parsable --dependency=afterany:$job --wrap '. slurm/site.env; "$SAVBENCH" merge "$OUT" "$OUT"-slices/*')
job_wait "$job"
job_wait "$merge"
for out in one two all; do "$BIN/savbench" query $out "$facts" --format csv >$out.csv; done
cmp one.csv two.csv && cmp one.csv all.csv && echo "three ways, the same records: $(($(wc -l <one.csv) - 1))"
