#!/usr/bin/env bash
# What savbench needs to build and run: found, or installed. Sourced by the other scripts; run alone it only installs.
#
#   bash scripts/deps.sh [--tests] [--slurm]
#
# Functions: deps_system [--tests] [--slurm]
#                                   compilers, CMake, Open MPI, HDF5, SQLite, image libraries (Debian/Ubuntu packages). --tests: what the
#                                   tests take beside them; --slurm: the daemons that the tests of `savbench slurm` start. Debian's
#                                   packages of these bring services along, so nothing installs them unasked
#            deps_torch             sets VB_PYTHON, the Python whose torch wheel has libtorch
#            deps_build PRESET      configures and builds build/PRESET
#            deps_program [BUNDLE]  sets VB_PROGRAM, the savbench of a bundle or of build/release
# Environment: VB_PYTHON      Python to take torch from; no other is looked for then
#              SAVBENCH_TORCH pip requirement for the wheel that is installed where none is (default: torch==2.13.0)
# What cannot be installed ends the script with exit code 2 and the commands to type.

VB_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

deps_say() { printf '%s\n' "$@"; }
deps_stop() {
    printf '%s\n' "$@" >&2
    exit 2
}

# --- the system's packages --------------------------------------------------------------------------------------------

# "a.b.c" at least "x.y"?
deps_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

have_command() { command -v "$1" > /dev/null 2>&1; }
have_module() { have_command pkg-config && pkg-config --exists "$1"; }
have_header() { # a header where the compiler looks, or below one of Debian's own folders
    printf '#include <%s>\n' "$1" | "${CC:-cc}" -E -x c - > /dev/null 2>&1 && return 0
    ls /usr/include/*/*/"$1" > /dev/null 2>&1
}
have_cmake() { have_command cmake && deps_at_least "$(cmake --version | sed -n '1s/[^0-9]*//p')" 3.22; }
have_cc() { have_command "${CC:-cc}"; }
have_cxx() { have_command "${CXX:-c++}"; }
have_venv() { have_command python3 && python3 -c 'import ensurepip, venv' 2> /dev/null; }
have_libc_symbols() { [ -d /usr/lib/debug/.build-id ]; }
have_python_with() { "$(deps_test_python)" -c 'import h5py, numpy' 2> /dev/null; }

# The probe, the Debian/Ubuntu package that brings it, and its name elsewhere.
DEPS_BUILD='
have_cc|gcc|a C11 compiler (GCC 11+ or Clang)
have_cxx|g++|a C++17 compiler
have_cmake|cmake|CMake 3.22 or later
have_command ninja|ninja-build|Ninja
have_command pkg-config|pkg-config|pkg-config
have_command mpicc|libopenmpi-dev|Open MPI with its headers
have_command mpirun|openmpi-bin|mpirun of Open MPI
have_header hdf5.h|libhdf5-dev|HDF5 with its headers
have_module sqlite3|libsqlite3-dev|SQLite 3.37 or later with its headers
have_command sqlite3|sqlite3|the sqlite3 shell
have_module libturbojpeg|libturbojpeg0-dev|libjpeg-turbo with TurboJPEG
have_module libpng|libpng-dev|libpng
have_module jansson|libjansson-dev|jansson
have_module libcrypto|libssl-dev|OpenSSL (libcrypto)
have_module cmocka|libcmocka-dev|cmocka
have_venv|python3-venv|Python 3 with venv
'
DEPS_TESTS='
have_python_with|python3-h5py python3-numpy|h5py and NumPy for Python 3 (golden tests)
have_libc_symbols|libc6-dbg|symbols of the C library (leak checks: what Open MPI leaves is told by them)
have_command rsync|rsync|rsync (tests of sync, hosts)
have_command ip|iproute2|ip (tests of hosts, Slurm)
'
DEPS_SLURM='
have_command munged|munge|munge (tests of Slurm)
have_command slurmctld|slurmctld|slurmctld (tests of Slurm)
have_command slurmd|slurmd|slurmd (tests of Slurm)
have_command sbatch|slurm-client|sbatch (tests of Slurm)
'

deps_missing() { # prints the rows whose probe fails
    local row
    while IFS= read -r row; do
        [ -n "$row" ] || continue
        ${row%%|*} || printf '%s\n' "$row"
    done
}

deps_apt() { # PACKAGE...
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq)
    if [ "$(id -u)" -ne 0 ]; then
        if have_command sudo && sudo -n true 2> /dev/null; then
            apt=(sudo -n "${apt[@]}")
        else
            deps_stop "Missing packages, and no right to install them. Type:" "  sudo apt-get update && sudo apt-get install -y $*" "and start this again."
        fi
    fi
    deps_say "Installing: $*"
    local log
    log=$(mktemp)
    # Package lists may be absent (containers) or stale: refresh them only when the first try fails.
    if ! "${apt[@]}" install -y --no-install-recommends "$@" > "$log" 2>&1 < /dev/null &&
        ! { "${apt[@]}" update > "$log" 2>&1 < /dev/null &&
            "${apt[@]}" install -y --no-install-recommends "$@" >> "$log" 2>&1 < /dev/null; }; then
        tail -n 15 "$log" >&2
        rm -f "$log"
        deps_stop "apt-get could not install them. Once this is mended:" "  apt-get update && apt-get install -y $*"
    fi
    rm -f "$log"
}

deps_system() { # [--tests] [--slurm]
    local rows packages one more=''
    for one in "$@"; do
        case $one in
            --tests) more+=$DEPS_TESTS ;;
            --slurm) more+=$DEPS_SLURM ;;
            *) deps_stop "$one is no option here (there are --tests and --slurm)" ;;
        esac
    done
    rows=$(printf '%s\n' "$DEPS_BUILD" | deps_missing)
    packages=$(printf '%s\n' "$rows" | cut -d '|' -f 2 | sort -u | xargs)
    if [ -n "$packages" ]; then
        have_command apt-get || deps_stop "Missing, and there is no apt-get to install them with:" \
            "$(printf '%s\n' "$rows" | cut -d '|' -f 3 | sed 's/^/  /')" "Install these and start this again."
        # shellcheck disable=SC2086 # a list of packages
        deps_apt $packages
    fi
    rows=$(printf '%s\n' "$DEPS_BUILD" | deps_missing)
    [ -z "$rows" ] || deps_stop "Still missing or too old (see the versions; Debian 12 and Ubuntu 22.04 have what it takes):" \
        "$(printf '%s\n' "$rows" | cut -d '|' -f 3 | sed 's/^/  /')"
    pkg-config --atleast-version=3.37 sqlite3 || deps_stop "SQLite $(pkg-config --modversion sqlite3) is too old: 3.37 or later is needed (Ubuntu 22.04, Debian 12, JetPack 6)."
    # Without the rest some tests are skipped, so a lack of it ends nothing.
    rows=$(printf '%s\n' "$more" | deps_missing)
    [ -n "$rows" ] || return 0
    packages=$(printf '%s\n' "$rows" | cut -d '|' -f 2 | xargs)
    # shellcheck disable=SC2086 # a list of packages
    if ! have_command apt-get || { [ "$(id -u)" -ne 0 ] && ! { have_command sudo && sudo -n true 2> /dev/null; }; } || ! (deps_apt $packages); then
        deps_say "Note: tests will be skipped for want of:" "$(printf '%s\n' "$rows" | cut -d '|' -f 3 | sed 's/^/  /')" "  (apt-get install $packages)"
    fi
}

# The Python that runs the test scripts: one with h5py and NumPy, if any.
deps_test_python() {
    local p
    for p in "${VB_TEST_PYTHON:-}" python3 /usr/bin/python3 "${VB_PYTHON:-}"; do
        if [ -n "$p" ] && "$p" -c 'import h5py, numpy' 2> /dev/null; then
            command -v "$p"
            return
        fi
    done
    printf 'python3\n'
}

# --- torch ------------------------------------------------------------------------------------------------------------

# Prints "VERSION CUDA|cpu" when this Python has a torch wheel of 2.3 or later with its C++ libraries. Nothing is
# imported: an import of torch takes seconds, on a Jetson a minute.
deps_torch_of() {
    [ -n "$1" ] && have_command "$1" && "$1" - 2> /dev/null << 'PY'
import importlib.util, os, re, sys
spec = importlib.util.find_spec("torch")
if spec is None or not spec.origin:
    sys.exit(1)
folder, facts = os.path.dirname(spec.origin), {}
exec(open(os.path.join(folder, "version.py")).read(), facts)
version = facts["__version__"]
if tuple(map(int, re.findall(r"\d+", version)[:2])) < (2, 3) or not os.path.exists(os.path.join(folder, "lib", "libtorch_cpu.so")):
    sys.exit(1)
print(version, facts.get("cuda") or "cpu")
PY
}

deps_is_jetson() {
    [ -e /etc/nv_tegra_release ] || grep -aqsE 'Jetson|Orin|Xavier|Thor|Tegra' /proc/device-tree/model
}

deps_torch() {
    local p found
    if [ -n "${VB_PYTHON:-}" ]; then
        found=$(deps_torch_of "$VB_PYTHON") || deps_stop "VB_PYTHON=$VB_PYTHON has no torch of version 2.3 or later." \
            "Install it there ($VB_PYTHON -m pip install torch), or unset VB_PYTHON."
    else
        for p in "${VIRTUAL_ENV:+$VIRTUAL_ENV/bin/python}" "$VB_ROOT/.venv/bin/python" python3 /usr/bin/python3; do
            if found=$(deps_torch_of "$p"); then
                VB_PYTHON=$(command -v "$p")
                break
            fi
        done
    fi
    if [ -z "${VB_PYTHON:-}" ]; then
        if deps_is_jetson; then
            deps_stop "This is a Jetson: it needs NVIDIA's own torch wheel (2.3 or later). The general one has no kernels for this GPU" \
                "and is not installed here. Look up 'Installing PyTorch for Jetson Platform' in NVIDIA's documentation, take the" \
                "wheel for your JetPack (head -n 1 /etc/nv_tegra_release tells the release), and:" \
                "  python3 -m venv .venv && .venv/bin/pip install torch-<version>-linux_aarch64.whl" \
                "Then start this again."
        fi
        deps_install_torch
        found=$(deps_torch_of "$VB_ROOT/.venv/bin/python") || deps_stop "pip installed ${SAVBENCH_TORCH:-torch} into .venv, but it is no torch of version 2.3 or later with C++ libraries."
        VB_PYTHON=$VB_ROOT/.venv/bin/python
    fi
    VB_TORCH_CUDA=${found#* }
    deps_say "torch ${found% *} ($VB_TORCH_CUDA) of $VB_PYTHON"
    export VB_PYTHON VB_TORCH_CUDA
}

deps_install_torch() {
    local want=${SAVBENCH_TORCH:-torch==2.13.0}
    deps_say "No torch of version 2.3 or later found: installing $want into .venv/ with pip."
    deps_say "$(deps_torch_size)"
    [ -x "$VB_ROOT/.venv/bin/pip" ] || python3 -m venv "$VB_ROOT/.venv" || deps_stop "python3 -m venv failed: apt-get install python3-venv"
    "$VB_ROOT/.venv/bin/python" -m pip install --disable-pip-version-check "$want" < /dev/null || deps_stop "pip could not install $want (its message is above)." \
        "Another version: SAVBENCH_TORCH='torch>=2.3' $0 ...; a torch that is there already: VB_PYTHON=/path/to/python $0 ..."
}

# Sizes measured with torch 2.13.0 and all that it requires, as pip downloads them.
deps_torch_size() {
    if [ "$(uname -m)" = x86_64 ]; then
        cat << 'TEXT'
Download: about 2.7 GB (5 GB on disk), since PyPI's build for x86-64 brings the CUDA libraries along; a CPU-only build is
about 0.2 GB (0.8 GB on disk). For that one stop here and point pip at it by pip's own settings, then start again:
  PIP_FIND_LINKS=<folder or page that holds the +cpu wheel>   or   PIP_INDEX_URL=<PyTorch's package index for cpu>
TEXT
    else
        echo "Download: from 0.2 GB (a CPU-only build) to about 3 GB (with the CUDA libraries); pip prints the size of each file."
    fi
}

# --- building ---------------------------------------------------------------------------------------------------------

deps_jobs() { # one per core, and 2 GiB each: libtorch's headers need it
    local cores mem
    cores=$(nproc)
    mem=$(awk '/MemAvailable/ { print int($2 / 2097152) }' /proc/meminfo)
    [ "$mem" -ge 1 ] || mem=1
    echo $((cores < mem ? cores : mem))
}

deps_build() { # PRESET
    deps_say "Building build/$1 ..."
    local log=$VB_ROOT/build/$1.log
    mkdir -p "$VB_ROOT/build"
    if ! (cd "$VB_ROOT" && cmake --preset "$1" ${VB_PYTHON:+-DVB_PYTHON="$VB_PYTHON"} "-DVB_TEST_PYTHON=$(deps_test_python)" &&
        cmake --build --preset "$1" -j "$(deps_jobs)") > "$log" 2>&1 < /dev/null; then
        tail -n 40 "$log" >&2
        printf 'The build failed; all of it is in %s\n' "${log#"$VB_ROOT"/}" >&2
        exit 3
    fi
}

# The program that a script runs: out of a bundle (bundle.sh), unpacked for as long as the script runs, or else built here.
# Sets VB_PROGRAM (savbench), VB_PROGRAM_BIN (the folder of test programs) and VB_PROGRAM_LIBS (that of kernel_*.so).
deps_program() { # [BUNDLE]
    if [ -n "$1" ]; then
        VB_UNPACKED=$(mktemp -d)
        trap 'rm -rf "$VB_UNPACKED"' EXIT
        tar -C "$VB_UNPACKED" -xzf "$1" || exit 3
        VB_PROGRAM=$VB_UNPACKED/savbench/savbench VB_PROGRAM_BIN=$VB_UNPACKED/savbench/bin VB_PROGRAM_LIBS=$VB_UNPACKED/savbench/lib
    else
        deps_system --tests
        deps_torch
        deps_build release
        VB_PROGRAM=$VB_ROOT/build/release/savbench VB_PROGRAM_BIN=$VB_ROOT/build/release VB_PROGRAM_LIBS=$VB_ROOT/build/release
    fi
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -eu
    deps_system "$@"
    deps_torch
fi
