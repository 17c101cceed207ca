# A plan over many models, most of whose checkpoints are broken, each in its own way: a record with its reason for each,
# and the rest runs. What a file says is done by nobody.
. "$TESTS/lib.sh"
lists=$TESTS/../golden/weights
sam=$lists/sam2.1_hiera_t_seed13.txt
make() { "$BIN/make_weights" "$@"; }
mkdir w
make $lists/edgetam_seed2.txt w/shapes image_encoder.trunk.body.stem.conv1.c.weight=24x3x5x5 no_obj_ptr=1x255
make $sam w/missing -memory_encoder.out_proj.bias
make $sam w/extra -no_obj_embed_spatial -obj_ptr_tpos_proj.weight -obj_ptr_tpos_proj.bias +memory_encoder.gate
make $sam w/tiny
make $sam w/whole
head -c 1000000 w/whole >w/truncated
make hostile w/hostile w/executed
# half of the file, then what a file system shows for blocks that were never written
good=$TESTS/../checkpoint/fixtures/good_training.pt
head -c 3500 $good >w/half
truncate -s "$(stat -c %s $good)" w/half
code "$BIN/savbench" run --split-dir data --limit-videos 1 --limit-objects 1 --max-clip-frames 2 --warmup-frames 0 --image-size 256 --dtype float32 --device cpu --workers 1 \
    --quiet --out-dir out --models stub,edgetam,sam2.1_*,sam2_t,sam2_b+,sam2_s --checkpoint seed:1 \
    --checkpoint edgetam=w/shapes --checkpoint sam2.1_t=w/missing --checkpoint sam2.1_s=w/tiny --checkpoint sam2.1_b+=w/truncated \
    --checkpoint sam2.1_l=w/hostile --checkpoint sam2_t=w/extra --checkpoint sam2_b+=w/half
sql "SELECT model, status, code, reason FROM trial JOIN variant USING (variant_id) ORDER BY status, model"
sql "SELECT count(*) AS lost_engines FROM attempt WHERE outcome IN ('signal', 'exit', 'hang', 'oom_host')"
[ ! -e w/executed ] && echo "nothing was executed"
