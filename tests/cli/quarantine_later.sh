# Engines that a trial brought down count over runs: two in one job, which is then killed, and the third in the next one
# end it; --retry-failed begins anew. A trial of which three stand in the records is not begun again.
. "$TESTS/lib.sh"
STUB="$STUB --limit-videos 1"
export SAVBENCH_ENGINE_SILENCE_S=1 # each of the first job's engines lasts so long: it is killed between two of them
SAVBENCH_STUB_FAULT=stop:64:3 exec_job 1 >/dev/null 2>&1 &
mpirun=$!
attempts() { [ "$(sql "SELECT count(*) FROM attempt WHERE counts" | tail -1)" -ge 1 ]; }
wait_until 30 attempts || exit 1
kill -9 $mpirun
wait
wait_until 10 none_left
before=$(sql "SELECT count(*) FROM attempt WHERE counts" | tail -1)
SAVBENCH_STUB_FAULT=kill:64:3 code job 1
trials
sql "SELECT count(*) AS attempts FROM attempt WHERE counts GROUP BY video_id, variant_id, repetition"
[ $before -lt 6 ] && echo "over two runs"
sql "SELECT DISTINCT outcome, signal, last_frame, last_stage IS NOT NULL AS stage, duration_ms > 0 AS lasted FROM attempt ORDER BY 1"
code job 1 --retry-failed
trials
