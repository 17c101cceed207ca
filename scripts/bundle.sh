#!/usr/bin/env bash
# Packs a build with the libraries that it needs, for a machine that has a torch wheel and a C library and little else:
#
#   bash scripts/bundle.sh [--build DIR] [--out FILE.tar.gz] [--with-torch] [--with-tests]
#
# In the archive: bin/ (savbench, savbench-engine, mpirun, orted), lib/, share/ and the wrapper `savbench`, which finds
# torch through python3 (or VB_PYTHON) and sets the search paths. libtorch is left out: the target's wheel must be of the
# version that the build was linked against (the wrapper checks it). --with-torch packs libtorch and the CUDA libraries
# of the wheel too (several GB for a CUDA build). The target needs a C library at least as new as this machine's.
# --with-tests packs the fault suites too, and the fuzz targets of build/fuzz where they were built, with what they learned:
#
#   ./with bash scripts/fault_soak.sh --build bin --jobs 16
#   ./with bash scripts/fuzz.sh --build fuzz --jobs 16
#
# MPI runs within one machine and over TCP; fast fabrics need the target's own Open MPI.
set -eu
. "$(dirname "${BASH_SOURCE[0]}")/deps.sh"
cd "$VB_ROOT"
export LC_ALL=C.UTF-8

build=build/release out=build/bundle.tar.gz with_torch='' with_tests=''
while [ $# -gt 0 ]; do
    case $1 in
        --build) build=$2 && shift ;;
        --out) out=$2 && shift ;;
        --with-torch) with_torch=1 ;;
        --with-tests) with_tests=1 ;;
        *) deps_stop "bundle.sh: no option $1 (there are --build, --out, --with-torch and --with-tests)" ;;
    esac
    shift
done
[ -f "$build/CMakeCache.txt" ] || deps_stop "bundle.sh: $build is no build folder; make one: cmake --preset release && cmake --build --preset release"

cache() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
python=$(cache VB_PYTHON)
[ -n "$python" ] || python=$(cache VB_PYTHON_FOUND)
torch_version=none torch_dir=
if [ "$(cache VB_TORCH)" != OFF ]; then
    torch_dir=$("$python" -c 'import importlib.util, os; print(os.path.dirname(importlib.util.find_spec("torch").origin))')
    torch_version=$(sed -n "s/^__version__ = '\(.*\)'/\1/p" "$torch_dir/version.py")
fi

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
top=$stage/savbench
cmake --install "$build" --prefix "$top" > /dev/null
mkdir -p "$top/bin" "$top/lib"
# what gpu_check.sh and gpu_bench.sh take along
for witness in kernel_names kernel_times; do
    [ ! -f "$build/$witness.so" ] || cp "$build/$witness.so" "$top/lib/"
done
for program in test_holes_cuda test_kernels_cuda score_bench; do
    [ ! -f "$build/$program" ] || cp "$build/$program" "$top/bin/"
done

if [ -n "$with_tests" ]; then
    mkdir -p "$top/scripts" "$top/tests"
    cp scripts/fault_soak.sh scripts/fuzz.sh scripts/options.sh "$top/scripts/"
    cp -r tests/cli tests/sanitizers "$top/tests/"
    for program in test_calls test_failures test_power test_verify make_dataset libvb_fail_job.so; do
        cp "$build/$program" "$top/bin/"
    done
    if [ -x build/fuzz/fuzz_seeds ]; then # the seeds are made of fixtures that stay here
        mkdir -p "$top/fuzz/corpus"
        build/fuzz/fuzz_seeds "$top/fuzz/seeds"
        find build/fuzz -maxdepth 1 -name 'fuzz_*' ! -name fuzz_seeds -exec cp {} "$top/fuzz/" \;
        [ ! -d build/fuzz/corpus ] || find build/fuzz/corpus -mindepth 1 -maxdepth 1 -type d -exec cp -r {} "$top/fuzz/corpus/" \;
    fi
fi

# --- Open MPI: what a run on one machine or over TCP takes, at the same places below its prefix ------------------------

prefix=$(readlink -f "$(ompi_info --parsable --path prefix | sed 's/.*://')")
plugins=$(ompi_info --parsable --path pkglibdir | sed 's/.*://')
texts=$(ompi_info --parsable --path pkgdatadir | sed 's/.*://')
cp -L "$(command -v mpirun)" "$top/bin/mpirun"
cp -L "$(command -v orted)" "$top/bin/orted"
mkdir -p "$top/${plugins#"$prefix"/}" "$top/${texts#"$prefix"/}"
cp -L "$texts"/help-*.txt "$top/${texts#"$prefix"/}/"
for plugin in "$plugins"/mca_*.so; do
    case ${plugin##*/} in
        # Fabrics and launchers with libraries of their own, parallel file I/O, and OpenSHMEM.
        *ucx* | *ofi* | *openib* | *psm* | *usnic* | *gridengine* | *flux* | *jsm* | *portals* | *_tm.so) ;;
        mca_memheap* | mca_scoll* | mca_spml* | mca_sshmem* | mca_atomic* | mca_io_* | mca_fs_* | mca_fcoll* | mca_fbtl* | mca_sharedfp* | *monitoring*) ;;
        *) cp -L "$plugin" "$top/${plugins#"$prefix"/}/" ;;
    esac
done

# --- shared libraries -------------------------------------------------------------------------------------------------

# All that the programs and plugins load, but for the C and C++ run times, the driver, and what comes with torch
# (the CUDA run time among it). The fuzz targets need the C++ run time, which comes with torch otherwise.
cxx='|stdc\+\+|gcc_s'
[ -z "$with_tests" ] || cxx=''
{
    find "$top/bin" -type f
    find "$top" -name 'mca_*.so' -o -name 'fuzz_*' -type f
} | LD_LIBRARY_PATH=${torch_dir:+$torch_dir/lib} xargs ldd 2> /dev/null | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u |
    grep -vE "/(ld-linux.*|lib(c|m|dl|rt|pthread|resolv|util$cxx|cuda|cudart|cublasLt|nvidia-ml))\.so[.0-9]*\$" |
    { [ -z "$torch_dir" ] && cat || grep -vF -e "$torch_dir/" -e "$(dirname "$torch_dir")/nvidia/" || true; } |
    while IFS= read -r lib; do cp -Ln "$lib" "$top/lib/"; done

if [ -n "$with_torch" ] && [ -n "$torch_dir" ]; then
    mkdir -p "$top/torch/lib"
    cp "$torch_dir"/lib/*.so* "$top/torch/lib/"
    cp "$torch_dir/version.py" "$top/torch/"
    site=$(dirname "$torch_dir")
    for folder in "$site"/nvidia/*/lib; do
        [ -d "$folder" ] || continue
        mkdir -p "$top/${folder#"$site"/}"
        cp "$folder"/*.so* "$top/${folder#"$site"/}/"
    done
fi

printf '%s\n' "$torch_version" > "$top/torch-version.txt"
cat > "$top/savbench" << 'WRAPPER'
#!/bin/sh
# savbench from a bundle: sets where its libraries, its Open MPI and torch are found, then starts bin/savbench.
here=$(cd "$(dirname "$0")" && pwd)
want=$(cat "$here/torch-version.txt")
paths=$here/lib
case ${1:-} in
    run | track | doctor | devices) ;;
    -h | --help | --version) want=none ;;
    -*) ;; # options alone are run's
    *) want=none ;; # the other commands do without torch
esac
if [ "$want" != none ]; then
    if [ -d "$here/torch" ]; then
        torch=$here/torch
    else
        python=${VB_PYTHON:-python3}
        torch=$("$python" -c 'import importlib.util, os; print(os.path.dirname(importlib.util.find_spec("torch").origin))' 2> /dev/null) || {
            echo "savbench: '$python' has no torch: install torch==$want, or set VB_PYTHON to a Python that has it" >&2
            exit 2
        }
        have=$(sed -n "s/^__version__ = '\(.*\)'/\1/p" "$torch/version.py")
        if [ "$have" != "$want" ]; then
            echo "savbench: this bundle was linked against torch $want, '$python' has $have: install that version, or build from source" >&2
            exit 2
        fi
    fi
    paths=$paths:$torch/lib
    for folder in "$(dirname "$torch")"/nvidia/*/lib; do
        [ -d "$folder" ] && paths=$paths:$folder
    done
fi
. "$here/environment"
exec "$here/bin/savbench" "$@"
WRAPPER
cat > "$top/environment" << 'ENVIRONMENT'
# Sourced: where things are found. $here is this folder, $paths the libraries'.
# Without a remote shell mpirun stops unless it is told to stay on this machine.
command -v ssh > /dev/null 2>&1 || command -v rsh > /dev/null 2>&1 || export OMPI_MCA_plm=isolated
# PMIx looks for its compression plugin at a fixed place, and goes without after a warning.
export PMIX_MCA_pcompress_base_silence_warning=1
export LD_LIBRARY_PATH="$paths${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" PATH="$here/bin:$PATH" OPAL_PREFIX="$here"
ENVIRONMENT
cat > "$top/with" << 'WRAPPER'
#!/bin/sh
# Runs a command of a bundle with its libraries and its Open MPI.
here=$(cd "$(dirname "$0")" && pwd)
paths=$here/lib
. "$here/environment"
exec "$@"
WRAPPER
chmod 755 "$top/savbench" "$top/with"
[ -n "$with_tests" ] || rm "$top/with"

mkdir -p "$(dirname "$out")"
tar -C "$stage" --sort=name --owner=0 --group=0 -czf "$out" savbench
printf '%s: %s MB, for torch %s\n' "$out" "$(awk -v n="$(stat -c %s "$out")" 'BEGIN { printf "%.1f", n / 1e6 }')" "$torch_version"
