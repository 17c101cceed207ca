# Corrective clicks: each trial starts from one click anew, all points are in the record, and a results folder keeps to
# one number of them.
. "$TESTS/lib.sh"
run() { "$BIN/savbench" run --split-dir data --models stub --image-size 256 --dtype float32,bfloat16 --limit-videos 1 --quiet "$@"; }
for n in 1 3 5; do
    code run --clicks $n --out-dir out$n
    "$BIN/savbench" query out$n "SELECT DISTINCT r.clicks, r.postprocess, o.obj_id, t.prompt FROM trial_object t JOIN object o USING (object_id) JOIN record r USING (trial_id) ORDER BY 3" --format csv
done
code run --out-dir out3
grep -o 'clicks was 3 .* is 1 now' log
code run --clicks 3 --prompts box --out-dir box
grep -o -e '--clicks 3: .* --out-dir' log
code run --prompts box --objects separate --non-overlap --sprinkle-area 4 --out-dir box
"$BIN/savbench" query box "SELECT clicks, sprinkles_removed, json_extract(options, '\$.objects') AS objects, json_extract(options, '\$.\"non-overlap\"') AS non_overlap FROM trial JOIN provenance USING (provenance_id) WHERE trial_id = 1" --format csv
