#!/usr/bin/env bash
# The Debian package on a clean root: built, installed with what it depends on, tried.
#
#   bash scripts/package_check.sh [--dir DIR] [--release NAME [--debootstrap OPTIONS]] [--engine SITE_PACKAGES]
#
#   package     build/package, by CPack
#   root        DIR/root: debootstrap's least system of this machine's release, in a folder; nothing of this machine is in it
#   install     apt-get install ./savbench.deb there
#   tried       the two programs' libraries; doctor; a whole run by mpirun on the stub; the man page, by man, without a warning;
#               completion as bash-completion loads it, on real lines; build-engine, which says what it lacks; removal
#   --release   of another release (jammy is JetPack 6's), where the mirror that debootstrap takes for it can be reached. The package is
#               built there too, in a second root, from a copy of this clone's files: libraries' names are a release's
#   --debootstrap   its options for that, such as "--components=main,universe" for Ubuntu, whose MPI and HDF5 lie in universe
#   --engine    also: what build-engine compiles with is installed, it builds against the torch of SITE_PACKAGES, and a demo clip is
#               tracked by it; minutes
#
# DIR: build/package_check, or build/package_check-NAME; roots that are there are used again. Exit code: 0; 1 something is wrong;
# 77 skipped: not root, or no debootstrap, apt or namespaces.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/deps.sh"

dir='' site='' release='' options=()
while [ $# -gt 0 ]; do
    case $1 in
        --dir) dir=${2:-} && shift ;;
        --engine) site=${2:-} && shift ;;
        --release) release=${2:-} && shift ;;
        --debootstrap) read -ra options <<< "${2:-}" && shift ;;
        -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" && exit 0 ;;
        *) deps_stop "package_check.sh: no option $1 (there are --dir, --release, --debootstrap and --engine)" ;;
    esac
    shift
done
skip() {
    deps_say "skipped: $*"
    exit 77
}
[ "$(id -u)" -eq 0 ] || skip "not root"
for program in debootstrap apt-get dpkg-deb unshare; do have_command $program || skip "no $program"; done
unshare --mount --pid --fork --mount-proc true 2> /dev/null || skip "no namespaces here"
own=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
release=${release:-$own}
[ -n "$release" ] || skip "no release's name in /etc/os-release"
[ -z "$site" ] || [ -d "$site/torch" ] || deps_stop "package_check.sh: no torch in '$site'"
dir=${dir:-$VB_ROOT/build/package_check$([ "$release" = "$own" ] || printf -- '-%s' "$release")}
mkdir -p "$dir" || exit 1

if [ ! -e "$dir/root.whole" ]; then
    rm -rf "$dir/root"
    debootstrap --variant=minbase ${options[@]+"${options[@]}"} "$release" "$dir/root" > "$dir/debootstrap.log" 2>&1 || { tail -n 5 "$dir/debootstrap.log"; exit 1; }
    touch "$dir/root.whole"
fi
deps_say "root: $release, $(du -sm "$dir/root" | cut -f 1) MiB"

# A root's own mounts and processes: nothing is left when the command ends, however it ends.
within() { # ROOT COMMAND...
    cp /etc/resolv.conf "$1/etc/resolv.conf" 2> /dev/null
    unshare --mount --pid --fork --kill-child --uts sh -eu -c '
        root=$1 site=$2
        shift 2
        mount --make-rprivate /
        mount -t proc proc "$root/proc"
        mount -t tmpfs tmpfs "$root/tmp"
        mount --rbind /dev "$root/dev"
        hostname clean
        if [ -n "$site" ]; then mkdir -p "$root/opt/site" && mount --bind -o ro "$site" "$root/opt/site"; fi
        exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 ${site:+ENGINE=1} "$@"' sh "$1" "$site" "${@:2}"
}

if [ "$release" = "$own" ]; then
    deps_build package
    (cd "$VB_ROOT" && cmake --build --preset package --target package) > "$VB_ROOT/build/package.log" 2>&1 || { tail -n 20 "$VB_ROOT/build/package.log"; exit 1; }
    built=$VB_ROOT/build/package
else
    [ -d "$dir/builder" ] || cp -a "$dir/root" "$dir/builder" || exit 1
    rm -rf "$dir/builder/src" && mkdir "$dir/builder/src" || exit 1
    (cd "$VB_ROOT" && git ls-files -z | tar --null -T - -c) | tar -x -C "$dir/builder/src" || exit 1
    git -C "$VB_ROOT" rev-parse HEAD > "$dir/builder/src/REVISION" || exit 1
    within "$dir/builder" bash -c 'cd /src && . scripts/deps.sh && deps_system && deps_apt dpkg-dev file && deps_build package &&
        cmake --build --preset package --target package > build/package.log 2>&1 || { tail -n 20 build/package.log; exit 1; }' || exit 1
    built=$dir/builder/src/build/package
fi
deb=$(ls -t "$built"/savbench_*.deb | head -n 1)
deps_say "package: ${deb##*/}, $(du -k "$deb" | cut -f 1) KiB"

mkdir -p "$dir/root/try" && cp "$deb" "$dir/root/try/savbench.deb" && cp "$VB_ROOT/scripts/package_tried.sh" "$dir/root/try/" || exit 1
rm -rf "$dir/root/try/data" && mkdir "$dir/root/try/data" || exit 1
for kind in JPEGImages_24fps Annotations_6fps; do
    mkdir "$dir/root/try/data/$kind" && cp -r "$VB_ROOT/data/$kind/shapes_000001" "$dir/root/try/data/$kind/" || exit 1
done
cp "$VB_ROOT/data/edgetam_shapes.pt" "$dir/root/try/" || exit 1
within "$dir/root" bash /try/package_tried.sh
