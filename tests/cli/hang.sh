# An engine that says nothing any more is killed; the trial is done by the next one.
. "$TESTS/lib.sh"
export SAVBENCH_ENGINE_SILENCE_S=2
SAVBENCH_STUB_FAULT=stop:80:3:$PWD/once code job 2
trials
sql "SELECT outcome, signal, last_frame FROM attempt WHERE outcome <> 'done'"
none_left && echo "no process left"
