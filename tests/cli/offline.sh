# Both modes of a variant: frames given to the model ahead, in batches of which the last is short, give the same scores;
# the stub holds them to the order of model.h. Frames per second are told by the ends of frames there.
. "$TESTS/lib.sh"
code "$BIN/savbench" run --split-dir data --models stub --prompts box --image-size 256 --dtype float32 --mode stream,offline --batch-frames 3 --quiet --out-dir out
sql "SELECT v.mode, count(*) AS trials, sum(t.status = 'done') AS done FROM trial t JOIN variant v USING (variant_id) GROUP BY 1 ORDER BY 1"
sql "SELECT count(*) AS pairs, sum(a.j = b.j AND a.f = b.f OR a.j IS NULL AND b.j IS NULL) AS equal FROM trial_object a JOIN trial_object b ON a.object_id = b.object_id AND a.trial_id < b.trial_id"
sql "SELECT min(n_timed) > 0 AND min(timed_ms) > 0 AS timed FROM trial"
code "$BIN/savbench" run --split-dir data --models stub --prompts box --image-size 256 --dtype float32 --mode offline --batch-frames 4 --quiet --out-dir out
grep -o 'batch-frames was 3 .* is 4 now' log
