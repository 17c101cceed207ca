#!/usr/bin/env bash
# Fuzzes every parser by libFuzzer, one after the other:  bash scripts/fuzz.sh [--minutes N] [--jobs N] [--build DIR] [TARGET...]
#
#   --minutes N   minutes of processor time per parser (default 20), those of earlier calls included: what was broken off goes on.
#                 Other work on the machine does not shorten them
#   --jobs N      so many processes at the same time (default 1): parsers beside each other, several processes for each where there
#                 are more; they share what they learn
#   --build DIR   built already (default build/fuzz, configured and built here: preset `fuzz`, which needs clang)
#   TARGET        of tests/fuzz (default all)
#
# Prints a line per minute and parser, and a table at the end: executions, edges covered, and after how many minutes the last new
# edge came. What was learned stays in DIR/corpus, without which a run begins anew; an input that breaks something is in
# DIR/findings. Exit code 1 when there is one.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 3
export LC_ALL=C.UTF-8

. scripts/options.sh
minutes=20 jobs=1 build=''
take_options "minutes jobs build +" "$@"
set -- "${operands[@]}"
if [ -z "$build" ]; then
    build=build/fuzz
    { cmake --preset fuzz && cmake --build --preset fuzz; } > /dev/null || exit 3
fi
[ $# -gt 0 ] || set -- checkpoint pickle safetensors png jpeg rle json wire cli shard
mkdir -p "$build/findings" "$build/corpus"
[ ! -x "$build/fuzz_seeds" ] || "$build/fuzz_seeds" "$build/seeds" || exit 3
each=$(((jobs + $# - 1) / $#)) # processes per parser

# libFuzzer counts time by the clock, so it runs for a minute at a time and the processor time is read off after each. Where it gets
# little of the processor, reading the corpus would be all that it does in a minute: then the next time is longer, up to ten minutes.
fuzz() { # TARGET
    local target=$1 log=$build/corpus/$1.log cpu=0 runs=0 edges=0 last=0 goal slice used line n before stretch=1
    goal=$(awk -v m="$minutes" 'BEGIN { print int(m * 60) }')
    mkdir -p "$build/corpus/$target"
    [ ! -f "$build/corpus/$target.state" ] || read -r cpu runs edges last < "$build/corpus/$target.state"
    while [ "${cpu%.*}" -lt "$goal" ]; do
        slice=$(((goal - ${cpu%.*} + each - 1) / each))
        [ "$slice" -le 60 ] || slice=60
        slice=$((slice * stretch))
        before=${cpu%.*}
        rm -f "$log".*
        used=$({ TIMEFORMAT='%U %S'; time { for ((n = 0; n < each; n++)); do
            "$build/fuzz_$target" -max_total_time="$slice" -rss_limit_mb=2560 -timeout=30 -print_final_stats=1 \
                -artifact_prefix="$build/findings/$target-" "$build/corpus/$target" "$build/seeds/$target" > "$log.$n" 2>&1 &
        done; wait; }; } 2>&1)
        line=$(awk -v cpu="$cpu" -v used="$used" -v runs="$runs" -v edges="$edges" -v last="$last" '
            /^#[0-9]+/ { n = substr($1, 2); for (i = 2; i < NF; i++) if ($i == "cov:" && $(i + 1) > edges) { edges = $(i + 1); at = n; of = FILENAME } }
            /number_of_executed_units/ { all[FILENAME] = $2; runs += $2 }
            END {
                split(used, t, " ")
                if (at) last = cpu + (all[of] ? at / all[of] : 1) * (t[1] + t[2])
                printf "%.1f %d %d %.1f\n", cpu + t[1] + t[2], runs, edges, last
            }' "$log".*)
        read -r cpu runs edges last <<< "$line"
        used=$(((${cpu%.*} - before) / each))
        stretch=$((used * 10 > slice ? (slice + used - 1) / used : 10))
        echo "$line" > "$build/corpus/$target.state"
        awk -v t="$target" -v c="$cpu" -v r="$runs" -v e="$edges" -v l="$last" 'BEGIN {
            printf "%-12s %6.1f min %12d executions %6d edges, the last new one after %.1f min\n", t, c / 60, r, e, l / 60 }' | tee "$build/corpus/$target.sum"
        if grep -qs 'SUMMARY: ' "$log".*; then
            grep -hm 1 'SUMMARY: ' "$log".*
            cp $(grep -ls 'SUMMARY: ' "$log".*) "$build/findings/"
            echo "$target: a finding; its input and log are in $build/findings" | tee -a "$build/corpus/$target.sum"
            return 1
        fi
    done
}

for target in "$@"; do
    [ -x "$build/fuzz_$target" ] || { echo "fuzz.sh: no target $target in $build (targets: tests/fuzz/CMakeLists.txt)" >&2; exit 2; }
    while [ "$(jobs -rp | wc -l)" -ge $(((jobs + each - 1) / each)) ]; do
        wait -n
    done
    fuzz "$target" &
done
wait
echo
for target in "$@"; do
    cat "$build/corpus/$target.sum"
done
! grep -q ': a finding' $(printf "$build/corpus/%s.sum " "$@")
