#!/usr/bin/env bash
# Everything that only a GPU can show, on any machine with an NVIDIA GPU:
#
#   bash scripts/gpu_check.sh [--bundle FILE.tar.gz] [--out DIR] [--oracle DIR] [--sizes LIST] [--quick]
#
# Builds from source (or takes a bundle, see bundle.sh; then nothing but python3 with that torch is needed) and runs: the
# doctor, hole filling by CUDA against the CPU code, our other kernels against libtorch's ops, the demo whole in float32,
# tf32, float16 and bfloat16, the golden cases in float32 (python3 with h5py; more of them with --oracle, a folder with
# cases/ and clips/), masks with CUDA graphs and our kernels against those without, the attention proof against the kernels
# that were launched, both modes in one engine, a long video for flat memory, and where there are several GPUs jobs on all of
# them. One log per step and SUMMARY.txt lie in DIR (default out/gpu-check).
#   --sizes   image sizes that are timed (default 512,1024)
#   --quick   13 frames of each clip, and 400 frames for 2000
# Exit code: 0 when no step failed.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/deps.sh"

bundle='' out=out/gpu-check oracle='' sizes=512,1024 quick=''
while [ $# -gt 0 ]; do
    case $1 in
        --bundle) bundle=$2 && shift ;;
        --out) out=$2 && shift ;;
        --oracle) oracle=$2 && shift ;;
        --sizes) sizes=$2 && shift ;;
        --quick) quick=1 ;;
        *) deps_stop "gpu_check.sh: no option $1 (there are --bundle, --out, --oracle, --sizes and --quick)" ;;
    esac
    shift
done
cd "$VB_ROOT" || exit 3
mkdir -p "$out" || exit 3
out=$(cd "$out" && pwd)

deps_program "$bundle"
savbench=$VB_PROGRAM witness=$VB_PROGRAM_LIBS/kernel_names.so programs=$VB_PROGRAM_BIN
python=$(deps_test_python)

failed=0
summary=$out/SUMMARY.txt
: > "$summary"
note() { printf '%s\n' "$*" | tee -a "$summary"; }
# Runs COMMAND with its output in DIR/NAME.log, and notes how it ended; 77 is "skipped".
step() { # NAME COMMAND...
    local name=$1 start=$SECONDS rc how
    shift
    "$@" > "$out/$name.log" 2>&1 < /dev/null
    rc=$?
    case $rc in
        0) how=ok ;;
        77) how=skipped ;;
        *) how="FAILED ($rc)" failed=$((failed + 1)) ;;
    esac
    note "$(printf '%-22s %-12s %4d s  %s' "$name" "$how" $((SECONDS - start)) "$(grep -v '^ *$' "$out/$name.log" | tail -n 1 | cut -c -120)")"
    return "$rc"
}

run_demo() { # SIZE OUT ARGS...
    local size=$1 to=$2
    shift 2
    rm -rf -- "$to"
    "$savbench" run --split-dir data --models edgetam --prompts point --image-size "$size" --checkpoint data/edgetam_shapes.pt \
        --dtype float32,tf32,float16,bfloat16 --device cuda --workers 1 --out-dir "$to" ${quick:+--max-clip-frames 13} "$@"
}

# Modes taken by turns in one engine give what each gives alone.
check_modes() {
    local to=$out/modes mode
    rm -rf -- "$to" && mkdir -p "$to" || return
    for mode in stream offline stream,offline; do
        "$savbench" run --split-dir data --models edgetam --prompts point --image-size 1024 --checkpoint data/edgetam_shapes.pt \
            --dtype bfloat16 --mode "$mode" --repeats 3 --repeatable --device cuda --workers 1 --out-dir "$to/$mode" --quiet || return
        "$savbench" query "$to/$mode" "SELECT DISTINCT video, tag, printf('%.10f', jf) AS jf FROM record" --format csv | sort > "$to/$mode.csv"
    done
    sort -u "$to/stream.csv" "$to/offline.csv" | diff - "$to/stream,offline.csv"
}

# A short run per dtype with the witness loaded, and the proof of that run beside what was launched; eager, since the
# witness sees neither into graphs nor tells a measurement from a call.
check_proof() { # DTYPE
    local to=$out/proof-$1
    rm -rf -- "$to" && mkdir -p "$to" || return
    CUDA_INJECTION64_PATH=$witness VB_KERNEL_NAMES=$to/kernels.txt "$savbench" run --split-dir data --models edgetam \
        --prompts point --image-size 1024 --checkpoint data/edgetam_shapes.pt --dtype "$1" --device cuda --workers 1 \
        --limit-videos 1 --max-clip-frames 5 --warmup-frames 0 --eager --out-dir "$to/run" || return
    "$savbench" query "$to/run" 'SELECT site, dtype, backend, op, reason, calls FROM attention ORDER BY site' --format csv > "$to/attention.csv" || return
    cat "$to/attention.csv"
    [ -s "$to/kernels.txt" ] || { echo "no kernel names: CUPTI could not be used" && return 77; }
    local want=()
    case $1 in float16 | bfloat16) want=(--want-fused) ;; esac
    "$python" tests/gpu/proof.py --attention "$to/attention.csv" --kernels "$to/kernels.txt" ${want[@]+"${want[@]}"}
}

# test_holes_cuda: hole filling by our kernel against the CPU code, on 10 000 masks. test_kernels_cuda: our other kernels
# against their twins in libtorch, which a program from a bundle finds by path alone.
check_kernels() { # PROGRAM
    local libraries
    [ -x "$programs/$1" ] || { echo "this build has no CUDA kernels of its own (no nvcc when it was made)" && return 77; }
    if [ -n "$bundle" ]; then
        libraries=$("${VB_PYTHON:-python3}" -c 'import glob, importlib.util as u, os; d = os.path.dirname(u.find_spec("torch").origin); print(":".join([d + "/lib"] + glob.glob(os.path.dirname(d) + "/nvidia/*/lib")))' 2> /dev/null)
        for folder in "$VB_PROGRAM_LIBS" "${VB_PROGRAM%/*}"/torch/lib "${VB_PROGRAM%/*}"/nvidia/*/lib; do
            libraries=$folder${libraries:+:$libraries}
        done
        LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "$programs/$1"
    else
        "$programs/$1"
    fi
}

note "savbench GPU check, $(date -u +%Y-%m-%dT%H:%MZ), $(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader 2> /dev/null | head -n 1)"
step doctor "$savbench" doctor
step holes check_kernels test_holes_cuda
step kernels check_kernels test_kernels_cuda
step golden-float32 "$python" tests/golden/run.py --savbench "$savbench" --device cuda ${oracle:+--set all --oracle "$oracle"}
step masks "$python" tests/golden/eager_masks.py --savbench "$savbench" --models edgetam --dtypes float32,bfloat16 # graphs and own kernels, or not
for d in float32 float16 bfloat16; do step "proof-$d" check_proof "$d"; done
step demo-512 run_demo 512 "$out/demo-512" --save-overlays 1
for size in ${sizes//,/ }; do
    [ "$size" = 512 ] || step "demo-$size" run_demo "$size" "$out/demo-$size"
done
step accuracy "$python" tests/golden/demo_accuracy.py --savbench "$savbench" --device cuda --how together ${quick:+--videos shapes_000004}
long=200,2000
[ -z "$quick" ] || long=200,400
step modes check_modes
step flat-memory "$python" tests/bench/flat_memory.py --savbench "$savbench" --device cuda --frames "$long"
step devices bash tests/gpu/devices.sh "$savbench" "$programs" "$out/devices"

note ""
for folder in "$out"/demo-*/; do
    size=${folder%/}
    size=${size##*-}
    note "image size $size"
    "$savbench" report "$out/demo-$size" > "$out/demo-$size.txt" 2>&1
    "$savbench" report "$out/demo-$size" --format csv > "$out/demo-$size.csv" 2> /dev/null
    tee -a "$summary" < "$out/demo-$size.txt"
done
note "$failed steps failed; logs in $out"
[ "$failed" -eq 0 ]
