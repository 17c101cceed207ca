# Batch scripts by options; each is one that bash reads, and what cannot be is refused.
. "$TESTS/lib.sh"
export SAVBENCH=/opt/savbench
slurm() { "$BIN/savbench" slurm "$@" | sed "s#$BIN#BIN#" | tee script; bash -n script && echo "# bash reads it"; echo; }
slurm --split-dir data --models stub
slurm --split_dir "my data" --models edgetam,'sam2.1_*' --autocast_dtype float32,bfloat16 --require-flash --checkpoint seed:1 \
    --nodes 2 --gpus-per-node 4 --gpu-type h200 --cpus-per-gpu 8 --mem 64G --time 4:00:00 --partition gpu --account lab --qos normal \
    --constraint nvlink --launcher srun --state-dir /local/state --site slurm/site.env --sbatch "--mail-type=END" --out-dir out/ --retry-failed
slurm --split-dir data --models stub --array 8 --array-limit 2 --no-requeue --out-dir "it's here" --state-dir /local/state
refused() { code "$BIN/savbench" slurm --split-dir data --models stub "$@" 2>&1; }
refused --partition 'gpu; rm -rf /'
refused --hostfile hosts
refused --array 4 --nodes 2
refused --array 4 --slice 1/2
refused --grace 600
refused --slice 5/4
refused --launcher prun
refused --array-limit 2
refused --gpus-per-node 0 --gpu-type h200
refused --test-only
refused --site none.env | sed -n '/note:/p;/^exit [0-9]/p' # said, and written all the same

# What an array's merge is submitted with, by an sbatch that notes its arguments.
mkdir bin
cat >bin/sbatch <<'END'
#!/bin/sh
printf '[%s] ' "$@" >>submitted
echo >>submitted
echo "17;cluster"
END
chmod +x bin/sbatch
echo 'savbench=x' >site.env
PATH=$PWD/bin:$PATH "$BIN/savbench" slurm --split-dir data --models stub --array 2 --submit --partition gpu --account lab --site site.env --out-dir "it's out/"
sed "s#$BIN#BIN#" submitted
