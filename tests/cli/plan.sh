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
"$BIN/savbench" plan $STUB | grep -o ': nothing is recorded .*'
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
for speed in 0 1e12 7x; do
    code plan --models stub --speed $speed
done
for speed in 4e-4 4e-5 4e-6; do # hours with as many digits as they are worth
    "$BIN/savbench" plan --split-dir data --models edgetam --image-size 256 --repeats 9 --out-dir none --speed $speed | sed -n 's/^hours: \([^ ]*\) .*/\1/p'
done
"$BIN/savbench" plan --split-dir data --models 'edgetam_mask,stub' --prompts box --json | grep -A 3 '"word"'
latin=$(printf 'weights/z\374rich.pt') # no UTF-8: JSON cannot have it
: >"$latin"
code plan --models edgetam --checkpoint "$latin" --out-dir none --json
grep -ao 'rich.pt. cannot be written as JSON' log

# What each rank would get.
devices() { "$BIN/savbench" devices --device cpu "$@" 2>said | sed 's/ *\(CPU\|cpu\).*/ CPU/; s/^\( *[0-9]* \) [^ ]* */\1 HOST /'; }
devices --workers 2
"$BIN/savbench" devices --device cpu --workers 2 --json | grep -c '"rank"'
SAVBENCH_ENGINE=/bin/true devices --workers 1
SAVBENCH_ENGINE=/nowhere code "$BIN/savbench" devices --workers 1 --json 2>&1 | grep -o '"error": "[^/]*\|^exit.*'
printf '#!/bin/sh\necho \047{"kind":"cuda","index":1,"device":"Orin Nano","capability":"8.7","memory_bytes":8589934592,"unified":true,"driver":""}\047\n' >engine
chmod +x engine
SAVBENCH_ENGINE=$PWD/engine devices --workers 1
SAVBENCH_ENGINE=/bin/echo devices --workers 1
code "$BIN/savbench" devices --nonsense 2>&1

# What hosts lack. Here rsync is a stand-in: it says how many files a host lacks by the host's name, and "gone" does not answer.
mkdir bin
cat >bin/rsync <<'RSYNC'
#!/bin/sh
for to; do :; done
case $to in
gone:*) echo "ssh: no such host" >&2; exit 12 ;;
killed:*) kill -KILL $$ ;;
*.pt) echo "<f..t...... $to" ;;
six:*) for i in 1 2 3 4 5 6; do echo "<f+++++++++ $i.jpg"; done; echo "cd+++++++++ data/" ;;
esac
echo "$*" >>rsync.log
RSYNC
chmod +x bin/rsync
echo v064 >data/few.txt
cp weights/edgetam.pt weights/other.pt
sync() { PATH=$PWD/bin:$PATH code "$BIN/savbench" sync --split-dir data "$@" 2>&1 | sed "s|$PWD|.|"; }
printf 'localhost\nwhole\nsix\ngone\nkilled\n' >hosts
sync --hostfile hosts --models stub
printf 'whole\n' >one
sync --hostfile one --models edgetam,edgetam_mask,sam2_t,sam2_s --weights-dir weights --checkpoint sam2_t=seed:1 --checkpoint sam2_s=weights/other.pt --rsh 'ssh -p 9'
sync --hostfile one --models edgetam --weights-dir weights --apply
grep -c -- '--dry-run.*-e ssh -p 9 ' rsync.log
# By the paths that run opens on a host: links are followed, not resolved; only what ".." is asked of is.
mkdir -p store/splits/sub
ln -s ../../data store/splits/linked
ln -s store/splits/sub deep
ln -s ../../weights/edgetam.pt store/splits/linked.pt
: >rsync.log
sync --hostfile one --split-dir ./store//splits/linked --models edgetam --checkpoint edgetam=deep/../linked.pt
sed "s|$PWD|.|g; s|.* --copy-links |--copy-links |; s|-e.*=[^ ]*||" rsync.log
sync --hostfile one --models sam2_l --weights-dir weights
sync --hostfile one --models edgetam --checkpoint edgetam=nothing.pt
sync --hostfile one --models no_model
sync --hostfile nothing
sync --hostfile one --split-dir nothing
sync --models stub
code "$BIN/savbench" sync --hostfile one 2>&1
sync --nonsense
PATH=/nowhere "$BIN/savbench" sync --split-dir data --hostfile one --models stub 2>&1 |
    grep -c 'rsync cannot be started: .*; install it\|rsync ended with code 127' # the latter under Valgrind
