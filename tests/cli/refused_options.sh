# What an engine cannot do as it was told ends the run at once, with one error that says what to do; nothing is recorded.
. "$TESTS/lib.sh"
code job 2 --device cpu --postprocess cuda
grep -o 'error: host .*--postprocess cuda: .* takes the CPU code then' log | sed 's/host [^:]*: /host HOST: /; s/cuda: .*;/cuda: WHY;/'
grep -c 'did not start\|lost the engine' log
code "$BIN/savbench" run $STUB --device cpu --postprocess cuda 2>&1 | sed -n '/starting it again/p; /^exit/p'
[ ! -e out/shards ] || find out/shards -name '*.h5'
sql "SELECT count(*) AS attempts FROM attempt"
code job 1 --device cpu --postprocess cuda --fill-hole-area 0 --out-dir off --limit-videos 1
code job 0
grep -o 'start at least 2 .*' log
none_left && echo "no process left"
