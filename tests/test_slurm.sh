#!/bin/sh
# SPDX-License-Identifier: MIT
# A sweep on a real Slurm of two nodes, both on this machine: submitted, one task killed, submitted again, gathered; the
# result is the serial sweep's. Part of the long form of the tests; needs root and the packages munge, slurmctld, slurmd,
# slurm-client, which ./dev check --all installs where they can be had.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
skip() {
    echo "skipped: $1"
    exit 77
}
[ -n "${VIRTSIM_ALL:-}" ] || skip "part of ./dev check --all"
[ "$(id -u)" -eq 0 ] || skip "Slurm's daemons need root"
for tool in munged slurmctld slurmd sbatch squeue scancel sinfo scontrol; do
    PATH=$PATH:/usr/sbin command -v $tool >/dev/null || skip "$tool is not installed (packages munge slurmctld slurmd slurm-client)"
done
PATH=$PATH:/usr/sbin
if squeue -h >/dev/null 2>&1; then skip "this machine is part of a Slurm cluster already"; fi

# the cluster: one controller, two daemons, all on the loopback
c=$work/cluster
host=$(hostname -s)
mkdir -p "$c/state" "$c/n1" "$c/n2"
chmod 755 "$work" "$c"
cat >"$c/slurm.conf" <<CONF
ClusterName=loopback
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=17000
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
SlurmdParameters=config_overrides
StateSaveLocation=$c/state
SlurmdSpoolDir=$c/%n
SlurmctldPidFile=$c/slurmctld.pid
SlurmdPidFile=$c/slurmd-%n.pid
SlurmctldLogFile=$c/slurmctld.log
SlurmdLogFile=$c/slurmd-%n.log
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_min_interval=20000,sched_interval=1,bf_interval=1,default_queue_depth=1000
NodeName=n[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=2
PartitionName=main Nodes=n[1-2] Default=YES State=UP
CONF
SLURM_CONF=$c/slurm.conf
export SLURM_CONF
stop_cluster() {
    scontrol shutdown >/dev/null 2>&1
    sleep 1
    for pid in "$c"/*.pid; do
        [ -f "$pid" ] && kill "$(cat "$pid")" 2>/dev/null
    done
    [ -n "${munge_pid:-}" ] && kill "$munge_pid" 2>/dev/null
}
trap 'stop_cluster; rm -rf "$work"' EXIT
install -d -o munge -g munge /run/munge
[ -f /etc/munge/munge.key ] || mungekey -c 2>/dev/null
if ! munge -n >/dev/null 2>&1; then
    setpriv --reuid munge --regid munge --clear-groups munged --foreground >"$c/munged.log" 2>&1 &
    munge_pid=$!
fi
wait_until() { # wait_until SECONDS COMMAND...: it succeeds, or so many seconds are over
    i=$(($1 * 5))
    shift
    while ! "$@" >/dev/null 2>&1 && [ $i -gt 0 ]; do
        sleep 0.2
        i=$((i - 1))
    done
    "$@" >/dev/null 2>&1
}
wait_until 20 munge -n || skip "munged does not start: $(tail -1 "$c/munged.log" 2>/dev/null)"
slurmctld
slurmd -N n1
slurmd -N n2
both_idle() { [ "$(sinfo -h -N -o %T | grep -c idle)" -eq 2 ]; }
wait_until 60 both_idle || skip "the cluster does not come up: $(tail -1 "$c/slurmctld.log")"

printf 'param { name = "n", default = 10, min = 1, text = "lines" }\nguest(function(cpu, p) local m = cpu:map { bytes = 1 << 20 } for i = 1, 40 do cpu:random { region = m, count = p.n * 1000, op = "load" } end end)\n' >"$work/slow.lua"
digest() { "$VIRTSIM" db digest "$1"; }
vary="--vary workload.n=101:120:+1 --vary ept.l2_tlb.entries=768,1536"
ok "the serial sweep" "$VIRTSIM" sweep "$work/slow.lua" $vary --quiet -j 2 --db "$work/serial.db"
"$VIRTSIM" sweep "$work/slow.lua" $vary --print-manifest >"$work/m.lua"
submit() { "$VIRTSIM" sweep --manifest "$work/m.lua" --quiet --slurm "$work/job" --group 4 --db "$work/slurm.db"; }
ok "a sweep is submitted" submit
equal "as ten tasks" 1 "$(grep -c 'submitted 10 tasks as job array' "$work/out")"
refused "not twice at a time" 2 "are still in the queue" submit
running() { squeue -h -t R -o %i | grep -q _; }
ok "tasks run" wait_until 60 running
# one that was over before the signal came is none: then the next one
job_done() { [ -z "$(squeue -h -t R -o %i | grep -x "$1")" ]; }
victim=""
while [ -z "$victim" ] && wait_until 60 running; do
    task=$(squeue -h -t R -o %i | grep _ | head -1)
    scancel --signal=KILL --full "$task"
    wait_until 60 job_done "$task"
    [ -e "$work/job/shard-$(printf %02d "${task##*_}").done" ] || victim=$task
done
ok "one of them is killed" test -n "$victim"
over() { [ -z "$(squeue -h)" ]; }
ok "the jobs end" wait_until 300 over
equal "both nodes have worked" 2 "$(cat "$c"/slurmd-n?.log | grep -c 'launched\|Launching batch job' | awk '{ print ($1 >= 2) ? 2 : $1 }')"
equal "the task that was killed is not done" 9 "$(ls "$work"/job/*.done | wc -l)"
equal "which the gathering says" 1 "$(grep -c '1 of 10 parts are not done' "$work/job/gather.log")"
ok "submitted again" submit
equal "it is that task alone" 1 "$(grep -c 'submitted 1 tasks as job array' "$work/out")"
ok "the jobs end again" wait_until 300 over
equal "all parts are done" 10 "$(ls "$work"/job/*.done | wc -l)"
equal "gathered they are the serial sweep" "$(digest "$work/serial.db")" "$(digest "$work/slurm.db")"
ok "a third time there is nothing to submit" submit
equal "and that is said" 1 "$(grep -c 'nothing to submit' "$work/out")"
finish
