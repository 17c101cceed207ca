# A disk that fills up in the middle of a job, at several sizes, and one that is mounted read-only: an error that says so, what was
# recorded stays, and the same command completes it when there is room.
. "$TESTS/lib.sh"
if [ "${DISK_INSIDE:-}" != 1 ]; then
    unshare --mount true 2>/dev/null || { echo "skipped: no name spaces here"; exit 77; }
    DISK_INSIDE=1 exec unshare --mount sh "$0"
fi
run() {
    rc=0
    "$BIN/savbench" run $STUB --workers 1 --quiet "$@" 2>said || rc=$?
    echo "exit $rc"
    cat said >&2
    grep -o 'free some space\|Read-only file system); make it writable.*' said | sort -u
}
mkdir out
for kib in 60 450; do
    mount -t tmpfs -o size=${kib}k none out
    echo "of $kib KiB:"
    run
    mount -o remount,size=20m out
    run
    "$BIN/savbench" verify out
    umount out
done
echo "read-only:"
mount -t tmpfs none out
run
mount -o remount,ro out
run --repeats 2
mount -o remount,rw out
run --repeats 2
"$BIN/savbench" verify out
