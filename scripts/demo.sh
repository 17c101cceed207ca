#!/usr/bin/env bash
# From nothing to a table:  bash scripts/demo.sh [--full] [--cpu] [--fresh]
#
# Installs what is missing, builds build/release, and runs EdgeTAM at 512 with the bundled checkpoint on the bundled clips
# in float32, bfloat16 and float16 (tf32 too on a GPU): by mpirun, one coordinator and two workers, or one per GPU. Ends in
# the table that compares the dtypes. Started again it resumes: what is recorded already is not run again.
#
#   --full   all frames on a CPU too (there the first 13 of each clip are the default)
#   --cpu    the CPU even where there is a GPU
#   --fresh  throw the earlier results of the demo away first
#
# Exit code: that of `savbench run`; 2 when something must be installed by hand, 3 when the build fails.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/deps.sh"

full='' cpu='' fresh=''
for word in "$@"; do
    case $word in
        --full) full=1 ;;
        --cpu) cpu=1 ;;
        --fresh) fresh=1 ;;
        -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" && exit 0 ;;
        *) deps_stop "demo.sh: no option $word (there are --full, --cpu and --fresh)" ;;
    esac
done
cd "$VB_ROOT" || exit 3

deps_system
deps_torch
deps_build release
savbench=build/release/savbench

gpus=0
if [ -z "$cpu" ] && [ "$VB_TORCH_CUDA" != cpu ]; then
    gpus=$(nvidia-smi -L 2> /dev/null | grep -c '^GPU')
    # A Jetson's integrated GPU: older releases bring no nvidia-smi.
    [ "$gpus" -gt 0 ] || ! deps_is_jetson || gpus=1
fi
# Results of different settings never share a folder: a trial is resumed by its name.
out=out/demo
if [ "$gpus" -gt 0 ]; then
    device=auto
    dtypes='float32 tf32 bfloat16 float16'
    # Two engines on one GPU would measure each other.
    workers=$gpus
    limit=()
else
    device=cpu
    dtypes='float32 bfloat16 float16'
    workers=2
    limit=(--max-clip-frames 13)
    [ "$VB_TORCH_CUDA" = cpu ] && [ -z "$cpu" ] || out=$out-cpu
    [ -z "$full" ] || out=$out-full
fi
[ -z "$full" ] || limit=()
[ -z "$fresh" ] || rm -rf -- "$out"
mkdir -p "$out"

# --- which dtypes are worth running here ------------------------------------------------------------------------------

# Milliseconds per frame of three frames; the engine's own figure, so that loading does not count.
probe() { # DTYPE
    "$savbench" track --model edgetam --checkpoint data/edgetam_shapes.pt --frames data/JPEGImages_24fps/shapes_000004 \
        --object 0:point:320,240,1 --image-size 512 --dtype "$1" --limit-frames 3 --device "$device" > "$out/probe.log" 2>&1 &&
        sed -n 's/^track: .*latency median \([0-9.]*\) ms.*/\1/p' "$out/probe.log" | tail -n 1
}

too_slow() { awk -v ms="$1" -v base="$2" 'BEGIN { exit !(ms > 4 * base) }'; } # MS BASE

# Kept, so that a second demo compares the same dtypes as the first.
if [ ! -s "$out/dtypes.txt" ]; then
    deps_say "Probing the dtypes, three frames each ..."
    : > "$out/dtypes.part"
    base=
    for d in $dtypes; do
        ms=$(probe "$d")
        # Once more where a disturbance would decide: float32, first and with cold files, and what seems too slow.
        if [ "$d" = float32 ] || too_slow "$ms" "$base"; then
            ms=$(printf '%s\n' "$ms" "$(probe "$d")" | sort -g | head -n 1)
        fi
        if [ -z "$ms" ]; then
            cat "$out/probe.log" >&2
            deps_say "The probe of $d failed (above)." >&2
            exit 3
        fi
        [ "$d" != float32 ] || base=$ms
        printf '%s %s %s %s\n' "$d" "$ms" "$base" "$(too_slow "$ms" "$base" && echo left-out || echo run)" >> "$out/dtypes.part"
    done
    rm -f "$out/probe.log"
    mv "$out/dtypes.part" "$out/dtypes.txt"
fi
chosen=$(awk '$4 == "run" { printf "%s%s", s, $1; s = "," }' "$out/dtypes.txt")

# --- the run ----------------------------------------------------------------------------------------------------------

set -- run --split-dir data --models edgetam --prompts point --image-size 512 --checkpoint data/edgetam_shapes.pt \
    --dtype "$chosen" --device "$device" --workers "$workers" --save-overlays 1 --out-dir "$out" ${limit[@]+"${limit[@]}"}
printf '\n$ %s %s\n' "$savbench" "$*"
start=$SECONDS
"$savbench" "$@" < /dev/null
rc=$?
deps_say "The run took $((SECONDS - start)) s."
[ "$rc" -le 1 ] || exit "$rc"

echo
"$savbench" report "$out" || exit
awk '$4 == "left-out" {
    printf "left out: %s, %.1f times slower than float32 in a probe of 3 frames here (%s ms and %s ms per frame)\n", $1, $2 / $3, $2, $3
}' "$out/dtypes.txt"

overlay=$(find "$out" -name '*.png' | sort | head -n 1)
cat << TEXT

The bundled checkpoint knows the bundled shapes only: its accuracy says nothing about EdgeTAM; its speed does.
results.h5    $out/results.h5
summary.db    $out/summary.db      (sqlite3 $out/summary.db < sql/reports/FILE.sql, or $savbench query $out 'SQL')
overlay       ${overlay:-none}
executables   build/release/savbench, build/release/savbench-engine
TEXT
exit "$rc"
