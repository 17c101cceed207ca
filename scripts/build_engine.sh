#!/usr/bin/env bash
# savbench build-engine [--python PYTHON] [--dir DIR]: builds savbench-engine with the real models against the torch of PYTHON
# (default: python3, or VB_PYTHON), from the sources that were installed with savbench. A libtorch program fits the one torch that it
# was compiled against; after another torch is installed, run this again. Nothing is downloaded.
#
# DIR (default ~/.local/share/savbench) gets build/ and engine/savbench-engine, which savbench then finds by itself.
set -eu
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source=$here/source
[ -f "$source/CMakeLists.txt" ] || source=$(cd "$here/.." && pwd) # from a clone
python=${VB_PYTHON:-python3} dir=${XDG_DATA_HOME:-$HOME/.local/share}/savbench
while [ $# -gt 0 ]; do
    case $1 in
        --python) python=$2 && shift ;;
        --dir) dir=$2 && shift ;;
        -h | --help) printf 'usage: savbench build-engine [options]\n\n%s\n\nOptions:\n%s\n%s\n' \
            "$(sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}")" \
            "  --python PYTHON             whose torch to build against (default python3)" \
            "  --dir DIR                   where the engine goes (default ~/.local/share/savbench)" && exit 0 ;;
        *) echo "savbench build-engine: no option $1 (there are --python and --dir)" >&2 && exit 2 ;;
    esac
    shift
done
packages="cmake ninja-build g++ pkg-config libopenmpi-dev libhdf5-dev libsqlite3-dev libturbojpeg0-dev libpng-dev libjansson-dev libssl-dev"
for program in cmake ninja c++ pkg-config; do
    command -v $program > /dev/null || { echo "savbench build-engine: $program is missing; Debian, Ubuntu: apt-get install $packages" >&2; exit 2; }
done
# Read, not imported: an import takes seconds, on a Jetson a minute, and NumPy.
torch=$("$python" -c 'import importlib.util, os
v = {}
exec(open(os.path.join(os.path.dirname(importlib.util.find_spec("torch").origin), "version.py")).read(), v)
print(v["__version__"])' 2> /dev/null) || {
    echo "savbench build-engine: no torch in '$python': install it, or name another one by --python" >&2
    exit 2
}
mkdir -p "$dir"
echo "building against torch $torch of $python"
cmake -S "$source" -B "$dir/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DVB_TORCH=ON -DVB_TESTS=OFF -DVB_PYTHON="$("$python" -c 'import sys; print(sys.executable)')" > "$dir/cmake.log" 2>&1 ||
    { cat "$dir/cmake.log" >&2; echo "savbench build-engine: CMake found not all it takes (above; $dir/cmake.log); Debian, Ubuntu: apt-get install $packages" >&2; exit 3; }
cmake --build "$dir/build" --target savbench-engine -j "$(. "$source/scripts/deps.sh" && deps_jobs)" # a board's memory holds few compilers
mkdir -p "$dir/engine"
cp "$dir/build/savbench-engine" "$dir/engine/.new" && mv "$dir/engine/.new" "$dir/engine/savbench-engine"
"$dir/engine/savbench-engine" device
echo "engine: $dir/engine/savbench-engine"
[ "$dir" = "${XDG_DATA_HOME:-$HOME/.local/share}/savbench" ] || echo "savbench looks for it elsewhere: export SAVBENCH_ENGINE=$dir/engine/savbench-engine"
