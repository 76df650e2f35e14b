#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Non-maskable interrupts of a guest's guest (L2): its hypervisor (L1) makes them pending and its entry carries them
# (VMCS12's entry interruption information), as Linux' process_nmi and kvm_vcpu_kick do one level down; L1's processor is
# told by a message of L1's, which is L1's exit of L2. SDM 3C 26.2 (NMI-window exiting), 27.6.1, 3A 6.7.1.
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

refused "behind an IRET that SVM intercepts and steps over" 2 "NMIs of a guest hypervisor's guest" "$VIRTSIM" run "$VIRTSIM_HOME/tests/support/nmi_self.lua" --no-store -m zen2_rome_kvm --set hypervisor.nesting=1
finish
