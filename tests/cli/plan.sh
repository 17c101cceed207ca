# A plan before anything is recorded, in the middle, and as JSON; it writes nothing. Sizes of the dataset's files differ
# between JPEG libraries, the measured hours between machines, constants of the memory estimate between versions, and what is "not here" between builds.
. "$TESTS/lib.sh"
plan() {
    "$BIN/savbench" plan --split-dir data --image-size 256 --weights-dir weights --out-dir out "$@" >plan.txt || return
    sed -e '/^not here: /d' -e 's/^bytes: [0-9.]* [kM]B/bytes: SIZE/' -e 's/^hours: [0-9.<]* on one .* threads*, by/hours: H on one CPU, by/' \
        -e 's/ *[0-9.]* [kMG]*B *[0-9.]* [kMG]*B  \([a-z/.]*\)$/ CUDA CPU  \1/' -e 's/  - *[0-9.]* [kMG]*B  none needed$/ - CPU  none needed/' \
        -e '/^stub.* variant /s/[<0-9.]* variant /H variant /' plan.txt
}
mkdir weights
: >weights/edgetam.pt
code plan --models 'edgetam_mask,sam2_base_points,sam2_[tl]' --dtype float32,bfloat16 --speed 10
[ ! -e out ] && echo "nothing was written"
code job 1 --limit-videos 3
state_of_files >before
code plan --models 'stub,*_mask,edgetam_mask' --prompts box --dtype float32,bfloat16 --repeats 2 --limit-videos 3 | grep -v '^missing: .*sam2'
code plan --models stub --prompts box --dtype float32,bfloat16 --json | grep -E '"(basis|model|n_[a-z_]*|checkpoint|missing|device)":' |
    sed 's/"device": ".*"/"device": CPU/'
state_of_files >after
cmp before after && echo "no file changed"
"$BIN/savbench" plan --split-dir data --image-size 256 --models edgetam --json | grep -c '"[a-z_]*\(cuda\|cpu\|host\)_bytes": [1-9]'
code plan --models stub --max-clip-frames 9
grep -o 'max-clip-frames was 0 .* 9 now' log
code plan --models sam2_base --speed fast
grep -o "speed 'fast': .* float32" log
