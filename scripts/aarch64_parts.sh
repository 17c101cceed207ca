# The steps of scripts/aarch64.sh, which sources this and says what each does. They use $dir and $sysroot.

ARM_TOOLS='
have_command aarch64-linux-gnu-gcc|gcc-aarch64-linux-gnu|a C compiler for aarch64
have_command aarch64-linux-gnu-g++|g++-aarch64-linux-gnu|a C++ compiler for aarch64
have_qemu|qemu-user|qemu-aarch64
have_cmake|cmake|CMake 3.22 or later
have_command ninja|ninja-build|Ninja
have_command pkg-config|pkg-config|pkg-config
have_command dpkg-shlibdeps|dpkg-dev|dpkg-shlibdeps
have_command file|file|file
have_venv|python3-venv|Python 3 with venv
'
ARM_PACKAGES='libc6-dev libstdc++-12-dev libopenmpi-dev openmpi-bin libhdf5-dev libsqlite3-dev libturbojpeg0-dev libpng-dev
libjansson-dev libssl-dev libcmocka-dev'
# Under an emulator these take minutes each; what they break is not bound to a processor.
ARM_SLOW='test_calls|test_power|test_seed_weights|test_verify|test_checkpoint|test_store|test_finalize|test_pickle|test_shard|jetson_prepare|include_direction'

have_qemu() { have_command qemu-aarch64 || have_command qemu-aarch64-static; }
arm_qemu() { command -v qemu-aarch64 || command -v qemu-aarch64-static; }

arm_tools() {
    local rows packages
    rows=$(printf '%s\n' "$ARM_TOOLS" | deps_missing)
    packages=$(printf '%s\n' "$rows" | cut -d '|' -f 2 | sort -u | xargs)
    # shellcheck disable=SC2086 # a list of packages
    [ -z "$packages" ] || deps_apt $packages
    rows=$(printf '%s\n' "$ARM_TOOLS" | deps_missing)
    [ -z "$rows" ] || deps_stop "Still missing:" "$(printf '%s\n' "$rows" | cut -d '|' -f 3 | sed 's/^/  /')"
}

# Packages are fetched with an apt of the sysroot's own (state, cache, an empty status: so all they need comes along) and unpacked.
# Its dpkg database is kept up too: dpkg-shlibdeps reads there which package a library is of.
arm_sysroot() {
    local apt=$dir/apt deb name
    if [ -e "$sysroot/.whole" ]; then
        deps_say "   there: $sysroot"
        return 0
    fi
    have_command apt-get || deps_stop "No apt-get: the sysroot is made of Debian's packages. Another one: cmake -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake -DVB_SYSROOT=FOLDER"
    rm -rf "$sysroot" "$apt"
    mkdir -p "$apt"/{state/lists/partial,cache/archives/partial} "$sysroot"/usr/{lib,bin,sbin} "$sysroot/var/lib/dpkg/info" || return 3
    : > "$apt/status"
    echo 1 > "$sysroot/var/lib/dpkg/info/format" # one package may be there for several architectures
    cat > "$apt/apt.conf" << TEXT
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "root";
APT::Install-Recommends "false";
Acquire::Languages "none";
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
${SAVBENCH_ARM_SOURCES:+Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "$SAVBENCH_ARM_SOURCES";}
TEXT
    # Sources without arm64 are no fault: what is missing is missed below.
    APT_CONFIG=$apt/apt.conf apt-get -qq update > "$apt/log" 2>&1
    # shellcheck disable=SC2086 # a list of packages
    if ! APT_CONFIG=$apt/apt.conf apt-get -qq install -y --download-only $ARM_PACKAGES >> "$apt/log" 2>&1 < /dev/null; then
        tail -n 15 "$apt/log" >&2
        deps_stop "apt-get could not fetch the packages for arm64: do this machine's sources have them? SAVBENCH_ARM_SOURCES names a folder of others."
    fi
    for name in lib bin sbin; do ln -s usr/$name "$sysroot/$name"; done
    for deb in "$apt"/cache/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$sysroot" || return 3
        arm_note_package "$deb" || return 3
    done
    # Links to /... would lead out of the sysroot.
    find "$sysroot" -type l -lname '/*' | while read -r deb; do
        name=$sysroot$(readlink "$deb")
        [ ! -e "$name" ] || ln -sfnr "$name" "$deb"
    done
    rm -rf "$apt/cache"
    touch "$sysroot/.whole"
    deps_say "   $(grep -c ^Package: "$sysroot/var/lib/dpkg/status") packages, $(du -sm "$sysroot" | cut -f 1) MiB: $sysroot"
}

arm_note_package() { # DEB: into the sysroot's dpkg database, files by their names on this machine
    local info=$sysroot/var/lib/dpkg/info control name
    control=$(mktemp -d)
    dpkg-deb -e "$1" "$control"
    name=$(sed -n 's/^Package: //p' "$control/control")
    ! grep -q '^Multi-Arch: same' "$control/control" || name=$name:arm64
    sed '/^Package:/a Status: install ok installed' "$control/control" >> "$sysroot/var/lib/dpkg/status"
    echo >> "$sysroot/var/lib/dpkg/status"
    dpkg-deb --fsys-tarfile "$1" | tar -t | sed -n "s|^\./|$sysroot/|p" |
        sed "s|^$sysroot/lib/|$sysroot/usr/lib/|;s|/\$||" > "$info/$name.list"
    for part in shlibs symbols; do
        [ ! -f "$control/$part" ] || cp "$control/$part" "$info/$name.$part"
    done
    rm -rf "$control"
}

arm_cmake() { # FOLDER OPTIONS...: configures and builds; all it prints goes to FOLDER.log
    local folder=$1 log=$1.log
    shift
    if ! (cmake -S "$VB_ROOT" -B "$folder" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$VB_ROOT/cmake/aarch64.cmake" -DVB_SYSROOT="$sysroot" \
        -DCMAKE_BUILD_TYPE=Release ${SAVBENCH_CMAKE_OPTIONS:-} "$@" && cmake --build "$folder" -j "$(deps_jobs)") > "$log" 2>&1 < /dev/null; then
        grep -vE '^\[[0-9]+/[0-9]+\] (Building|Linking)' "$log" | tail -n 40 >&2
        printf 'The build failed; all of it is in %s\n' "$log" >&2
        return 3
    fi
}

arm_build() {
    arm_cmake "$dir/build" -DVB_TORCH=OFF -DVB_WERROR=ON && file -b "$dir/build/savbench" "$dir/build/savbench-engine" | cut -d , -f 1-3 | sed 's/^/   /'
}

arm_ctest() { # ctest's own options
    ctest --test-dir "$dir/build" --output-on-failure --no-tests=error -j "$(nproc)" "$@" < /dev/null || return 1
}

arm_unit() { arm_ctest -LE spawns; }

# Registered in a namespace: nothing outside of it sees that. Magic and mask of an ELF file for aarch64.
arm_within() { # COMMAND...: with aarch64 programs runnable
    QEMU_LD_PREFIX=$sysroot unshare --user --map-root-user --mount --pid --fork --kill-child --mount-proc sh -c '
        mount -t binfmt_misc none /proc/sys/fs/binfmt_misc &&
        printf "%s" ":aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:$1:" \
            > /proc/sys/fs/binfmt_misc/register && shift && exec "$@"' sh "$(arm_qemu)" "$@"
}

arm_mpirun() { # the sysroot's, as DIR/bin/mpirun
    mkdir -p "$dir/bin"
    printf '#!/bin/sh\nexec "%s/usr/bin/mpirun.openmpi" "$@"\n' "$sysroot" > "$dir/bin/mpirun"
    chmod +x "$dir/bin/mpirun"
}

arm_cli() {
    local within=arm_within
    if QEMU_LD_PREFIX=$sysroot "$dir/build/savbench" --version > /dev/null 2>&1; then
        within='env QEMU_LD_PREFIX='$sysroot # an emulator is registered for the whole machine, or this is one
    elif ! arm_within "$dir/build/savbench" --version > /dev/null 2>&1; then
        deps_say "   skipped: no aarch64 program can start another here (binfmt_misc in a user namespace needs Linux 6.7 and unshare)"
        return 0
    fi
    arm_mpirun
    PATH=$dir/bin:$PATH $within ctest --test-dir "$dir/build" --output-on-failure --no-tests=error -L spawns < /dev/null || return 1
}

# An x86 coordinator with aarch64 workers: two hosts in namespaces, each with programs and Open MPI of its own kind.
arm_mixed() {
    local native=$VB_ROOT/build/dev rc=0
    [ -x "$native/savbench" ] || native=$VB_ROOT/build/release
    if [ ! -x "$native/make_dataset" ]; then
        deps_say "   skipped: no build for this machine in build/dev or build/release"
        return 0
    fi
    HOSTS="pc orin" ARM_BIN=$dir/build ARM_ROOT=$sysroot arm_within sh "$VB_ROOT/tests/hosts/run.sh" "$VB_ROOT/tests/hosts/mixed.sh" \
        "$native" "$native/make_dataset" "$dir/mixed" || rc=$?
    [ $rc -ne 0 ] || deps_say "   one job over both: $(sed -n 's/^out: //p' "$VB_ROOT/tests/hosts/mixed.expected")"
    [ $rc -ne 77 ] || rc=0 # it has said why
    return $rc
}

arm_quick() {
    if [ -n "$(printf '%s\n' "$ARM_TOOLS" | deps_missing)" ] || [ ! -e "$sysroot/.whole" ]; then
        deps_say "   skipped: no cross compiler, qemu-aarch64 or sysroot here; bash scripts/aarch64.sh tools sysroot"
        exit 77
    fi
    arm_build && arm_ctest -LE spawns -E "^($ARM_SLOW)\$"
}

# Wheels for aarch64 are fetched by pip and unpacked beside each other; nothing is installed.
arm_fetch() { # FOLDER REQUIREMENT...
    local one to=$1
    shift
    [ -x "$dir/venv/bin/python" ] || python3 -m venv "$dir/venv" || deps_stop "python3 -m venv failed: apt-get install python3-venv"
    rm -rf "$dir/wheels"
    "$dir/venv/bin/python" -m pip download --disable-pip-version-check -q --no-deps --only-binary=:all: --python-version 3.11 --abi cp311 --abi none \
        --platform manylinux_2_28_aarch64 --platform manylinux2014_aarch64 -d "$dir/wheels" "$@" < /dev/null ||
        deps_stop "pip could not fetch $* for aarch64 (its message is above)."
    for one in "$dir"/wheels/*.whl; do "$dir/venv/bin/python" -m zipfile -e "$one" "$to" || return 3; done
    rm -rf "$dir/wheels"
}

arm_torch() {
    local want=${SAVBENCH_TORCH:-torch==2.13.0} cuda
    if [ "$(cat "$dir/torch/.want" 2> /dev/null)" != "$want" ]; then
        rm -rf "$dir/torch" && mkdir -p "$dir/torch" && arm_fetch "$dir/torch" "$want" || return 3
        cuda=$(sed -n "s/^cuda[^=]*= *'\([0-9.]*\).*/\1/p" "$dir/torch/torch/version.py")
        # CUDA's headers and the runtime to link with; before CUDA 13 the packages' names bear its number.
        if deps_at_least "${cuda:-0}" 13; then
            arm_fetch "$dir/torch" "nvidia-cuda-runtime==$cuda.*" && arm_fetch "$dir/torch" "nvidia-cuda-crt==$cuda.*" || return 3
        elif [ -n "$cuda" ]; then
            arm_fetch "$dir/torch" "nvidia-cuda-runtime-cu${cuda%%.*}==$cuda.*" && arm_fetch "$dir/torch" "nvidia-cuda-nvcc-cu${cuda%%.*}==$cuda.*" || return 3
        fi
        printf '%s\n' "$want" > "$dir/torch/.want"
    fi
    cuda=$(ls "$dir"/torch/nvidia/cu*/include/cuda_runtime_api.h "$dir"/torch/nvidia/cuda_runtime/include/cuda_runtime_api.h 2> /dev/null | head -n 1)
    cuda=${cuda%/*}
    # VB_NVCC: kernels of our own would need a CUDA toolkit for aarch64.
    PYTHONPATH=$dir/torch arm_cmake "$dir/build-torch" -DVB_TORCH=ON -DVB_WERROR=ON -DVB_TESTS=OFF -DVB_PYTHON="$(command -v python3)" -DVB_NVCC=OFF \
        ${cuda:+-DLIBTORCH_CUDA_INCLUDE="$cuda"} || return 3
    deps_say "   $want: $(ls "$dir"/build-torch/workers/torch/CMakeFiles/vb_torch.dir/*.cpp.o | wc -l) files of the model layer compiled, savbench-engine linked"
}

# The models themselves, slowly. The wheel must be one without CUDA, whose libraries are not here.
arm_models() {
    local want=${SAVBENCH_TORCH_CPU:-torch==2.8.0} build=$dir/build-models midr=$sysroot/sys/devices/system/cpu/cpu0/regs/identification
    local options=(run --split-dir "$VB_ROOT/data" --models edgetam --prompts point --image-size 256 --checkpoint "$VB_ROOT/data/edgetam_shapes.pt" --dtype float32
        --device cpu --limit-videos 1 --max-clip-frames 9 --warmup-frames 0 --workers 1 --threads 1 --save-masks all --quiet)
    if [ "$(cat "$dir/torch-cpu/.want" 2> /dev/null)" != "$want" ]; then
        rm -rf "$dir/torch-cpu" && mkdir -p "$dir/torch-cpu" && arm_fetch "$dir/torch-cpu" "$want" && printf '%s\n' "$want" > "$dir/torch-cpu/.want" || return 3
    fi
    PYTHONPATH=$dir/torch-cpu arm_cmake "$build" -DVB_TORCH=ON -DVB_CUDA=OFF -DVB_NVCC=OFF -DVB_TESTS=OFF -DVB_PYTHON="$(command -v python3)" || return 3
    # oneDNN looks there which processor it is on, and qemu's own choice of one has instructions that it takes badly.
    mkdir -p "$midr" && echo 0x00000000414fd0b1 > "$midr/midr_el1" || return 3
    if ! arm_within "$build/savbench" --version > /dev/null 2>&1; then
        deps_say "   skipped: no aarch64 program can start another here (binfmt_misc in a user namespace needs Linux 6.7 and unshare)"
        return 0
    fi
    arm_mpirun
    rm -rf "$dir/models" "$dir/models-here"
    # A frame takes half a minute: an engine that is silent for so long is not lost.
    (cd "$dir" && export QEMU_CPU=cortex-a76 OMP_NUM_THREADS=1 SAVBENCH_ENGINE_SILENCE_S=900 && PATH=$dir/bin:$PATH &&
        arm_within "$build/savbench" "${options[@]}" --out-dir "$dir/models") > "$dir/models.log" 2>&1 || { tail -n 20 "$dir/models.log" && return 1; }
    tail -n 2 "$dir/models.log" | sed 's/^/   /'
    [ -x "$VB_ROOT/build/release/savbench-engine" ] || return 0
    "$VB_ROOT/build/release/savbench" "${options[@]}" --out-dir "$dir/models-here" > "$dir/models-here.log" 2>&1 || return 1
    local of="SELECT obj_id, round(jf, 6) AS jf FROM trial_object JOIN object USING (object_id) ORDER BY 1"
    "$VB_ROOT/build/release/savbench" query "$dir/models" "$of" > "$dir/models.jf" && "$VB_ROOT/build/release/savbench" query "$dir/models-here" "$of" |
        diff - "$dir/models.jf" && deps_say "   J&F of each object as on this machine's processor"
}

arm_package() {
    # The man page and completion are the program's own words: run under the emulator they are written as natively.
    arm_cmake "$dir/package" -DCMAKE_INSTALL_PREFIX=/usr -DVB_TORCH=OFF -DVB_TESTS=OFF -DVB_ENGINE_APART=ON || return 3
    (cd "$dir/package" && DPKG_ADMINDIR=$sysroot/var/lib/dpkg cmake --build . --target package) >> "$dir/package.log" 2>&1 ||
        { tail -n 20 "$dir/package.log" >&2 && return 3; }
    local deb root=$dir/package.root
    deb=$(ls -t "$dir"/package/savbench_*_arm64.deb | head -n 1)
    dpkg-deb -f "$deb" Package Version Architecture Depends | sed 's/^/   /'
    # What was packed runs, from where it is laid.
    rm -rf "$root" && dpkg-deb -x "$deb" "$root" && "$(arm_qemu)" -L "$sysroot" "$root/usr/bin/savbench" --version | sed 's/^/   /'
    "$(arm_qemu)" -L "$sysroot" "$root/usr/bin/savbench-engine" doctor > "$dir/doctor.txt" 2>&1
    [ $? -le 1 ] || { cat "$dir/doctor.txt" && return 1; } # 1: it lacks libtorch and checkpoints
    for name in usr/share/man/man1/savbench.1 usr/share/bash-completion/completions/savbench usr/share/savbench/source/CMakeLists.txt; do
        [ -s "$root/$name" ] || { deps_say "   $name is not in the package" && return 1; }
    done
    deps_say "   $deb"
}
