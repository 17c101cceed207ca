# Three hosts, told apart by name alone (the launch agent starts everything here): one goes in the middle of a job, which is
# started again without it, says so, and completes on the others. Where no worker's host is left, that is waited out.
. "$TESTS/lib.sh"
cat >agent <<'A'
#!/bin/sh
# agent HOST COMMAND...
host=$1
shift
[ -e "gone_$host" ] && exit 255
exec sh -c "$*"
A
chmod +x agent
printf 'localhost slots=1\nnano2 slots=1\nnano3 slots=1\n' >hosts
export OMPI_MCA_plm_rsh_agent="$PWD/agent" OMPI_MCA_btl=tcp,self OMPI_MCA_btl_tcp_if_include=lo
SAVBENCH_STUB_FAULT=sleep:112:8 "$BIN/savbench" run $STUB --hostfile hosts --quiet >/dev/null 2>job_log &
job=$!
wait_until 30 shards_at_least 1 || exit 1
touch gone_nano3
kill -9 "$(rank 2)"
rc=0
wait $job || rc=$?
echo "exit $rc"
grep -o 'left out, as they do not answer: .*' job_log
trials
wait_until 10 none_left && echo "no process left"

rm -rf out
printf 'localhost slots=0\nnano2 slots=1\n' >hosts
SAVBENCH_STUB_FAULT=sleep:0:12 "$BIN/savbench" run $STUB --limit-videos 2 --hostfile hosts --quiet >/dev/null 2>outage_log &
job=$!
wait_until 30 shards_at_least 1 || exit 1
touch gone_nano2
kill -9 "$(rank 1)"
wait_until 30 grep -q 'no host of' outage_log || exit 1
rm gone_nano2
rc=0
wait $job || rc=$?
echo "exit $rc"
grep -o 'the job was lost (no host of .*) with' outage_log | head -1
trials
