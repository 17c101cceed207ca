#!/usr/bin/env bash
# Makes a Jetson ready to take part in a run, step by step:
#
#   bash scripts/jetson/prepare.sh [--dry-run] [--power-mode ID|NAME] [--clocks fixed|free] [--torch-wheel FILE] [--no-build]
#
#   1 board      which Jetson, which L4T; anything else is refused
#   2 packages   compilers, Open MPI, HDF5, SQLite, image libraries, rsync (Ubuntu's own)
#   3 torch      NVIDIA's wheel for this JetPack: checked, or installed from --torch-wheel FILE into .venv (or VB_PYTHON). The general
#                wheel has no kernels for a Jetson's GPU and is never installed
#   4 power      nvpmodel -m, where --power-mode says one (the modes are listed otherwise)
#   5 clocks     jetson_clocks, where --clocks says fixed; free restores what was before
#   6 build      build/release
#   7 check      what `savbench doctor` and `savbench devices` say
#
# --dry-run prints what each step would run and changes nothing. Power mode and clocks are part of every record: boards that
# differ in them are reported apart. Exit code: 0, or 2 with what is to be done by hand.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/../deps.sh"

root=${SAVBENCH_SYSFS_ROOT:-} # a recorded tree in the place of /, for tests
dry='' mode='' clocks='' wheel='' build=1
while [ $# -gt 0 ]; do
    case $1 in
        --dry-run) dry=1 ;;
        --power-mode) mode=${2:-} && shift ;;
        --clocks) clocks=${2:-} && shift ;;
        --torch-wheel) wheel=${2:-} && shift ;;
        --no-build) build='' ;;
        -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" && exit 0 ;;
        *) deps_stop "prepare.sh: no option $1 (there are --dry-run, --power-mode, --clocks, --torch-wheel and --no-build)" ;;
    esac
    shift
done
case $clocks in '' | fixed | free) ;; *) deps_stop "prepare.sh: --clocks $clocks is neither fixed nor free" ;; esac

step() { deps_say "" "== $*"; }
run() { # prints, and runs unless it is a dry run
    deps_say "   \$ $*"
    [ -n "$dry" ] || "$@" || deps_stop "   failed with exit code $?; mend it and start this again: what is done is not done twice"
}
as_root() {
    if [ "$(id -u)" -eq 0 ]; then run "$@"; else run sudo "$@"; fi
}

step "1 board"
board=$({ tr -d '\0' < "$root/proc/device-tree/model"; } 2> /dev/null)
case $board in
    *Jetson*) deps_say "   $board" ;;
    *) deps_stop "   This is no Jetson (${board:-no /proc/device-tree/model}). On a PC: bash scripts/demo.sh does all of it." ;;
esac
[ ! -r "$root/etc/nv_tegra_release" ] || deps_say "   $(head -n 1 "$root/etc/nv_tegra_release")"

step "2 packages"
missing=$(printf '%s\n' "$DEPS_BUILD" | deps_missing | cut -d '|' -f 2 | sort -u | xargs)
have_command rsync || missing="$missing rsync"
if [ -z "${missing# }" ]; then
    deps_say "   all there"
else
    # shellcheck disable=SC2086 # a list of packages
    as_root apt-get update && as_root apt-get install -y --no-install-recommends ${missing# }
fi

step "3 torch"
python=${VB_PYTHON:-}
if [ -n "$wheel" ]; then
    [ -f "$wheel" ] || deps_stop "   --torch-wheel $wheel: no such file"
    if [ -z "$python" ]; then # Ubuntu 24.04's own Python takes no wheels
        python=$VB_ROOT/.venv/bin/python
        [ -x "$python" ] || run python3 -m venv "$VB_ROOT/.venv"
    fi
    run "$python" -m pip install --disable-pip-version-check "$wheel"
elif [ -z "$python" ]; then
    python=$VB_ROOT/.venv/bin/python
    deps_torch_of "$python" > /dev/null || python=python3
fi
check_torch() {
    "$python" - << 'EOF'
import sys
try:
    import torch
except ImportError:
    sys.exit("   no torch")
if not torch.cuda.is_available():
    sys.exit(f"   torch {torch.__version__} has no CUDA here: it is not NVIDIA's wheel for this JetPack")
have, want = torch.cuda.get_arch_list(), "sm_%d%d" % torch.cuda.get_device_capability()
if not any(a.split("_")[1].rstrip("af") == want.split("_")[1] for a in have):
    sys.exit(f"   torch {torch.__version__} has kernels for {' '.join(have)} and none for {want}")
print(f"   torch {torch.__version__}, {want}")
EOF
}
if [ -n "$dry" ] && [ -n "$wheel" ]; then
    deps_say "   (then it is checked for this GPU)"
elif ! { have_command "$python" && check_torch; }; then
    hint="   $python: install NVIDIA's wheel for this JetPack: --torch-wheel FILE (docs.nvidia.com, \"Installing PyTorch for Jetson Platform\";
   it must match L4T's release)"
    [ -n "$dry" ] || deps_stop "$hint"
    deps_say "$hint" # a dry run shows the other steps too
fi

step "4 power mode"
conf=$root/etc/nvpmodel.conf
[ ! -r "$conf" ] || sed -n 's/^ *< *POWER_MODEL ID=\([0-9]*\) NAME=\([^ >]*\).*/   mode \1: \2/p' "$conf"
now=$(sed -n 's/^pmode:0*\([0-9][0-9]*\).*/\1/p' "$root/var/lib/nvpmodel/status" 2> /dev/null)
[ -z "$now" ] || deps_say "   now: $now"
if [ -n "$mode" ]; then
    id=$mode
    case $mode in *[!0-9]*) id=$(sed -n "s/^ *< *POWER_MODEL ID=\([0-9]*\) NAME=$mode *>.*/\1/p" "$conf" 2> /dev/null) ;; esac
    [ -n "$id" ] || deps_stop "   --power-mode $mode: the board has no such mode (above)"
    # Some modes take a reboot; nvpmodel asks then.
    if [ "$id" = "$now" ]; then deps_say "   already so"; else as_root nvpmodel -m "$id" && deps_say "   (where it asks for a reboot: yes, then start this again)"; fi
fi

step "5 clocks"
stored=/var/lib/savbench-clocks.conf
case $clocks in
    fixed)
        [ -f "$root$stored" ] || as_root jetson_clocks --store "$stored"
        as_root jetson_clocks
        ;;
    free)
        if [ -f "$root$stored" ]; then as_root jetson_clocks --restore "$stored"; else deps_say "   nothing to restore"; fi
        ;;
    *) deps_say "   left as they are (--clocks fixed: no scaling while benchmarks run; free: as before)" ;;
esac

step "6 build"
if [ -z "$build" ]; then
    deps_say "   left out"
elif [ -n "$dry" ]; then
    deps_say "   \$ cmake --preset release && cmake --build --preset release"
else
    VB_PYTHON=$python deps_torch
    deps_build release
fi

step "7 check"
if [ -x "$VB_ROOT/build/release/savbench" ] && [ -z "$dry" ]; then
    "$VB_ROOT/build/release/savbench" doctor
    "$VB_ROOT/build/release/savbench" devices
else
    deps_say "   \$ build/release/savbench doctor" "   \$ build/release/savbench devices"
fi
deps_say "" "Next: the same on every board, the repository at the same path; then, from the first one," \
    "  build/release/savbench sync --hostfile jetsons.hosts --split-dir DATA --models edgetam --weights-dir DIR --apply  # to every board" \
    "  build/release/savbench devices --hostfile jetsons.hosts                                                           # what each rank gets" \
    "  build/release/savbench run --hostfile jetsons.hosts --split-dir DATA --models edgetam --weights-dir DIR --dtype float32,float16,bfloat16"
