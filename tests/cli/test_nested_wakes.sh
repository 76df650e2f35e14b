#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Halts, timers and interrupts of a guest's guest (L2): who keeps its timer, whom an interrupt stops, who halts when it does,
# and how many exits of the hypervisor in the guest (L1) each of them is. SDM volume 3C chapters 26 to 28, APM volume 2,
# chapter 15; Linux arch/x86/kvm: vmx_check_nested_events, svm_check_nested_events, kvm_lapic_switch_to_sw_timer.
. "$VIRTSIM_HOME/tests/lib.inc"

n=20
run() { # MACHINE OPTIONS...
    rm -f "$work/n.db"
    ok "waits on $*" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/nested_wake.lua" --quiet --db "$work/n.db" -m "$1" --set hypervisor.nesting=1 \
        --set workload.count=$n --set workload.warmup=5 "${@:2}"
    equal "the books balance of $*" 0 "$(q "select count(*) from unbalanced")"
    equal "each of its timer's interrupts reaches L2 once, with $*" $n "$(q "select n from op where op = 'irq' and actor = 'vcpu0/guest'")"
}
q() { sqlite3 "$work/n.db" "$1"; }
counter() { q "select coalesce(sum(value), 0) from counter where name = '$1'"; }
of() { q "select coalesce(sum(n), 0) from op where actor = 'vcpu0/$1' and op = '$2'"; }
ps() { q "select total_ps / n from op where op = '$1'"; }
busy="--set workload.busy=400000"

# ---- a halt of L2: an exit to L0, handed to L1, which polls, then halts itself ----
run skylake_sp_kvm
equal "L1's program decides about each halt" $n "$(of l1 handler.halt)"
equal "L1 wakes its vCPU's thread as often" $n "$(of l1 halt.wake)"
polled=$(of l1 halt.poll) slept=$(of l1 halt.sleep)
equal "it polls before it sleeps, and halts as short as these end that" "yes 0" "$( ((polled >= n)) && echo yes) $slept"
equal "then its own HLT leaves it: beside L2's, one exit for each sleep" $((n + slept)) "$(of host exit.hlt)"
equal "which L0's program handles alone, and polls or sleeps for" "$slept $slept" "$(of host handler.halt) $(of host halt.wake)"
equal "L1's own timer has L2's deadline meanwhile: L2's write and L1's, and one more of L1 when it has come" $((3 * n)) "$(of host exit.wrmsr)"
equal "it stops L1 where it polls, and ends L0's halt where it does not" $((n - slept)) "$(of host exit.preemption_timer)"
equal "L0 injects it into L1 each time" $n "$(q "select value from counter where actor = 'vcpu0/host' and name = 'hypervisor.injections'")"
equal "and L1 into L2" $n "$(q "select value from counter where actor = 'vcpu0/l1' and name = 'hypervisor.injections'")"
equal "L2's exits are its timer's write and its halt" "$((2 * n)) $((2 * n)) 0" "$(counter nested.exits) $(counter nested.reflected) $(counter nested.events)"
equal "an entry of L1 for each" $((2 * n)) "$(of host exit.vmresume)"
equal "all exits of the hardware are these" $((2 * n + 2 * n + 2 * n + slept + n - slept)) "$(counter vmcs.exits)"
deep=$(counter vmcs.exits)
run skylake_sp_kvm --set hypervisor.halt_poll_ns=0
equal "without polling L1 sleeps each time, and L0 for it" "0 $n $n 0" "$(of l1 halt.poll) $(of l1 halt.sleep) $(of host halt.sleep) $(of host halt.poll)"
equal "so each halt of L2 is one of L1" $((2 * n)) "$(of host exit.hlt)"
equal "and no timer stops a guest" 0 "$(of host exit.preemption_timer)"
equal "the exits of the hardware are as many: a halt of L1 in place of its timer's" $deep "$(counter vmcs.exits)"
equal "L0's program handles L1's halt alone, and wakes it" "$n $n" "$(of host handler.halt) $(of host halt.wake)"
run skylake_sp_kvm --set hypervisor.nesting=0
equal "one level down the same has less than half of the exits" yes "$( ((deep >= 2 * $(counter vmcs.exits))) && echo yes)"
# L1's VMREADs and VMWRITEs multiply it where the processor does not answer them
run skylake_sp_kvm --set nested.vmcs_shadowing=0
reads=$(q "select value from counter where actor = 'vcpu0/l1' and name = 'hypervisor.vmreads'")
writes=$(q "select value from counter where actor = 'vcpu0/l1' and name = 'hypervisor.vmwrites'")
slept=$(of l1 halt.sleep)
equal "each access of L1's program to its guest's state is an exit" "$reads $writes" "$(of host exit.vmread) $(of host exit.vmwrite)"
equal "the hardware's exits are those besides" $((deep + reads + writes)) "$(counter vmcs.exits)"

# ---- VMCS12 lets HLT pass: L0 takes it alone; both let it pass: nobody does ----
run skylake_sp_kvm --set nested.control.hlt_exiting=0
equal "L0 alone has the halts" "$n $n 0 0" "$(of host exit.hlt) $(of host handler.halt) $(of l1 handler.halt) $(of l1 halt.wake)"
equal "what ends them is L1's timer: handed on in the exit of the halt" "$n $n 0" "$(counter nested.events) $(of l1 handler.timer) $(of host exit.external_interrupt)"
run skylake_sp_kvm --set nested.control.hlt_exiting=0 --set vmcs.control.hlt_exiting=0
equal "the processor halts: no exit for that" "0 0" "$(of host exit.hlt) $(of host handler.halt)"
equal "L1's timer stops it" "$n $n" "$(counter nested.events) $(of host exit.external_interrupt)"

# ---- a timer while L2 computes ----
run skylake_sp_kvm $busy
equal "VMCS12's preemption timer is a timer of L0's: a physical interrupt stops L2" "$n 0" "$(of host exit.external_interrupt) $(of host exit.preemption_timer)"
equal "no control asked for that exit; L1 gets it as its timer's" "$n $n 0" "$(counter nested.events) $(of l1 handler.timer) $(of l1 handler.interrupt)"
equal "with the write of the deadline it is two exits of L2, two entries" "$((2 * n)) $((4 * n))" "$(counter nested.exits) $(counter vmcs.exits)"
run skylake_sp_kvm $busy --set vmcs.control.preemption_timer=0
equal "without one L1 arms its own local APIC's: with the write of L2, and what L1 writes when it has come, three that leave" $((3 * n)) "$(of host exit.wrmsr)"
equal "and gets an interrupt" "$n 0" "$(of l1 handler.interrupt) $(of l1 handler.timer)"
# ticks of L0's own are none of L1's
run skylake_sp_kvm $busy --set host.tick_hz=20000
ticks=$(of host handler.interrupt)
equal "ticks stop L2" yes "$( ((ticks > 0)) && echo yes)"
equal "L0 handles them alone" "$n $((2 * n))" "$(counter nested.events) $(counter nested.reflected)"
run skylake_sp_kvm --set host.tick_hz=20000
equal "a tick stops L1 while it polls" yes "$( (($(of host exit.external_interrupt) > 0)) && echo yes)"

# ---- windows: L2 masks interrupts, and L1 cannot inject ----
run sandybridge_ep_kvm $busy --set workload.masked=1 --set workload.us=60
windows=$(of l1 handler.interrupt_window)
equal "L1 asks for a window of its guest's, in VMCS12" yes "$( ((windows > n / 2)) && echo yes)"
equal "which is an exit of L2 that L1 gets" "$windows 0" "$(of host exit.interrupt_window) $(of host handler.interrupt_window)"
equal "each end of interrupt of L2 is L1's, too" $((2 * n)) "$(of l1 handler.msr.write)"

# ---- AMD's processors ----
run zen3_milan_kvm
slept=$(of l1 halt.sleep)
equal "SVM: L1's program decides about each halt" "$n $n" "$(of l1 handler.halt) $(of l1 halt.wake)"
equal "SVM: its own HLT leaves it for each sleep" $((n + slept)) "$(of host exit.hlt)"
equal "SVM: L1 has no other timer than its local APIC's, armed when L2's is; two of its writes, two ends of interrupt" $((5 * n)) "$(of host exit.msr.write)"
run zen3_milan_kvm $busy
equal "SVM: an interrupt of L1's stops L2" "$n $n" "$(of host exit.intr) $(counter svm.nested.events)"
equal "SVM: L1's flag is clear behind #VMEXIT: L0 asks for a window, and injects there" "$n $n" "$(of host exit.vintr) $(of host handler.interrupt_window)"
equal "SVM: then L1 handles it" $n "$(of l1 handler.interrupt)"
equal "SVM: L1 writes the deadline and both end their interrupts" $((5 * n)) "$(of host exit.msr.write)"
run zen3_milan_kvm $busy --set workload.masked=1 --set workload.us=60
equal "SVM: L1 asks for a window of its own guest's: V_IRQ in VMCB12" "$n $((2 * n))" "$(of l1 handler.interrupt_window) $(of host exit.vintr)"
run zen2_rome_kvm --set svm.nested.intercept.hlt=0
equal "SVM: VMCB12 lets HLT pass: L0 alone has the halts" "$n $n 0 $n" "$(of host exit.hlt) $(of host handler.halt) $(of l1 handler.halt) $(counter svm.nested.events)"
run k10_shanghai_kvm $busy
equal "SVM: without a virtual flag STGI and CLGI leave L1 besides" "$((3 * n)) $((3 * n))" "$(of host exit.stgi) $(of host exit.clgi)"

# ---- a trace of exits whose guest is L2: its halts last as long as they did ----
{
    line() { echo "       CPU 0/KVM-1  [000] d..1.   100.000$1: $2"; }
    leave() { line "$1" "kvm_exit: vcpu 0 reason $2 rip 0xffffffff8 info1 0x0000000000000000 info2 0x0000000000000000 intr_info 0x00000000 error_code 0x00000000"; }
    for at in 010:HLT:210 220:CPUID:223 230:HLT:430 440:CPUID:443; do
        IFS=: read -r from why to <<<"$at"
        leave "$from" "$why"
        line "$to" "kvm_entry: vcpu 0, rip 0xffffffff8"
    done
} >"$work/halts.txt"
for options in "skylake_sp_kvm:4" "skylake_sp_kvm --set nested.control.hlt_exiting=0:2" "zen2_rome_kvm:4"; do
    [[ $options == zen* ]] && sed -i 's/reason HLT/reason hlt/; s/reason CPUID/reason cpuid/; s/info1 0x0000000000000000/info1 0x0000000000000078/' "$work/halts.txt"
    rm -f "$work/n.db"
    # shellcheck disable=SC2086 # options are words
    ok "a replay on $options" "$VIRTSIM" replay "$work/halts.txt" --quiet --db "$work/n.db" --set hypervisor.nesting=1 --set hypervisor.halt_poll_ns=0 -m ${options%:*}
    equal "L1's own halt leaves it beside L2's, $options" "${options#*:}" "$(of host exit.hlt)"
    equal "and behind it L2's exits are L1's again, $options" 2 "$(of l1 handler.cpu_id)"
    equal "each halt lasts until its recorded entry, $options" yes "$(q "select case when total_ps between 400000000 and 500000000 then 'yes' else total_ps end from op where actor = 'vcpu0' and op = 'timeline'")"
    equal "the books balance, $options" 0 "$(q "select count(*) from unbalanced")"
done

echo 'guest(function(cpu) cpu:cli() cpu:hlt() end)' >"$work/dead.lua"
# ---- what cannot be is refused, by name ----
refused "a halt that nothing ends" 1 "halts with interrupts disabled" "$VIRTSIM" run "$work/dead.lua" --no-store -m skylake_sp_kvm --set hypervisor.nesting=1
finish
