# A rank that has nothing to do does not spin: over 4 s none of the ranks (coordinator, the worker of a slow engine, one
# without work) takes more than 5 % of a core. Spinning would be 100 %.
. "$TESTS/lib.sh"
ticks() { # user and system time of a process, in clock ticks; its name has no blank
    set -- $(cut -d' ' -f14,15 <"/proc/$1/stat")
    echo $(($1 + $2))
}
SAVBENCH_STUB_FAULT=sleep:64:0 exec_job 2 --limit-videos 1 >/dev/null 2>&1 &
wait_until 20 rank 2 || exit 1
sleep 2
r0=$(rank 0) r1=$(rank 1) r2=$(rank 2)
a0=$(ticks $r0) a1=$(ticks $r1) a2=$(ticks $r2)
sleep 4
b0=$(ticks $r0) b1=$(ticks $r1) b2=$(ticks $r2)
kill -0 "$r0" "$r1" "$r2" || exit 1 # who is gone takes no time either
limit=$(($(getconf CLK_TCK) * 4 * 5 / 100))
echo "ticks: $((b0 - a0)) $((b1 - a1)) $((b2 - a2)) of $limit" >&2
for d in $((b0 - a0)) $((b1 - a1)) $((b2 - a2)); do
    [ $d -le $limit ] && echo "idle"
done
kill $!
wait
wait_until 10 none_left && echo "no process left"
