#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A guest's timer under KVM: the VMX-preemption timer stops the guest where the part has one, by an exit of its own
# that the short path handles; otherwise the host's timer does, or another processor posts the interrupt.
. "$VIRTSIM_HOME/tests/lib.inc"

injecting="--set vmcs.control.posted_interrupts=0 --set vmcs.control.virtual_interrupt_delivery=0"
exits() { # SCRIPT OPTIONS...: exits of all vCPUs by reason
    rm -f "$work/r.db"
    "$VIRTSIM" run "$work/$1.lua" --quiet --db "$work/r.db" "${@:2}" >/dev/null || echo failed
    sqlite3 "$work/r.db" "select group_concat(name, ' ') from (select replace(op, 'exit.', '') || '=' || sum(n) as name
        from op where op like 'exit.%' group by op order by op)"
}
count() { sqlite3 "$work/r.db" "select coalesce(sum(value), 0) from counter where name = '$1'"; }
steps() { # PATTERN: how often accounts were charged
    sqlite3 "$work/r.db" "select coalesce(sum(n), 0) from part where account like '$1'"
}

# each fires while the guest runs, never before its deadline and soon behind it
cat >"$work/fires.lua" <<'END'
guest(function(cpu)
  for i = 1, 10 do
    local deadline = cpu:rdtsc() + 20000
    cpu:wrmsr(0x6e0, deadline)
    while cpu:interrupts() < i do
      if cpu:rdtsc() > deadline + 20000 then error("late") end
      cpu:compute(40)
    end
    if cpu:rdtsc() < deadline then error("early") end
  end
end)
END
equal "KVM: arming it is one exit, its end one" "preemption_timer=10 wrmsr=10" "$(exits fires)"
equal "both are handled in the fast path" 0 "$(steps 'hypervisor.path_in.exit')"
# each entry with a deadline loads the timer, and the one behind its end the highest value
equal "each exit has a write of its own, and each entry one of the timer" 40 "$(count hypervisor.vmwrites)"
exits fires $injecting >/dev/null
equal "without APICv a request is made, and the way out is the whole one" 10 "$(sqlite3 "$work/r.db" \
    "select sum(n) from op where op = 'exit.preemption_timer'")"
equal "that of its end and that of the end of the interrupt" yes "$( (($(steps 'hypervisor.path_in.exit') > 0)) && echo yes)"
equal "switched off: the host's own timer" "external_interrupt=10 wrmsr=10" "$(exits fires --set vmcs.control.preemption_timer=0)"
equal "Xen uses none" "external_interrupt=10 wrmsr=10" "$(exits fires -m skylake_sp_xen)"
equal "AMD has none" "intr=10 msr.write=20" "$(exits fires -m zen3_milan_kvm)"
equal "HLT that does not exit: another processor keeps it, and posts" "wrmsr=10" \
    "$(exits fires --set vmcs.control.hlt_exiting=0 --set hypervisor.post_timer=1)"
equal "not without the host's being set up for that" "preemption_timer=10 wrmsr=10" "$(exits fires --set vmcs.control.hlt_exiting=0)"

# a vCPU that halts has the host's timer: its thread sleeps
cat >"$work/halts.lua" <<'END'
guest(function(cpu) for i = 1, 10 do cpu:wrmsr(0x6e0, cpu:rdtsc() + 200000) cpu:hlt() end
  if cpu:interrupts() ~= 10 then error("lost") end end)
END
equal "a halted vCPU's is the host's" "hlt=10 wrmsr=10" "$(exits halts)"
equal "one of its interrupts ends each halt" 10 "$(count hypervisor.host_interrupts)"

# beyond 32 bits of its unit, here 2^7 cycles (IA32_VMX_MISC[4:0]), KVM takes the host's timer
cat >"$work/far.lua" <<'END'
guest(function(cpu) cpu:wrmsr(0x6e0, cpu:rdtsc() + 549755813888 + tonumber(DELTA)) cpu:cpuid() cpu:cpuid() end)
END
for delta in -1000000 1000000; do
    sed "s/tonumber(DELTA)/$delta/" "$work/far.lua" >"$work/far$delta.lua"
    exits "far$delta" >/dev/null
    writes[delta > 0]=$(count hypervisor.vmwrites)
done
equal "a deadline beyond the timer is not loaded" 3 "$((writes[0] - writes[1]))"

# what is due when it is armed is pending in that exit
cat >"$work/due.lua" <<'END'
guest(function(cpu) for i = 1, 10 do cpu:wrmsr(0x6e0, cpu:rdtsc() - 1) cpu:compute(10)
  if cpu:interrupts() ~= i then error("not at once") end end end)
END
equal "a deadline that is past takes no exit more" "wrmsr=10" "$(exits due)"

# what is left of the timer is saved where the exit control says so
exits fires --set vmcs.control.save_preemption_timer=1 >/dev/null
saved=$(count vmcs.fields_saved)
exits fires >/dev/null
equal "one field more at each exit" 20 "$((saved - $(count vmcs.fields_saved)))"
refused "saving needs the timer" 2 "save_preemption_timer needs preemption_timer" "$VIRTSIM" run "$work/fires.lua" --quiet \
    --db "$work/r.db" --set vmcs.control.preemption_timer=0 --set vmcs.control.save_preemption_timer=1
refused "a part without it" 2 "vmcs.control.preemption_timer" "$VIRTSIM" run "$work/fires.lua" --quiet \
    --db "$work/r.db" --set vmcs.cap.pin=0x0000003f00000016
finish
