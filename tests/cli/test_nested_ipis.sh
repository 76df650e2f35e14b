#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Several vCPUs of a guest hypervisor (L1), each with one of its guest's (L2): an interrupt from one to another is L1's to
# send, by its own controller, whose write leaves it (Linux arch/x86/kvm/lapic.c, kvm_irq_delivery_to_apic; vmx.c,
# vmx_deliver_nested_posted_interrupt); what that stops or wakes depends on where the other one is.
. "$VIRTSIM_HOME/tests/lib.inc"

n=20
run() { # MACHINE OPTIONS...
    rm -f "$work/n.db"
    ok "interrupts on $*" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/ipi_pingpong.lua" --quiet --db "$work/n.db" -m "$1" --set hypervisor.nesting=1 \
        --set workload.count=$n --set workload.warmup=4 "${@:2}"
    equal "the books balance of $*" 0 "$(q "select count(*) from unbalanced")"
    equal "each interrupt reaches the other's L2, with $*" "$n $n" "$(at vcpu0/guest irq) $(at vcpu1/guest irq)"
}
q() { sqlite3 "$work/n.db" "$1"; }
at() { q "select coalesce(sum(n), 0) from op where actor = '$1' and op = '$2'"; }
of() { at "vcpu1/$1" "$2"; }
delivery() { q "select total_ps / n from op where actor = 'vcpu1/apic' and op = 'irq.delivery'"; }

# ---- the other one computes in L2 ----
run skylake_sp_kvm --set workload.wait=spin
equal "the write of ICR is L1's to emulate" $n "$(of l1 handler.msr.write)"
equal "L1 sends by its own: one more exit, which L0 handles" "$((2 * n)) $n" "$(of host exit.wrmsr) $(of host handler.msr.write)"
equal "the processor takes it from the descriptor: nothing else leaves L2" "$n 0" "$(of host exit.vmresume) $(of host exit.external_interrupt)"
posted=$(delivery)
run skylake_sp_kvm --set workload.wait=spin --set vmcs.control.posted_interrupts=0 --set vmcs.control.virtual_interrupt_delivery=0 --set vmcs.control.apic_register_virtualization=0
equal "without posting L1's message stops L2, and is L1's exit" "$n $n" "$(of host exit.external_interrupt) $(of l1 handler.interrupt)"
equal "L1 injects it" $n "$(q "select value from counter where actor = 'vcpu1/l1' and name = 'hypervisor.injections'")"
equal "both end their interrupts: L1's write leaves it, L2's is L1's" "$((4 * n)) $((2 * n))" "$(of host exit.wrmsr) $(of l1 handler.msr.write)"
equal "an interrupt takes longer by that" yes "$( (($(delivery) > 5 * posted)) && echo yes)"
run zen3_milan_kvm --set workload.wait=spin
equal "SVM: so it is there, and L1 takes it in a window" "$n $n $n" "$(of host exit.intr) $(of l1 handler.interrupt) $(of host exit.vintr)"

# ---- the other one halts ----
run skylake_sp_kvm --set workload.wait=halt --set hypervisor.halt_poll_ns=0 --set workload.think=200000
equal "L1's halted processor is woken by L1's message: L0 injects it" "$n $n" "$(of host halt.wake) $(of l1 handler.interrupt)"
equal "and L1 wakes its vCPU's thread, and injects" "$n $n" "$(of l1 halt.wake) $(q "select value from counter where actor = 'vcpu1/l1' and name = 'hypervisor.injections'")"
slept=$(delivery)
run skylake_sp_kvm --set workload.wait=halt --set workload.think=20000
equal "while L1 polls for it nothing halts, and no message is sent" "$n 0 $n" "$(of l1 halt.poll) $(of host halt.wake) $(of host exit.wrmsr)"
equal "which is shorter" yes "$( (($(delivery) < slept)) && echo yes)"
run skylake_sp_kvm --set workload.wait=halt --set nested.control.hlt_exiting=0 --set workload.think=200000
equal "L2 halts in L0 alone: that has posted it, and no L1 hears of it" "$n 0 0" "$(of host halt.wake) $(of l1 handler.interrupt) $(of l1 halt.wake)"
run sandybridge_ep_kvm --set workload.wait=halt --set nested.control.hlt_exiting=0
equal "without posting it is L1's, in the exit of the halt" "$n 0" "$(of l1 handler.interrupt) $(of host exit.external_interrupt)"
run zen2_rome_kvm --set workload.wait=halt --set hypervisor.halt_poll_ns=0 --set workload.think=200000
equal "SVM: L1's processor is woken, then its vCPU's thread" "$n $n $n" "$(of host halt.wake) $(of l1 handler.interrupt) $(of l1 halt.wake)"

# ---- what shares an address space takes translations away by it ----
rm -f "$work/n.db"
ok "shootdowns" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/tlb_shootdown.lua" --quiet --db "$work/n.db" -m skylake_sp_kvm --set hypervisor.nesting=1
equal "a shootdown of L2's is an interrupt that L1 sends on" yes "$( (($(q "select sum(n) from op where actor like '%/l1' and op = 'handler.msr.write'") > 0)) && echo yes)"
equal "the books balance there" 0 "$(q "select count(*) from unbalanced")"
hash() { "$VIRTSIM" run "$VIRTSIM_HOME/workloads/ipi_pingpong.lua" --quiet --db "$work/$1.db" -m sandybridge_ep_kvm --set hypervisor.nesting=1 --set workload.count=$n "${@:2}" >/dev/null; sqlite3 "$work/$1.db" "select * from op order by actor, op; select * from part order by actor, op, account, kind" | cksum; }
equal "a second run is the first one again" "$(hash a)" "$(hash b)"
finish
