# A plan in four slices, merged, holds what one run gives: the same trials, accuracy and unusable videos; merging again and
# running the whole command into the merged folder find nothing to do.
. "$TESTS/lib.sh"
rm data/JPEGImages_24fps/v096/00001.jpg # an unusable video is told once
facts="SELECT video, tag, repetition, status, jf, n_frames, code FROM record ORDER BY 1, 2, 3"
for i in 1 2 3 4; do
    "$BIN/savbench" run $STUB --models stub --repeats 2 --slice $i/4 --out-dir part$i --quiet >/dev/null 2>&1
    echo "slice $i: exit $?, $("$BIN/savbench" query part$i 'SELECT count(*) AS n FROM trial' --format csv | tail -1 | tr -d '\r') trials"
done
"$BIN/savbench" run $STUB --repeats 2 --quiet >/dev/null 2>&1
code "$BIN/savbench" merge whole part1 part2 part3 part4
"$BIN/savbench" query out "$facts" --format csv >one.csv
"$BIN/savbench" query whole "$facts" --format csv >merged.csv
cmp one.csv merged.csv && echo "the same as one run"
code "$BIN/savbench" merge whole part1 part2 part3 part4
code "$BIN/savbench" run $STUB --repeats 2 --out-dir whole 2>/dev/null
"$BIN/savbench" query whole "SELECT count(*) AS trials, count(DISTINCT run_id) AS runs FROM trial WHERE status = 'done'" --format csv
# Folders that do not compare, and shards that are not what was recorded.
"$BIN/savbench" run $STUB --fill-hole-area 0 --out-dir other --quiet >/dev/null 2>&1
code "$BIN/savbench" merge whole other 2>&1
shard=$(find part2/shards -name '*.h5' | sort | head -1)
printf 'x' | dd of="$shard" bs=1 seek=2000 conv=notrunc 2>/dev/null
code "$BIN/savbench" merge again part2 2>/dev/null | sed 's/[0-9]* records added/N records added/'
code "$BIN/savbench" merge part1 part1 2>&1
code "$BIN/savbench" merge slip data 2>&1 # no folder of results
[ ! -e slip ] && echo "nothing is made for it"
code "$BIN/savbench" run $STUB --repeats 2 --slice 2/4 --out-dir part1 2>&1 | sed 's/^[0-9:]* [^ ]* //'
# Lost engines go along, once, and status tells of them; --json the same as text.
SAVBENCH_STUB_FAULT=kill:0:3 "$BIN/savbench" run $STUB --models stub --dtype float32 --limit-videos 1 --out-dir lost --quiet >/dev/null 2>&1
for into in first again; do
    code "$BIN/savbench" merge total lost
    "$BIN/savbench" query total "SELECT outcome, count(*) AS n, count(DISTINCT detail) AS reasons FROM attempt GROUP BY 1" --format csv
done
"$BIN/savbench" status total | sed 's/last run: .*: /last run: /'
"$BIN/savbench" status total --json | python3 -c 'import json, sys
s = json.load(sys.stdin)
print(s["done"], s["failed"], s["quarantined"], s["engines_lost"], s["how"], s["state"], s["job"])'
code "$BIN/savbench" status 2>&1
code "$BIN/savbench" status nowhere 2>&1
code "$BIN/savbench" merge total 2>&1
code "$BIN/savbench" merge --nonsense total lost 2>&1
# The same trials, measured twice: those of the folder that is merged into stay.
for into in once twice; do
    "$BIN/savbench" run $STUB --models stub --dtype float32 --limit-videos 1 --out-dir $into --quiet >/dev/null 2>&1
done
code "$BIN/savbench" merge once twice
code "$BIN/savbench" merge total nowhere 2>&1
code "$BIN/savbench" merge slip part1 nowhere 2>/dev/null
[ ! -e slip ] && echo "nothing is made for it"
# A video that is damaged in one folder's copy of the dataset is usable where another has it, whichever comes first. So are the
# records of a folder whose own video was damaged later.
mkdir damaged
cp -r data damaged/
rm damaged/data/JPEGImages_24fps/v064/00001.jpg
"$BIN/savbench" run $STUB --models stub --dtype float32 --limit-videos 1 --split-dir damaged/data --out-dir spoilt --quiet >/dev/null 2>&1
for into in "both once spoilt" "too spoilt once"; do
    code "$BIN/savbench" merge $into
    "$BIN/savbench" query ${into%% *} "SELECT video, status, error, h, w FROM trial JOIN video USING (video_id)" --format csv
done
rm data/JPEGImages_24fps/v064/00001.jpg
code "$BIN/savbench" run $STUB --models stub --dtype float32 --limit-videos 1 --repeats 2 --out-dir once --quiet 2>/dev/null
code "$BIN/savbench" verify once
