#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# INIT and start-up IPIs (SDM 3A 8.4, 11.6.1): a vCPU that got an INIT does nothing until a start-up IPI comes, which
# others discard; what was pending for it is gone. The workload itself says where that does not hold.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
script=tests/digests/workloads/start.lua
n() { sqlite3 "$work/$1.db" "select coalesce(sum(n), 0) from op where actor = '$2' and op = '$3'"; }
for machine in skylake_sp_kvm skylake_sp_xen zen3_milan_kvm skylake_sp_native zen3_milan_native; do
    ok "a vCPU is started, $machine" timeout 60 "$VIRTSIM" run $script --machine $machine --quiet --db "$work/$machine.db"
done
equal "each message is a write of ICR" 9 "$(n skylake_sp_kvm vcpu0/host exit.wrmsr)"
equal "an INIT ends the halt in its exit, another one leaves the guest that runs" "1 1" "$(n skylake_sp_kvm vcpu1/host exit.hlt) $(n skylake_sp_kvm vcpu1/host exit.external_interrupt)"
equal "the hypervisor resets the vCPU for each INIT that it serves, and starts it twice" "2 2" "$(sqlite3 "$work/skylake_sp_kvm.db" \
    "select total(n) filter (where account = 'hypervisor.vcpu_reset.reset') / 1900, total(n) filter (where account = 'hypervisor.vcpu_start.vector') / 160 from part where actor = 'vcpu1/host' and op not like 'timeline'" | sed 's/\.0//g; s/|/ /')"
ok "without virtual-interrupt delivery" timeout 60 "$VIRTSIM" run $script -m skylake_sp_kvm --no-store --quiet \
    --set vmcs.control.posted_interrupts=0 --set vmcs.control.virtual_interrupt_delivery=0
ok "halted in its guest" timeout 60 "$VIRTSIM" run $script -m skylake_sp_kvm --no-store --quiet --set vmcs.control.hlt_exiting=0
bad() { # what, message, vCPU 0's program, arguments
    printf 'guest(function(cpu) cpu:compute(1000) %s end)\nguest(function(cpu) cpu:compute(100000) end)\n' "$3" >"$work/bad.lua"
    refused "$1" "${status:-2}" "$2" timeout 60 "$VIRTSIM" run "$work/bad.lua" --quiet --no-store "${@:4}"
}
bad "the bootstrap processor" "an INIT to vCPU 0, the bootstrap processor" "cpu:wrmsr(0x830, 0x4500)"
bad "no shorthand names the sender" "a start-up IPI has no shorthand that names its sender" "cpu:wrmsr(0x830, 0x80600)"
bad "processors that vCPUs share" "which shares its processor with others" "cpu:wrmsr(0x830, 1 << 32 | 0x4500)" --set host.cpus=1
bad "a hypervisor without the program" "has no program vcpu_reset" "cpu:wrmsr(0x830, 1 << 32 | 0x4500)" -m skylake_sp_vmlatency
status=1 bad "one that nobody starts is named" "a start-up IPI of another one" "cpu:wrmsr(0x830, 1 << 32 | 0x4500)"
finish
