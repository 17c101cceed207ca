#!/usr/bin/env bash
# devices.sh SAVBENCH PROGRAMS FOLDER: several GPUs of one host, PROGRAMS being the folder of the program behind SAVBENCH.
#
# One worker, then one for each GPU: the same trials with the same scores, every GPU with a share of them; then the same with an
# engine, a worker, and the coordinator killed on the way. 77: there is one GPU, or none.
set -eu
savbench=$1 BIN=$(readlink -f "$2") folder=$3
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/cli/lib.sh"

n=$(nvidia-smi -L 2> /dev/null | grep -c ^GPU) || :
[ "$n" -gt 1 ] || { echo "$n GPUs" && exit 77; }
rm -rf -- "$folder" && mkdir -p "$folder" && cd "$folder" # PWD tells our processes from others'

run() { # OUT WORKERS
    "$savbench" run --split-dir "$root/data" --models edgetam --prompts point --image-size 1024 --dtype float16,bfloat16 --repeats 4 \
        --checkpoint "$root/data/edgetam_shapes.pt" --device cuda --repeatable --quiet --workers "$2" --out-dir "$1"
}
scores() { # OUT
    "$savbench" query "$1" "SELECT video, tag, repetition, status, printf('%.10f', jf) AS jf FROM record ORDER BY 1, 2, 3" --format csv
}
same() { # OUT
    scores "$1" > "$1.csv" && diff one.csv "$1.csv" && "$savbench" verify "$1"
}
engine() { for p in $(ours); do [ "$(program_of "$p")" != "$BIN/savbench-engine" ] || echo "$p"; done | head -n 1; }
begun() { [ "$(find "$1/shards" -name '[!.]*.h5' | wc -l)" -ge 5 ]; }
killed() { # OUT COMMAND...: the process that COMMAND tells is killed when some trials are done
    local out=$1 job rc=0
    shift
    run "$out" "$n" > "$out.log" 2>&1 &
    job=$!
    wait_until 120 begun "$out" && kill -9 "$("$@")" || { cat "$out.log" && return 1; }
    wait "$job" || rc=$?
    [ "$rc" = 0 ] && same "$out" && wait_until 10 none_left || { cat "$out.log" && return 1; }
    echo "killed ($*): $("$savbench" query "$out" "SELECT count(*) FROM attempt WHERE outcome <> 'done'" --format csv | tail -n 1 | tr -d '\r') attempts lost, same scores"
}

start=$SECONDS
run one 1
one=$((SECONDS - start)) start=$SECONDS
scores one > one.csv
run all "$n"
all=$((SECONDS - start))
same all
"$savbench" query all "SELECT device_uuid, count(*) AS trials FROM trial JOIN device USING (device_id) GROUP BY 1" --format csv | tee shares.csv
[ "$(grep -c GPU- shares.csv)" = $((n < 6 ? n : 6)) ] || { echo "not every GPU had a share" && exit 1; } # of 6 blocks
killed engine-lost engine
killed worker-lost rank 1
killed coordinator-lost rank 0
echo "$n GPUs: $one s with one worker, $all s with all"
