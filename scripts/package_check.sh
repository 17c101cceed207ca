#!/usr/bin/env bash
# The Debian package on a clean root: built, installed with what it depends on, tried.
#
#   bash scripts/package_check.sh [--dir DIR] [--engine SITE_PACKAGES]
#
#   package     build/package, by CPack
#   root        DIR/root: debootstrap's least system of this machine's release, in a folder; nothing of this machine is in it
#   install     apt-get install ./savbench.deb there
#   tried       the two programs' libraries; doctor; a whole run by mpirun on the stub; the man page, by man, without a warning;
#               completion as bash-completion loads it, on real lines; build-engine, which says what it lacks; removal
#   --engine    also: what build-engine compiles with is installed, and it builds against the torch of SITE_PACKAGES (of the release's
#               own version of Python); minutes
#
# DIR: build/package_check; a root that is there is used again. Exit code: 0; 1 something is wrong; 77 skipped: not root, or no
# debootstrap, apt or namespaces.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/deps.sh"

dir=$VB_ROOT/build/package_check site=''
while [ $# -gt 0 ]; do
    case $1 in
        --dir) dir=${2:-} && shift ;;
        --engine) site=${2:-} && shift ;;
        -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" && exit 0 ;;
        *) deps_stop "package_check.sh: no option $1 (there are --dir and --engine)" ;;
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
release=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
[ -n "$release" ] || skip "no release's name in /etc/os-release"
[ -z "$site" ] || [ -d "$site/torch" ] || deps_stop "package_check.sh: no torch in '$site'"

deps_build package
(cd "$VB_ROOT" && cmake --build --preset package --target package) > "$VB_ROOT/build/package.log" 2>&1 || { tail -n 20 "$VB_ROOT/build/package.log"; exit 1; }
deb=$(ls -t "$VB_ROOT"/build/package/savbench_*.deb | head -n 1)
deps_say "package: ${deb##*/}, $(du -k "$deb" | cut -f 1) KiB"

mkdir -p "$dir" || exit 1
if [ ! -e "$dir/root.whole" ]; then
    rm -rf "$dir/root"
    debootstrap --variant=minbase "$release" "$dir/root" > "$dir/debootstrap.log" 2>&1 || { tail -n 5 "$dir/debootstrap.log"; exit 1; }
    touch "$dir/root.whole"
fi
deps_say "root: $release, $(du -sm "$dir/root" | cut -f 1) MiB"

mkdir -p "$dir/root/try" && cp "$deb" "$dir/root/try/savbench.deb" && cp "$VB_ROOT/scripts/package_tried.sh" "$dir/root/try/" || exit 1
rm -rf "$dir/root/try/data" && mkdir "$dir/root/try/data" || exit 1
for kind in JPEGImages_24fps Annotations_6fps; do
    mkdir "$dir/root/try/data/$kind" && cp -r "$VB_ROOT/data/$kind/shapes_000001" "$dir/root/try/data/$kind/" || exit 1
done
cp "$VB_ROOT/data/edgetam_shapes.pt" "$dir/root/try/" || exit 1
cp /etc/resolv.conf "$dir/root/etc/resolv.conf" 2> /dev/null
# Its own mounts and processes: nothing is left when it ends, however it ends.
unshare --mount --pid --fork --kill-child --uts sh -eu -c '
    mount --make-rprivate /
    mount -t proc proc "$1/proc"
    mount -t tmpfs tmpfs "$1/tmp"
    mount --rbind /dev "$1/dev"
    hostname clean
    if [ -n "$2" ]; then mkdir -p "$1/opt/site" && mount --bind -o ro "$2" "$1/opt/site"; fi
    exec chroot "$1" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 ${2:+ENGINE=1} bash /try/package_tried.sh' sh "$dir/root" "$site"
