# A trial that fails is a record with its reason, and the others go on; --retry-failed runs it again, and forgets no failure of what
# is not asked for. That holds when the first job dies before anything was begun.
. "$TESTS/lib.sh"
SAVBENCH_STUB_FAULT=fail:80:3 code job 2
trials
sql "SELECT DISTINCT video.video, code, reason FROM trial JOIN video USING (video_id) WHERE status = 'failed'"
sql "SELECT count(*) AS attempts FROM attempt WHERE outcome <> 'done'"
code job 2
for retry in '' --retry-failed; do "$BIN/savbench" plan $STUB $retry | sed -n '/failed/s/^trials: *//p'; done
failures() { sql "SELECT DISTINCT dtype FROM trial JOIN variant USING (variant_id) WHERE status = 'failed'"; }
code job 1 --dtype bfloat16 --retry-failed
failures
mkdir bin
printf '#!/bin/sh\n[ -e killed ] || { : >killed; kill -KILL $$; }\nexec %s "$@"\n' "$(command -v mpirun)" >bin/mpirun
chmod +x bin/mpirun
PATH=$PWD/bin:$PATH code "$BIN/savbench" run $STUB --workers 2 --retry-failed 2>log_run
grep -o 'the job was lost.*: starting it again' log_run
trials
