# The coordinator dies by kill -9: the supervisor starts the job again and it completes.
. "$TESTS/lib.sh"
(SAVBENCH_STUB_FAULT=sleep:112:11 code "$BIN/savbench" run $STUB --workers 2 --quiet >got_run 2>log_run) &
wait_until 30 shards_at_least 1 || exit 1
kill -9 "$(rank 0)"
wait
cat got_run
trials
grep -c 'starting it again' log_run
none_left && echo "no process left"
# A job that never comes to a result is not started for ever; the pauses between grow, and a signal ends the run in one.
mkdir bin
printf '#!/bin/sh\n[ -e killed ] || { : >killed; kill -KILL $$; }\nexit 77\n' >bin/mpirun
chmod +x bin/mpirun
PATH=$PWD/bin:$PATH code "$BIN/savbench" run $STUB --out-dir none --quiet 2>log_none
grep -o 'the job was lost ([a-z]* [0-9]*) with 8 trials missing: starting it again, [0-9]' log_none
grep -o 'the job was lost 6 times in a row without a new result (8 trials are missing)' log_none
PATH=$PWD/bin:$PATH "$BIN/savbench" run $STUB --out-dir none --quiet 2>log_stopped &
job=$!
wait_until 30 grep -q 'starting it again, 2' log_stopped
kill -TERM $job
code wait $job
PATH=/nowhere code "$BIN/savbench" run $STUB --out-dir none --quiet 2>&1
