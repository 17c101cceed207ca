# A shelf of boards without a shared disk: sync says what each lacks and copies it; a host with another dataset is refused by
# name and the others finish; then all four take part.
for host in orin1 orin2 orin3 orin4; do
    on $host "$MAKE_DATASET data; printf 'orin1 slots=1\norin2 slots=1\norin3\norin4 slots=1 # the last board\n' >hosts" >/dev/null
done
on orin3 rm -r data/JPEGImages_24fps/v080
on orin4 "sh -c 'echo x >>data/JPEGImages_24fps/v064/00003.jpg'"
run="$BIN/savbench run --hostfile hosts --split-dir data --models stub --prompts box --image-size 256 --dtype float32,bfloat16 --out-dir out"

echo "what is lacking:"
rc=0
on orin1 "$BIN/savbench sync --hostfile hosts --split-dir data --rsh '$AGENT'" >lacking || rc=$?
sed 's/^  orin3: [^ ]*v080.*/  orin3: ...v080.../' lacking | uniq
echo "exit $rc"
on orin1 "$BIN/savbench sync --hostfile hosts --split-dir data --rsh '$AGENT' --apply >/dev/null; echo copied"
on orin1 "$BIN/savbench sync --hostfile hosts --split-dir data --rsh '$AGENT'"

echo "a farm of links, behind a link:"
for host in orin1 orin2; do
    on $host "printf 'orin1 slots=1\norin2 slots=1\n' >two"
done
on orin1 "mkdir disk; cp -rs \$PWD/data disk/farm; ln -s disk/farm linked"
farm="$BIN/savbench sync --hostfile two --split-dir linked --rsh '$AGENT'"
on orin1 "$farm | tail -1; $farm --apply | tail -1; $farm"
on orin1 "$BIN/savbench run --hostfile two --split-dir linked --models stub --prompts box --image-size 256 --out-dir linked_out" 2>err.txt | sed -n 1p
grep -c 'are not those of orin1' err.txt || :

echo "a wrong dataset:"
on orin4 "sh -c 'echo x >>data/JPEGImages_24fps/v064/00003.jpg'"
on orin1 "$run" 2>err.txt >out.txt || echo "run failed"
grep -o 'host orin4: .*' err.txt | head -1 | sort -u
cat out.txt | sed -n 1p
on orin1 "$BIN/savbench query out \"SELECT count(*) AS trials, sum(host = 'orin4') AS on_orin4 FROM record\" --format csv" | tr -d '\r'

echo "all of them:"
on orin1 "$BIN/savbench sync --hostfile hosts --split-dir data --rsh '$AGENT' --apply" >/dev/null
on orin1 "$BIN/savbench devices --hostfile hosts" | awk 'NR > 1 {print $1, $2, $3}'
on orin1 "$run --repeats 6" 2>>err.txt | sed -n 1p
on orin1 "$BIN/savbench query out 'SELECT DISTINCT host FROM record ORDER BY 1' --format csv" | tr -d '\r'
echo "one that is not there:"
on orin1 "printf 'orin1\norin2\norin9\n' >four; $BIN/savbench devices --hostfile four 2>err; echo exit \$?; grep -o 'left out.*' err" |
    awk '/left out/ {print} /^exit/ {print} /^ *[0-9]/ {print $1, $2, $3}'
for host in orin2 orin3 orin4; do on $host "test ! -e out" && echo "$host has no results folder"; done
