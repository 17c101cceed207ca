# prepare.sh SOURCE BOARDS SCRATCH: the dry run of scripts/jetson/prepare.sh on the trees of two boards and on none.
set -u
unset VB_PYTHON # the system's Python, whatever it has
source=$1 boards=$2 scratch=$3
rm -rf "$scratch" && mkdir -p "$scratch" && cd "$scratch" || exit 3
tree() { # lays out a board's tree
    while IFS= read -r line; do
        path=$1/${line%% = *}
        mkdir -p "${path%/*}"
        case ${line#* = } in "(unreadable)") mkdir -p "$path" ;; *) printf '%b\n' "${line#* = }" >"$path" ;; esac
    done <"$boards/$1.tree"
}
tree orin_nano
tree orin_nx
fail=0
check() { # TEXT: must be in the last output
    grep -qF -- "$1" got || { echo "missing: $1" && cat got && fail=1; }
}
dry() { SAVBENCH_SYSFS_ROOT=$PWD/$1 bash "$source/scripts/jetson/prepare.sh" --dry-run "${@:2}" >got 2>&1; }
dry orin_nano --power-mode 7W --clocks fixed || fail=1
check "NVIDIA Jetson Orin Nano Developer Kit"
check "mode 0: 15W"
check "now: 0"
check "nvpmodel -m 1"
check "jetson_clocks --store"
check "savbench doctor"
dry orin_nx --power-mode 2 || fail=1
check "already so"
check "left as they are"
dry orin_nano --power-mode 99W && echo "a mode that is not there was taken" && fail=1
check "the board has no such mode"
mkdir -p pc
dry pc && echo "a PC was taken for a Jetson" && fail=1
check "This is no Jetson"
[ ! -e build ] || fail=1
exit $fail
