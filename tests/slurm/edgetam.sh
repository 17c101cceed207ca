# A real model under Slurm, on the CPU: the demo weights and two clips by srun on one node and by mpirun over two; the same scores.
slurm() {
    "$BIN/savbench" slurm --split-dir clips --models edgetam --checkpoint "$DATA/edgetam_shapes.pt" --prompts box --image-size 512 --dtype float32 \
        --device cpu --threads 1 --max-clip-frames 9 --gpus-per-node 1 --cpus-per-gpu 1 "$@"
}
number() { sed -n 's/.*: job \([0-9]*\)$/\1/p' | head -1; }
for kind in JPEGImages_24fps Annotations_6fps; do
    mkdir -p clips/$kind
    cp -r "$DATA/$kind/shapes_000001" "$DATA/$kind/shapes_000002" clips/$kind/
done
job_wait "$(slurm --out-dir one --launcher srun --job-name one --submit | number)" 200
job_wait "$(slurm --out-dir two --nodes 2 --job-name two --submit | number)" 200
facts="SELECT video, tag, status, printf('%.6f', jf) AS jf, jf > 0.5 AS tracked, n_frames FROM record ORDER BY 1, 2"
for out in one two; do "$BIN/savbench" query $out "$facts" --format csv >$out.csv; done
cut -d , -f 1,3,5,6 one.csv
cmp one.csv two.csv && echo "the same scores"
