# An engine that dies costs one attempt, whatever it dies of; its trial and the others are done.
. "$TESTS/lib.sh"
for how in kill segv abort exit; do
    rm -rf out
    SAVBENCH_STUB_FAULT=$how:80:3:$PWD/once_$how code job 2
    trials
    sql "SELECT outcome, signal, exit_code, last_frame FROM attempt WHERE outcome <> 'done'"
done
none_left && echo "no process left"
