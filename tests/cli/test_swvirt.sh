#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Hypervisors without hardware virtualization: a guest without privileges whose instructions fault into its monitor.
. "$VIRTSIM_HOME/tests/lib.inc"
M=skylake_sp_trap_and_emulate

loop() { # REASON [OPTIONS...]
    rm -f "$work/s.db"
    ok "the loop of $1" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/exit_microbench.lua" -m $M --quiet --db "$work/s.db" --set workload.reason="$@"
}
q() { sqlite3 "$work/s.db" "$1"; }
exits() { q "select coalesce(sum(n), 0) from op where op = '$1'"; }
counted() { q "select coalesce(sum(value), 0) from counter where name = '$1'"; }
balanced() { equal "$1: parts are the whole" 0 "$(q "select count(*) from unbalanced")"; }

# what needs ring 0 faults into the monitor, each once
while read -r reason op; do
    loop "$reason"
    equal "$reason is a fault" 500 "$(exits "$op")"
    equal "$reason is no hole" 0 "$(counted deprivileged.holes)"
    equal "$reason: nothing is hardware's" 0 "$(q "select count(*) from part where account like 'vmcs.%'")"
    balanced "$reason"
done <<'LIST'
rdmsr exit.gp.rdmsr
cr3 exit.gp.cr
invlpg exit.gp.invlpg
mov_dr exit.gp.dr
io_in exit.gp.io
vmcall exit.ud.hypercall
vmlaunch exit.ud.instruction
ud2 exit.ud.invalid
LIST

# sensitive instructions that do not fault are holes, and no exits
while read -r reason kind; do
    loop "$reason"
    equal "$reason does not fault" 0 "$(q "select coalesce(sum(n), 0) from op where op like 'exit.%'")"
    equal "$reason is a hole" 500 "$(counted deprivileged.holes)"
    equal "$reason is a hole of its kind" 500 "$(counted "deprivileged.holes.$kind")"
done <<'LIST'
sgdt descriptor_tables
str descriptor_tables
smsw machine_status
popf flags
pushf flags
cpuid cpuid
LIST
loop cpuid --set deprivileged.cpuid_faulting=1
equal "CPUID faulting closes its hole" "500 0" "$(exits exit.gp.cpuid) $(counted deprivileged.holes)"
loop sgdt --set deprivileged.umip=1
equal "UMIP closes that of the tables" "500 0" "$(exits exit.gp.table) $(counted deprivileged.holes)"
loop rdtsc
equal "RDTSC is as the monitor wants it: free" 0 "$(exits exit.gp.rdtsc)"
loop rdtsc --set deprivileged.time_stamp_disable=1
equal "or a fault" 500 "$(exits exit.gp.rdtsc)"

# the interrupt flag is the monitor's: each of CLI and STI faults, and what waits behind STI is delivered once
loop self_ipi_sti_nop
equal "CLI and STI" 1000 "$(exits exit.gp.cli_sti)"
equal "each interrupt is delivered" 500 "$(exits irq)"
equal "behind the instruction behind STI" 500 "$(exits exit.db)"
balanced "the interrupt flag"
loop self_ipi_sti_hlt
equal "no wake-up is lost between STI and HLT" 500 "$(exits irq)"

# the gate is a knob: an exit takes what is added to it
mean() { q "select total_ps / n from op where op = 'exit.gp.rdmsr'"; }
loop rdmsr
before=$(mean)
loop rdmsr --set deprivileged.exit.fault=1350
equal "a gate of 1000 cycles more" yes "$(awk -v a="$before" -v b="$(mean)" 'BEGIN { print (b - a == 1000 * 385) ? "yes" : b - a }')"

# the same workloads as elsewhere
for w in page_touch interrupts timer_storm tlb_shootdown overcommit; do
    rm -f "$work/s.db"
    ok "$w runs" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/$w.lua" -m $M --quiet --db "$work/s.db"
    balanced "$w"
done
ok "explain names the parts" "$VIRTSIM" explain exit.gp.rdmsr -m $M --no-store --quiet
equal "the gate" yes "$(grep -q deprivileged.exit.fault "$work/out" && echo yes)"
equal "the decoder" yes "$(grep -q hypervisor.decode.decode "$work/out" && echo yes)"

refused "hardware's knobs are not this machine's" 2 "hypervisor.technique = trap_and_emulate" \
    "$VIRTSIM" run "$VIRTSIM_HOME/workloads/gups.lua" -m $M --no-store --set vmcs.control.hlt_exiting=0
refused "nor its own hardware's" 2 "hypervisor.technique = hardware" \
    "$VIRTSIM" run "$VIRTSIM_HOME/workloads/gups.lua" -m skylake_sp_kvm --no-store --set deprivileged.umip=1
refused "a second dimension is hardware's" 2 "needs paging.mode = shadow" \
    "$VIRTSIM" run "$VIRTSIM_HOME/workloads/gups.lua" -m $M --no-store --set paging.mode=ept
finish
