#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Non-maskable interrupts of a guest's guest (L2): its hypervisor (L1) makes them pending and its entry carries them
# (VMCS12's entry interruption information), as Linux' process_nmi and kvm_vcpu_kick do one level down; L1's processor is
# told by a message of L1's, which is L1's exit of L2. SDM 3C 26.2 (NMI-window exiting), 27.6.1, 3A 6.7.1; APM volume 2,
# 15.9, 15.20, 15.21.10.
. "$VIRTSIM_HOME/tests/lib.inc"

run() { # WORKLOAD MACHINE OPTIONS...
    rm -f "$work/n.db"
    ok "NMIs on ${*:2}" "$VIRTSIM" run "$1" --quiet --db "$work/n.db" -m "$2" --set hypervisor.nesting=1 "${@:3}"
    equal "the books balance of $*" 0 "$(q "select count(*) from unbalanced")"
    equal "L0 gives none to L1, with $*" 0 "$(q "select coalesce(sum(value), 0) from counter where actor like '%/host' and name like 'hypervisor.nmi%'")"
}
q() { sqlite3 "$work/n.db" "$1"; }
of() { q "select coalesce(sum(n), 0) from op where actor = 'vcpu$1' and op = '$2'"; }
counter() { q "select coalesce(sum(value), 0) from counter where actor = 'vcpu$1' and name = '$2'"; }

run "$VIRTSIM_HOME/tests/support/nmi_self.lua" skylake_sp_kvm
equal "one to itself: L1 handles the write, and its entry carries it" "4 4 4 0" "$(of 0/guest nmi) $(of 0/l1 handler.msr.write) $(counter 0/l1 hypervisor.nmis) $(of 0/host exit.external_interrupt)"
equal "an exit for each, and L1's entry" "4 4" "$(of 0/host exit.wrmsr) $(of 0/host exit.vmresume)"

cat >"$work/pair.lua" <<'END'
local go, done = false, false
guest(function(cpu) go = true while not done do cpu:compute(300) end cpu:compute(500000)
  if cpu:interrupts() ~= 2 then error("handled: " .. cpu:interrupts()) end end)
guest(function(cpu) while not go do cpu:compute(100) end cpu:compute(30000)
  cpu:wrmsr(0x830, 0x400) cpu:compute(500000) cpu:wrmsr(0x830, 0x400) cpu:compute(200000) done = true end)
END
for options in "skylake_sp_kvm:4" "sandybridge_ep_kvm:4"; do
    run "$work/pair.lua" "${options%:*}"
    equal "L1 sends its own processor a message for each: an exit of the sender's L1 beside that of L2, ${options%:*}" "${options#*:} 2" "$(of 1/host exit.wrmsr) $(of 1/l1 handler.msr.write)"
    equal "which stops L2, and is L1's exit, ${options%:*}" "2 2 2" "$(of 0/host exit.external_interrupt) $(of 0/l1 handler.interrupt) $(counter 0/host nested.events)"
    equal "L1's entry carries it, ${options%:*}" "2 2 0" "$(of 0/guest nmi) $(counter 0/l1 hypervisor.nmis) $(of 0/host exit.nmi_window)"
done

# the second one waits until the handler of the first one has returned
pairs=$VIRTSIM_HOME/tests/digests/workloads/nmi.lua
for m in skylake_sp_kvm sandybridge_ep_kvm; do
    run "$pairs" $m
    windows=$(of 0/host exit.nmi_window)
    equal "L1 asks for the window of its guest's in VMCS12, $m" yes "$( ((windows > 0)) && echo yes)"
    equal "which is L1's exit, and the host's hypervisor has no part in it, $m" "$windows 0" "$(of 0/l1 handler.nmi_window) $(of 0/host handler.nmi_window)"
    equal "an NMI ends a halt though interrupts are masked: L1 wakes, $m" 1 "$(of 0/l1 halt.wake)"
done
run "$pairs" skylake_sp_kvm --set nested.control.hlt_exiting=0
equal "a halt that L1 lets pass ends in L0, which hands the message on" "1 0" "$(of 0/host halt.wake) $(of 0/l1 halt.wake)"
equal "and L1 injects" "$(of 0/guest nmi)" "$(counter 0/l1 hypervisor.nmis)"

# AMD: L1 intercepts the handler's IRET in VMCB12, an exit that is L1's; where another one waits it steps past that
# instruction, whose #DB L0 intercepts first, queues again, and hands on (svm_check_nested_events). #VMEXIT(INTR) takes no
# interrupt: L1's message to its processor waits for the window that L0 asks for.
two=$work/two.lua
cat >"$two" <<'END'
local go, sent = false, 0
guest(function(cpu) go = true while sent < 2 do cpu:compute(300) end cpu:compute(500000)
  if cpu:interrupts() ~= 2 then error("handled: " .. cpu:interrupts()) end end)
for _ = 1, 2 do
  guest(function(cpu) while not go do cpu:compute(100) end cpu:compute(60000) cpu:wrmsr(0x830, 0x400) sent = sent + 1 end)
end
END
for m in zen2_rome_kvm zen3_milan_kvm k10_shanghai_kvm; do
    run "$VIRTSIM_HOME/tests/support/nmi_self.lua" $m
    equal "one to itself: L1's entry carries it, and the IRET behind it is L1's exit, $m" "4 4 4 8" "$(of 0/guest nmi) $(of 0/host exit.iret) $(of 0/l1 handler.interrupt_return) $(of 0/host exit.vmrun)"
    run "$work/pair.lua" $m
    equal "L1's message stops L2 and is taken by the window, $m" "2 2 2 2" "$(of 0/host exit.intr) $(of 0/host exit.vintr) $(of 0/l1 handler.interrupt) $(of 0/guest nmi)"
    equal "far apart, each goes in at once, $m" "2 0 0" "$(counter 0/l1 hypervisor.nmis) $(counter 0/l1 hypervisor.nmi_windows) $(of 0/host exit.excp)"
    run "$two" $m
    equal "one that comes while a handler runs waits for IRET, and for the step past it, $m" "2 2 1 1" "$(of 0/guest nmi) $(of 0/host exit.iret) $(of 0/host exit.excp) $(of 0/l1 handler.nmi_window)"
    equal "whose #DB is no processor's exit to L1, and no exit that L0 alone handles, $m" "0 $(($(of 0/l1 handler.interrupt) + 1))" "$(of 0/host handler.nmi_window) $(counter 0/host svm.nested.events)"
done
run "$two" zen3_milan_kvm --set svm.cap.vnmi=1
equal "virtual NMIs: VMCB12's are VMCB02's, and the processor delivers both without an exit for IRET" "2 2 0 0" "$(of 0/guest nmi) $(counter 0/l1 hypervisor.nmis) $(of 0/host exit.iret) $(of 0/host exit.excp)"
amd=$VIRTSIM_HOME/tests/digests/workloads/nmi_iret.lua
run "$amd" zen2_rome_kvm
equal "an NMI ends a halt though interrupts are masked: L1 wakes, and injects" "1 8 8" "$(of 0/l1 halt.wake) $(of 0/guest nmi) $(counter 0/l1 hypervisor.nmis)"
run "$amd" zen2_rome_kvm --set svm.nested.intercept.hlt=0
equal "a halt that L1 lets pass ends in L0, which hands the message on" "1 0 8" "$(of 0/host halt.wake) $(of 0/l1 halt.wake) $(of 0/guest nmi)"

# an exception that both intercept is L1's in the end: #UD of an instruction that AMD's processors lack
printf 'guest(function(cpu) for _ = 1, 3 do cpu:instruction("vmclear") end end)\n' >"$work/undefined.lua"
run "$work/undefined.lua" zen2_rome_kvm
equal "L0 queues it again, and L1 handles it" "3 3 3" "$(of 0/host exit.excp) $(counter 0/host svm.nested.events) $(of 0/l1 handler.undefined)"
finish
