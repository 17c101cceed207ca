#!/usr/bin/env bash
# How fast savbench is on an NVIDIA GPU, beside the official Python and what the device gives:
#
#   bash scripts/gpu_bench.sh [--bundle FILE.tar.gz] [--out DIR] [--upstream DIR] [--models LIST] [--quick] [--only PART,...] [...]
#
# Builds from source (or takes a bundle, see bundle.sh), runs every model and dtype from JPEG to scored masks, and writes
# bench.json, bench.md (the tables) and bench.log to DIR (default out/gpu-bench). With --upstream, a folder that holds
# checkouts of the official code (sam2_repo, edgetam_repo), the official predictor runs in the same session, its loading and
# its frame loop timed apart; python3 with torch, numpy, pillow, pyyaml and, for EdgeTAM, timm does it. A part takes one minute or two, compiled more.
#   --models  default edgetam,sam2.1_t,sam2.1_s,sam2.1_b+,sam2.1_l
#   --quick   edgetam and sam2.1_t, bfloat16, 64 frames
#   --only    parts: ceilings, ours, offline, objects, official, queue, profile, compiled (default: all but the last two); in the same
#             DIR the tables keep the parts that ran before
# Other options go to tests/bench/gpu_bench.py, whose --help tells them. Exit code: 0 when every part ran.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/deps.sh"

bundle='' out=out/gpu-bench more=()
while [ $# -gt 0 ]; do
    case $1 in
        --bundle) bundle=$2 && shift ;;
        --out) out=$2 && shift ;;
        --quick) more+=(--models edgetam,sam2.1_t --dtypes bfloat16 --official-dtypes bfloat16 --frames 64 --official-frames 40) ;;
        -h | --help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" && exit ;;
        *) more+=("$1") ;;
    esac
    shift
done
[ -z "$bundle" ] || bundle=$(readlink -f "$bundle")
mkdir -p "$out" || exit 3
deps_program "$bundle"
python=$(command -v "${VB_PYTHON:-python3}")
export PYTHONUNBUFFERED=1
"$python" "$VB_ROOT/tests/bench/gpu_bench.py" --savbench "$VB_PROGRAM" --libs "$VB_PROGRAM_LIBS" --out "$out" ${more[@]+"${more[@]}"}
