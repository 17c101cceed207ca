# Four hosts on this machine, for tests; sourced within `unshare --net --mount`. Each has its own network, name and file
# systems: the test's folder and /tmp are private to it, so that nothing is shared but the programs. `on HOST COMMAND` runs there;
# $AGENT stands in for ssh; FOLDER/HOST.env has what else is in a host's environment.
hosts_needs() {
    [ "$(id -u)" = 0 ] || { echo "skipped: not root"; exit 77; }
    for program in ip unshare nsenter mpirun rsync; do
        command -v $program >/dev/null || { echo "skipped: no $program"; exit 77; }
    done
    unshare --net --mount --uts true 2>/dev/null || { echo "skipped: no namespaces here"; exit 77; }
}

hosts_start() { # hosts_start FOLDER NAME...: FOLDER holds what the test itself needs
    H=$1
    shift
    mkdir -p "$H"
    ip link set lo up
    ip link add switch type bridge
    ip addr add 10.77.0.254/24 dev switch
    ip link set switch up
    echo "127.0.0.1 localhost" >"$H/hosts"
    n=0
    for name in "$@"; do
        n=$((n + 1))
        echo "10.77.0.$n $name" >>"$H/hosts"
    done
    mount --bind "$H/hosts" /etc/hosts
    n=0
    for name in "$@"; do
        n=$((n + 1))
        unshare --net --mount --uts sh -c '
            hostname "$1"
            mount -t tmpfs none /dev/shm
            mkdir -p "$3/view-$1"
            mount -t tmpfs none "$3/view-$1"
            mkdir "$3/view-$1/tmp" "$3/view-$1/work"
            mount --bind "$3/view-$1/work" "$2"
            mount --bind "$3/view-$1/tmp" /tmp
            : >"$3/$1.ready"
            exec sleep 600' sh "$name" "$PWD" "$H" &
        echo $! >"$H/$name.pid"
        tries=0
        until [ -f "$H/$name.ready" ]; do
            tries=$((tries + 1))
            [ $tries -lt 200 ] || { echo "host $name does not come up"; exit 3; }
            sleep 0.05
        done
        ip link add "port$n" type veth peer name eth0 netns $!
        ip link set "port$n" master switch up
        # Every Jetson has such a bridge, each with this very address.
        nsenter --target $! --net sh -c "ip link set lo up; ip addr add 10.77.0.$n/24 dev eth0; ip link set eth0 up
            ip link add l4tbr0 type bridge; ip link add usb0 type veth peer name usb1; ip link set usb0 master l4tbr0 up; ip link set usb1 up
            ip addr add 192.168.55.1/24 dev l4tbr0; ip link set l4tbr0 up"
    done
    # A fresh environment and one string for the far shell, as ssh does it.
    AGENT=$H/agent
    cat >"$AGENT" <<EOF
#!/bin/sh
while [ "\${1#-}" != "\$1" ]; do
    case \$1 in -l) shift ;; esac
    shift
done
host=\$1
shift
[ -f "$H/\$host.pid" ] || { echo "agent: no host \$host" >&2; exit 255; }
[ ! -f "$H/\$host.frozen" ] || exec sleep 60
exec nsenter --target "\$(cat "$H/\$host.pid")" --net --mount --uts -- env -i PATH="$PATH" HOME=/tmp \$(cat "$H/\$host.env" 2>/dev/null) \
    OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_plm_rsh_agent="$AGENT" ASAN_OPTIONS=detect_leaks=0 sh -c "cd $PWD; \$*"
EOF
    chmod +x "$AGENT"
    export AGENT
}

on() { "$AGENT" "$@"; }

# Every process of a host, told by its network.
host_processes() {
    network=$(readlink "/proc/$(cat "$H/$1.pid")/ns/net")
    for p in /proc/[0-9]*; do
        if [ "$(readlink "$p/ns/net" 2>/dev/null)" = "$network" ]; then echo "${p#/proc/}"; fi
    done
}
host_freeze() { : >"$H/$1.frozen"; kill -STOP $(host_processes "$1"); }
host_kill() {
    gone=$(host_processes "$1")
    rm -f "$H/$1.pid"
    kill -KILL $gone
}

hosts_stop() {
    for pid in "${H:-/nonexistent}"/*.pid; do
        # A frozen one too; one that is gone must not end the trap, or the next one's `sleep` keeps the test's output open.
        [ ! -f "$pid" ] || kill -KILL "$(cat "$pid")" 2>/dev/null || :
    done
}
