# An x86 host that coordinates alone, with an aarch64 worker; then both work in one job, with records of both. Run by scripts/aarch64.sh, which has an emulator registered:
# on `orin` the programs, Open MPI's daemon among them, are those for aarch64 ($ARM_BIN, $ARM_ROOT).
at_orin() { nsenter --target "$(cat "$H/orin.pid")" --mount "$@"; }
at_orin mount --bind "$ARM_BIN" "$BIN"
at_orin mount --bind "$ARM_ROOT/usr/bin/orted" "$(readlink -f "$(command -v orted)")"
echo "QEMU_LD_PREFIX=$ARM_ROOT" >"$H/orin.env"
for host in pc orin; do
    on $host "$MAKE_DATASET data; printf 'pc slots=0\norin slots=1\n' >hosts" >/dev/null
    on $host od -An -tu1 -j18 -N1 "$BIN/savbench" | sed "s/^ *62$/$host is x86/;s/^ *183$/$host is aarch64/"
done
run="$BIN/savbench run --hostfile hosts --split-dir data --models stub --prompts box --image-size 256 --dtype float32,bfloat16 --out-dir out"
on pc "$BIN/savbench devices --hostfile hosts" | awk 'NR > 1 {print $1, $2, $3}'
on pc "$run" 2>err.txt | sed -n 1p
on pc "sed -i s/slots=0/slots=1/ hosts"
on pc "$run --repeats 6" 2>>err.txt | sed -n 1p
on pc "$BIN/savbench query out 'SELECT host, count(*) > 0 AS recorded FROM record GROUP BY host ORDER BY 1' --format csv" | tr -d '\r'
# What must not depend on the processor does not.
on pc "$BIN/savbench query out 'SELECT count(*) AS differing FROM (SELECT video, tag FROM record GROUP BY 1, 2 HAVING count(DISTINCT jf) > 1)' --format csv" | tr -d '\r'
on pc "$BIN/savbench verify out >/dev/null && echo verified"
