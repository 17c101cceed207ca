#!/usr/bin/env bash
# The fault suites in full, on the stub model:
#
#   bash scripts/fault_soak.sh [--jobs N] [--minutes N] [--scale PERCENT] [--build DIR] [--out DIR] [SUITE...]
#
# What check.sh tries at a few points these suites try at all of them:
#   calls      every file call of a run of 20 videos: killed before it, torn, failing once, disk full and read-only from there on
#   power      10 000 power cuts
#   bits       100 000 bits turned over in rows and 100 000 in shards
#   faults     4 500 faults of engines and 500 of ranks and mpirun, in running jobs
#   failures   every allocation, SQL statement and HDF5 call of a run of 4 videos, failing once and for ever
#   jobs       every allocation and MPI call of coordinator, worker and engine, failing once and for ever
#   libraries  every 101st allocation of SQLite and HDF5, of which there are some hundred thousand
#
#   --jobs N         so many processes at the same time (default 1)
#   --minutes N      end after that. What is not complete then is broken off and not counted; so it is on TERM and INT
#   --scale PERCENT  of each suite (default 100)
#   --build DIR      default build/release
#   --out DIR        a log per share of a suite (default DIR of --build, soak/)
#
# A suite is a hundred shares; their counts are added up in a table at the end. Exit code 0 when no harm was done. Hours of
# processor time; TMPDIR on a memory file system helps.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/scripts/options.sh"
jobs=1 minutes='' scale=100 build=$root/build/release out=''
take_options "jobs minutes scale build out +" "$@"
set -- "${operands[@]}"
[ $# -gt 0 ] || set -- calls power bits faults failures jobs libraries
[ -x "$build/test_calls" ] || { echo "fault_soak.sh: '$build' has no tests: bash scripts/check.sh builds them, or name it with --build" >&2; exit 2; }
build=$(cd "$build" && pwd)
out=${out:-$build/soak}
mkdir -p "$out" && out=$(cd "$out" && pwd) || exit 3
exec 9> "$out/lock"
flock -n 9 || { echo "fault_soak.sh: another one writes its logs to '$out': name another folder with --out" >&2; exit 2; }
rm -f "$out"/*.log "$out"/*.status
scratch=$(mktemp -d)
timer=''
# Where the ranks of a job that was broken off end a moment after it, they write once more.
leave() {
    local n
    [ -z "$timer" ] || kill -KILL -- "-$timer"
    for ((n = 0; n < 50; n++)); do
        rm -rf "$scratch" && break
        sleep 0.1
    done
} 2> /dev/null
trap leave EXIT
stopped=''
trap 'stopped=1; trap "" TERM INT' TERM INT # once: `timeout` sends two
set -m # each share is a process group, which is ended as a whole

script() { # NAME FOLDER: a test of tests/cli, with the counts that it logs
    local status=0
    sh "$root/tests/cli/check.sh" "$root/tests/cli/$1.sh" "$build" "$build/make_dataset" "$2" || status=$?
    tail -n 1 "$2/log"
    return $status
}
suite() { # NAME FOLDER: a share of it, by SAVBENCH_PART
    local kind status=0
    case $1 in
        calls) SAVBENCH_FAULT_STRIDE=1 "$build/test_calls" ;;
        power) SAVBENCH_POWER_CUTS=10000 "$build/test_power" ;;
        bits) SAVBENCH_FLIPS=100000 "$build/test_verify" ;;
        faults) SAVBENCH_FAULTS=4500:500 SAVBENCH_REPEATS=100 script random_faults "$2" ;;
        jobs) SAVBENCH_FAIL_STRIDE=1 script failing_calls "$2" ;;
        failures) for kind in 0 3 4 5; do SAVBENCH_FAIL_KIND=$kind SAVBENCH_FAIL_STRIDE=1 "$build/test_failures" || status=1; done ;;
        libraries) for kind in 1 2; do SAVBENCH_FAIL_KIND=$kind SAVBENCH_FAIL_STRIDE=101 "$build/test_failures" || status=1; done ;;
        *) echo "fault_soak.sh: no suite '$1'" && status=2 ;;
    esac || status=$?
    return $status
}
share() { # NAME K
    local status=0
    mkdir -p "$scratch/$1.$2/tmp"
    TMPDIR=$scratch/$1.$2/tmp SAVBENCH_PART=$2/100 suite "$1" "$scratch/$1.$2/run" > "$out/$1.$2.log" 2>&1 < /dev/null || status=$?
    rm -rf "$scratch/$1.$2"
    echo $status > "$out/$1.$2.status"
    [ $status = 0 ] || echo "$1, share $2: exit code $status ($out/$1.$2.log)"
}

if [ -n "$minutes" ]; then
    (sleep $((minutes * 60)) && kill -TERM $$) &
    timer=$!
fi
for ((k = 0; k < scale; k++)); do
    for name in "$@"; do
        while [ -z "$stopped" ] && [ "$(jobs -rp | grep -cvx "$timer")" -ge "$jobs" ]; do
            wait -n
        done
        [ -z "$stopped" ] || break 2
        share "$name" "$k" &
    done
done
until [ "$(jobs -rp | grep -cvx "$timer")" = 0 ]; do
    [ -z "$stopped" ] || for group in $(jobs -rp); do
        kill -KILL -- "-$group"
    done
    wait -n
done 2> /dev/null

complete() { # NAME log|status: of the shares that came to their end
    local status
    for status in "$out/$1".*.status; do
        [ ! -e "$status" ] || cat "${status%status}$2"
    done
}
# Lines of the same words are one: their numbers are added up, but for those after `of`, which say of how many.
failed=0
for name in "$@"; do
    done=$(complete "$name" status | wc -l)
    harm=$(complete "$name" status | grep -vcx 0)
    failed=$((failed + harm))
    printf '%s: %d of 100 shares, %d failed\n' "$name" "$done" "$harm"
    complete "$name" log | awk '
        / (tried|turned over|looked for|faults of) ?/ && /[0-9]/ {
            words = ""
            for (i = 1; i <= NF; i++) {
                number = $i ~ /^[0-9]+[,:]?$/
                words = words " " (number ? "#" substr($i, length($i + 0) + 1) : $i)
            }
            if (!(words in sum)) order[n++] = words
            sum[words] = 1
            for (i = 1; i <= NF; i++)
                if ($i ~ /^[0-9]+[,:]?$/) {
                    if ($(i - 1) != "of") total[words, i] += $i
                    else if ($i + 0 > total[words, i]) total[words, i] = $i + 0
                }
        }
        END {
            for (k = 0; k < n; k++) {
                m = split(order[k], word, " ")
                line = "   "
                for (i = 1; i <= m; i++) line = line " " (word[i] ~ /^#/ ? total[order[k], i] substr(word[i], 2) : word[i])
                print line
            }
        }'
done
[ $failed = 0 ]
