#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Interrupts of a device that a guest hypervisor (L1) has given to its guest (L2): they are L1's, whatever L2 is doing, since
# L0 posts or injects to L1 alone. Linux arch/x86/kvm: vmx_check_nested_events, prepare_vmcs02_constant_state
# (POSTED_INTR_NESTED_VECTOR), svm_check_nested_events; arch/arm64/kvm: vgic_v3_load (no vPE is resident while L2 runs),
# kvm_inject_nested_irq. SDM 3C 31.6, APM volume 2, 15.21, Arm IHI 0069H, 5.4.
. "$VIRTSIM_HOME/tests/lib.inc"

n=40
run() { # MACHINE OPTIONS...
    rm -f "$work/n.db"
    ok "packets on $*" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/udp_echo.lua" --quiet --db "$work/n.db" -m "$1" --set hypervisor.nesting=1 \
        --set workload.packets=$n --set workload.warmup=10 "${@:2}"
    equal "the books balance of $*" 0 "$(q "select count(*) from unbalanced")"
    irqs=$(of guest irq)
    equal "the device interrupts with $*" yes "$( ((irqs > 0)) && echo yes)"
    equal "each of its interrupts is one of L1's, with $*" "$irqs" "$(of l1 handler.interrupt)"
    [[ $1 == neoverse* ]] || equal "and L1 injects each into L2, with $*" "$irqs" "$(q "select value from counter where actor = 'vcpu0/l1' and name = 'hypervisor.injections'")"
}
q() { sqlite3 "$work/n.db" "$1"; }
counter() { q "select coalesce(sum(value), 0) from counter where name = '$1'"; }
of() { q "select coalesce(sum(n), 0) from op where actor = 'vcpu0/$1' and op = '$2'"; }
delivery() { q "select total_ps / n from op where op = 'irq.delivery'"; }
busy="--set workload.rate=20000 --set workload.work=400000"
plain="--set vmcs.control.posted_interrupts=0 --set vmcs.control.virtual_interrupt_delivery=0 --set vmcs.control.apic_register_virtualization=0"
arm="neoverse_n1_kvm --set el2.cap.nv=2"

# ---- while L2 computes ----
run skylake_sp_kvm $busy
equal "what is posted to L1 stops L2: its notification vector is not VMCS02's" "$irqs" "$(of host exit.external_interrupt)"
equal "which no control of VMCS12 asked for: L1 is entered with an exit that no processor made" "$irqs $irqs" "$(counter nested.events) $(counter nested.reflected)"
equal "with L1's entry of L2 it is two exits, and two entries" $((2 * irqs)) "$(counter vmcs.exits)"
posted=$(delivery)
run skylake_sp_kvm $busy $plain
equal "without posting the device's interrupt itself stops it" "$irqs $irqs" "$(of host exit.external_interrupt) $(counter nested.events)"
equal "both end theirs: L1's write leaves it, L2's is L1's" "$((2 * irqs)) $irqs" "$(of host exit.wrmsr) $(of l1 handler.msr.write)"
equal "an interrupt takes longer by that" yes "$( (($(delivery) > posted)) && echo yes)"
run zen3_milan_kvm $busy
equal "SVM: #VMEXIT(INTR), and L1 takes it in a window, when it has set its flag" "$irqs $irqs $irqs" "$(of host exit.intr) $(counter svm.nested.events) $(of host exit.vintr)"
# shellcheck disable=SC2086 # options are words
run $arm $busy
equal "Arm: an IRQ to EL2, then one to virtual EL2" "$irqs $irqs" "$(of host exit.irq) $(counter el2.nested.events)"
listed=$(counter el2.exits)
# shellcheck disable=SC2086
run $arm $busy --set gic.direct_injection=v4
equal "GICv4: no virtual CPU of L1's is resident while L2 runs: a doorbell, as many exits" "$irqs $irqs" "$(of host exit.irq) $(counter el2.nested.events)"
equal "GICv4: and none fewer than without it" "$listed" "$(counter el2.exits)"

# ---- while L1 waits for L2 ----
run skylake_sp_kvm
equal "L1 polls, and its processor takes what is posted: nothing leaves it" "0 0 $irqs" "$(of host exit.external_interrupt) $(counter nested.events) $(of l1 halt.poll)"
run skylake_sp_kvm $plain
equal "without posting L0 injects it into L1: an exit of L1's" "$irqs 0" "$(of host exit.external_interrupt) $(counter nested.events)"
run skylake_sp_kvm --set hypervisor.halt_poll_ns=0
equal "L1 has halted: L0 wakes it, and it wakes its vCPU's thread" "$irqs $irqs" "$(of host halt.wake) $(of l1 halt.wake)"
equal "L0 injects each" "$irqs" "$(q "select value from counter where actor = 'vcpu0/host' and name = 'hypervisor.injections'")"
# shellcheck disable=SC2086
run $arm --set hypervisor.halt_poll_ns=0
equal "Arm: the same" "$irqs $irqs" "$(of host halt.wake) $(of l1 halt.wake)"
run zen2_rome_kvm --set hypervisor.halt_poll_ns=0
equal "SVM: the same" "$irqs $irqs" "$(of host halt.wake) $(of l1 halt.wake)"

# ---- L1 lets the halt of L2 pass ----
run skylake_sp_kvm --set nested.control.hlt_exiting=0 --set hypervisor.halt_poll_ns=0
equal "L0 alone has the halt, and hands on what ends it, posted though it is" "$irqs $irqs 0" "$(of host halt.wake) $(counter nested.events) $(of l1 halt.wake)"
run skylake_sp_kvm --set nested.control.hlt_exiting=0 --set vmcs.control.hlt_exiting=0
equal "the processor halts, and the notification leaves it" "$irqs $irqs 0" "$(of host exit.external_interrupt) $(counter nested.events) $(of host exit.hlt)"
run zen2_rome_kvm --set svm.nested.intercept.hlt=0
equal "SVM: handed on in the exit of the halt" "$irqs 0" "$(counter svm.nested.events) $(of l1 halt.wake)"
# shellcheck disable=SC2086
run $arm --set el2.nested.trap.wfi=0
equal "Arm: handed on in the exit of WFI" "$irqs 0" "$(counter el2.nested.events) $(of l1 halt.wake)"

# ---- several vCPUs, a function each; what cannot be is refused, by name ----
rm -f "$work/n.db"
ok "two vCPUs and two pairs of queues" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/udp_echo.lua" --quiet --db "$work/n.db" -m skylake_sp_kvm --set hypervisor.nesting=1 \
    --set workload.packets=$n --set workload.warmup=10 --set workload.queues=2 --set workload.flows=8 --set workload.window=8 $busy
equal "both L1s have interrupts of their queues" 2 "$(q "select count(*) from op where actor like '%/l1' and op = 'handler.interrupt' and n > 0")"
equal "the books balance there" 0 "$(q "select count(*) from unbalanced")"
no() { refused "$1" 2 "$2" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/udp_echo.lua" --no-store -m skylake_sp_kvm --set hypervisor.nesting=1 "${@:3}"; }
no "an IOMMU of a guest's guest" "dma.viommu = none" --set dma.viommu=emulated
no "memory that L1 pins in time" "dma.assigned_in_time = 0" --set dma.assigned_in_time=1
finish
