#!/bin/sh
# SPDX-License-Identifier: MIT
# What the host does again and again, and each time takes longer than until the next time: the run ends with a message
# that names the cause and what would be right. Where it leaves the guest any time, the guest comes to its end.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/l.db

cat >"$work/one.lua" <<'X'
guest(function(cpu) for _ = 1, 300 do cpu:compute(1000) end end)
X
cat "$work/one.lua" "$work/one.lua" >"$work/two.lua"
# run PROGRAM MACHINE OPTIONS...
run() {
    rm -f "$db"
    program=$1 machine=$2
    shift 2
    timeout 60 "$VIRTSIM" run "$work/$program.lua" --quiet --db "$db" -m "$machine" "$@"
}

for of in skylake_sp_kvm:exit.external_interrupt zen3_milan_kvm:exit.intr neoverse_n1_kvm:exit.irq; do
    machine=${of%:*}
    long="--set hypervisor.interrupt.handle.instructions=100000"
    # shellcheck disable=SC2086
    refused "$machine: ticks whose exits outlast their period" 1 "the host's ticks leave the guest no time: one comes every 10.000 us (host.tick_hz = 100000)" \
        run one $machine --set host.tick_hz=100000 $long
    rate=$(sed -n 's/.*A host.tick_hz below \([0-9]*\).*/\1/p' "$work/err")
    # shellcheck disable=SC2086
    ok "$machine: at the rate that the message names they leave it some" run one $machine --set host.tick_hz=$((rate - 200)) $long
    equal "$machine: and the books add up" 0 "$(sqlite3 "$db" 'select count(*) from unbalanced')"
    ok "$machine: as a handler of the usual length does" run one $machine --set host.tick_hz=100000
done

long="--set hypervisor.vcpu_switch.schedule.instructions=60000"
for preemption in voluntary full; do
    # shellcheck disable=SC2086
    refused "$preemption: slices that the switch outlasts" 1 "the host's slices leave the guest no time: one is 3 us long (host.slice_us)" \
        run two skylake_sp_kvm --set host.cpus=1 --set host.slice_us=3 --set host.preemption=$preemption $long
    # shellcheck disable=SC2086
    ok "$preemption: slices that it does not" run two skylake_sp_kvm --set host.cpus=1 --set host.slice_us=20 --set host.preemption=$preemption $long
done
finish
