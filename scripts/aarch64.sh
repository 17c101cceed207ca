#!/usr/bin/env bash
# savbench for aarch64 from another machine, from a clone on Debian:
#
#   bash scripts/aarch64.sh [--dir DIR] [STEP...]
#
#   tools     cross compiler, qemu-user, CMake: found, or installed as scripts/deps.sh does
#   sysroot   DIR/sysroot: Debian's arm64 packages, unpacked; nothing is installed on this machine
#   build     DIR/build: everything but the models, warnings are errors
#   unit      unit tests, each under an explicit qemu-aarch64
#   cli       the tests that start programs and MPI jobs: with qemu registered in a user namespace of its own (Linux 6.7), or where
#             this machine runs aarch64 programs as they are; else skipped, and said
#   mixed     one job with a coordinator and a worker of this machine's kind and a worker for aarch64 (needs build/dev or build/release)
#   torch     DIR/torch: the wheel for aarch64 by pip (SAVBENCH_TORCH, default torch==2.13.0); the model layer with its CUDA calls
#             is compiled against its headers
#   models    the model layer against a wheel without CUDA (SAVBENCH_TORCH_CPU, default torch==2.8.0), and one trial of
#             EdgeTAM at 256 pixels by it under qemu, held to this machine's build/release: minutes to build, minutes to run
#   package   DIR/package/savbench_*_arm64.deb, for the release that the sysroot is of
#   all       all of these but models (the default)
#   quick     build, and the unit tests that take seconds; skipped (77) where tools or sysroot are missing. For ctest
#
# DIR: build/aarch64. The sysroot is of this machine's own release and sources of packages; SAVBENCH_ARM_SOURCES names a folder of
# apt sources for another one. Exit code: 0; 1 a test failed; 2 with what is to be done by hand; 3 the build failed.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/deps.sh"
. "$(dirname "${BASH_SOURCE[0]}")/aarch64_parts.sh"

dir=$VB_ROOT/build/aarch64 steps=''
while [ $# -gt 0 ]; do
    case $1 in
        --dir) dir=${2:-} && shift ;;
        tools | sysroot | build | unit | cli | mixed | torch | models | package | quick) steps="$steps $1" ;;
        all) steps="$steps tools sysroot build unit cli mixed torch package" ;;
        -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" && exit 0 ;;
        *) deps_stop "aarch64.sh: no step $1 (there are all, tools, sysroot, build, unit, cli, mixed, torch, models, package and quick)" ;;
    esac
    shift
done
mkdir -p "$dir" || exit 3
dir=$(cd "$dir" && pwd)
sysroot=$dir/sysroot
for step in ${steps:- tools sysroot build unit cli mixed torch package}; do
    deps_say "== $step"
    "arm_$step" || exit $?
done
