# A whole run under mpirun: every trial recorded, one shard each, nothing left behind.
. "$TESTS/lib.sh"
code job 2
trials
find out/shards -name '*.h5' | sort
find out -name '*tmp*' -o -name '*-wal'
sql "SELECT count(*) AS n, count(DISTINCT run_id) AS runs FROM trial"
none_left && echo "no process left"
