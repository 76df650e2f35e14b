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
# a vCPU that halts with interrupts enabled does not wait for a start-up IPI, and is not woken by one
printf 'guest(function(cpu) cpu:compute(1000000) end)\nguest(function(cpu) cpu:hlt() error("woken") end)\nguest(function(cpu) cpu:compute(100000) cpu:wrmsr(0x830, 1 << 32 | %%s) cpu:compute(100000) end)\n' >"$work/halted.in"
for machine in skylake_sp_kvm zen3_milan_kvm skylake_sp_native; do
    for what in "0x600:waits for an interrupt" "0xf0:woken"; do
        # shellcheck disable=SC2059
        printf "$(cat "$work/halted.in")\n" "${what%%:*}" >"$work/halted.lua"
        refused "a discarded one ends no halt, an interrupt does ($machine, ${what%%:*})" 1 "${what#*:}" timeout 60 "$VIRTSIM" run "$work/halted.lua" -m $machine --no-store --quiet
    done
done

# of a guest's guest it is L1 that serves them: by a message to its processor, VMWRITEs to VMCS12, and its thread's sleep
nested=tests/digests/workloads/start_nested.lua
on() { # NAME MACHINE OPTIONS...
    ok "a vCPU of L2 is started, ${*:2}" timeout 60 "$VIRTSIM" run $nested --quiet --db "$work/$1.db" --set hypervisor.nesting=1 -m "${@:2}"
    equal "the books balance, ${*:2}" 0 "$(sqlite3 "$work/$1.db" "select count(*) from unbalanced")"
    equal "L1 resets it twice and starts it twice; L0 does neither, ${*:2}" "2 2 0" "$(sqlite3 "$work/$1.db" \
        "select cast(total(n) filter (where actor = 'vcpu1/l1' and account = 'hypervisor.vcpu_reset.reset') / 1900 as int), cast(total(n) filter (where actor = 'vcpu1/l1' and account = 'hypervisor.vcpu_start.vector') / 160 as int), cast(total(n) filter (where actor = 'vcpu1/host' and account like 'hypervisor.vcpu_%') as int) from part where op not like 'timeline'" | tr '|' ' ')"
}
on l2 skylake_sp_kvm
equal "each message is an exit of L2 and the message of L1's to its processor" "14 7" "$(n l2 vcpu0/host exit.wrmsr) $(n l2 vcpu0/l1 handler.msr.write)"
equal "one stops L2: an exit of no processor; the others end L1's halts" "1 1" "$(n l2 vcpu1/host exit.external_interrupt) $(sqlite3 "$work/l2.db" "select sum(value) from counter where actor = 'vcpu1/host' and name = 'nested.events'")"
# 51 fields; nine of them are written in the shadow VMCS, RIP in a start too. Of eight reads and writes of CS there one read is
equal "fields that VMCS shadowing has leave L1 no more" "$((2 * (51 - 9 + 4))) $((2 * 3))" "$(n l2 vcpu1/host exit.vmwrite) $(n l2 vcpu1/host exit.vmread)"
on plain skylake_sp_kvm --set nested.vmcs_shadowing=0
fields() { sqlite3 "$work/plain.db" "select sum(n) from op where actor = 'vcpu1/host' and op = 'exit.vmwrite'"; }
equal "without it all of them do" yes "$( (($(fields) >= 2 * (51 + 5))) && echo yes)"
on amd zen3_milan_kvm
equal "L1 stores to VMCB12, which leaves for nothing" "1 1 2" "$(n amd vcpu1/host exit.intr) $(n amd vcpu1/host exit.vintr) $(n amd vcpu1/host exit.vmrun)"
on old k10_shanghai_kvm
on in_l0 skylake_sp_kvm --set nested.control.hlt_exiting=0
equal "a halt that L1 lets pass is ended in L0, which hands the message on" 2 "$(sqlite3 "$work/in_l0.db" "select sum(value) from counter where actor = 'vcpu1/host' and name = 'nested.events'")"
on in_guest skylake_sp_kvm --set nested.control.hlt_exiting=0 --set vmcs.control.hlt_exiting=0
on amd_l0 zen2_rome_kvm --set svm.nested.intercept.hlt=0

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
