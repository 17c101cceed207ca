# A Slurm of two nodes with two pretended GPUs each on this machine, for tests; sourced. Loopback only, as root, without
# systemd and cgroups. cluster_start FOLDER; cluster_stop. Exits 77 where something is missing.
cluster_needs() {
    [ "$(id -u)" = 0 ] || { echo "skipped: not root"; exit 77; }
    for program in slurmctld slurmd sbatch srun munged mpirun ip; do
        command -v "$program" >/dev/null || { echo "skipped: no $program (Debian: munge slurmctld slurmd slurm-client openmpi-bin iproute2)"; exit 77; }
    done
}

cluster_start() {
    S=$1
    host=$(hostname)
    mkdir -p "$S/state" "$S/spool/node1" "$S/spool/node2" "$S/log" "$S/run" "$S/munge"
    chmod 755 "$S" "$S/munge"
    cat >"$S/slurm.conf" <<EOF
ClusterName=ci
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$S/munge/munge.socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$S/state
SlurmdSpoolDir=$S/spool/%n
SlurmctldPidFile=$S/run/slurmctld.pid
SlurmdPidFile=$S/run/slurmd.%n.pid
SlurmctldLogFile=$S/log/slurmctld.log
SlurmdLogFile=$S/log/slurmd.%n.log
SlurmctldPort=${CLUSTER_PORT:-17000}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
JobRequeue=1
RequeueExit=99
SlurmdTimeout=30
SlurmdParameters=config_overrides
MailProg=/bin/true
GresTypes=gpu
NodeName=node[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=4 RealMemory=2000 Gres=gpu:2
PartitionName=ci Nodes=ALL Default=YES State=UP
EOF
    cat >"$S/gres.conf" <<EOF
AutoDetect=off
NodeName=node[1-2] Name=gpu File=/dev/null
NodeName=node[1-2] Name=gpu File=/dev/zero
EOF
    dd if=/dev/urandom of="$S/munge/key" bs=1024 count=1 2>/dev/null
    chmod 400 "$S/munge/key"
    munged --key-file="$S/munge/key" --socket="$S/munge/munge.socket" --pid-file="$S/run/munged.pid" \
        --log-file="$S/log/munged.log" --seed-file="$S/munge/seed" --force 2>/dev/null || exit 3
    SLURM_CONF=$S/slurm.conf
    export SLURM_CONF
    slurmctld -f "$SLURM_CONF" || exit 3
    node_start 1
    node_start 2
    wait_until 30 nodes_idle || { sinfo -N -l; cat "$S"/log/*.log; exit 3; }
}

node_start() {
    slurmd -N "node$1" -f "$SLURM_CONF" && return
    # It ends without them whether they are used or not: in a bare chroot, say.
    ! grep -q 'initialize cgroup' "$S/log/slurmd.node$1.log" || { echo "skipped: slurmd finds no cgroups that it takes"; exit 77; }
    tail "$S/log/slurmd.node$1.log"
    exit 3
}
nodes_idle() { [ "$(sinfo -h -N -o %T | grep -c '^idle$')" = 2 ]; }

cluster_stop() {
    [ -n "${S:-}" ] || return 0
    daemons=$(cat "$S"/run/*.pid 2>/dev/null) || : # they remove these files before they are gone
    kill $daemons 2>/dev/null || :
    sleep 0.5
    kill -9 $daemons 2>/dev/null || :
}

job_state() { scontrol show job "$1" 2>/dev/null | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p' | sort -u | tr '\n' ' '; }
job_ended() { ! squeue -h -o %i -j "$1" 2>/dev/null | grep -q .; }
job_running() { [ "$(job_state "$1")" = "RUNNING " ]; }
# Waits for a job's end and prints its state and exit code.
job_wait() {
    wait_until "${2:-60}" job_ended "$1" || { squeue; echo "job $1 does not end"; return 1; }
    scontrol show job "$1" | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p;s/.*ExitCode=\([0-9]*\):.*/exit \1/p' | sort | uniq -c | sed 's/^ *//'
}
