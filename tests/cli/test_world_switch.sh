#!/bin/sh
# SPDX-License-Identifier: MIT
# AMD machines leave their guests by #VMEXIT, Arm's by an exception to EL2: parts of a hypercall, and
# the vectors or HCR_EL2 decide. What another architecture has is neither accepted nor stored.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
hypercall() { # machine, its exit, its own part, cycles
    machine=$1
    ok "a hypercall on $machine" "$VIRTSIM" explain exit.hypercall --machine $machine --quiet --db "$work/a.db"
    checks=$((checks + 1))
    if ! awk -v op="$2" -v part="$3" -v want="$4" 'index($0, op " of") { for (i = 2; i <= NF; i++) if ($i == "cycles,") c = $(i - 1) } index($0, part) { d = 1 } /vmcs\./ { v = 1 }
        END { if (!d || v || c < want * 0.985 || c > want * 1.015) exit 1 }' "$work/out"; then
        failures=$((failures + 1))
        echo "FAILED: the parts of a hypercall on $machine"
        cat "$work/out"
    fi
}
hypercall zen2_rome_kvm exit.vmmcall svm.unexplained 3388 # 1X095
hypercall zen3_milan_kvm exit.vmmcall svm.unexplained 3388
hypercall neoverse_n1_kvm exit.hvc64 el2.exit.exception 918 # 2A016
run() { # machine, exit, reason, setting
    "$VIRTSIM" run workloads/exit_microbench.lua --machine "$1" --no-store --quiet --format csv \
        --set workload.reason="$3" --set "$4" | grep -c "$2"
}
equal "CPUID exits where its bit is set" 1 "$(run zen2_rome_kvm 'exit\.cpuid' cpuid svm.intercept.cpuid=1)"
equal "CPUID runs in the guest where it is clear" 0 "$(run zen2_rome_kvm 'exit\.cpuid' cpuid svm.intercept.cpuid=0)"
equal "HLT likewise" 0 "$(run zen2_rome_kvm 'exit\.hlt' hlt svm.intercept.hlt=0)"
equal "WFI exits with HCR_EL2.TWI" 1 "$(run neoverse_n1_kvm 'exit\.wfx\.wfi' hlt el2.trap.wfi=1)"
equal "and not without" 0 "$(run neoverse_n1_kvm 'exit\.wfx' hlt el2.trap.wfi=0)"
timer() { "$VIRTSIM" run workloads/exit_microbench.lua --machine neoverse_n1_kvm --no-store --quiet --format csv \
    --set workload.reason=mrs --set workload.mrs=CNTP_CTL_EL0 --set "$1" | grep -c 'exit\.sys64'; }
equal "under VHE KVM gives its guest the physical timer" 0 "$(timer el2.vhe=1)"
equal "without VHE it exits" 1 "$(timer el2.vhe=0)"
hvc() { "$VIRTSIM" explain exit.hvc64 --machine neoverse_n1_kvm --no-store --quiet --set "$1" | awk '/exit.hvc64 of/ { for (i = 2; i <= NF; i++) if ($i == "cycles,") print $(i - 1) }'; }
equal "and each exit moves the registers of EL1: 88 accesses, an ERET, an HVC" yes "$([ "$(hvc el2.vhe=0)" -gt $(($(hvc el2.vhe=1) + 88 * 4)) ] && echo yes)"

# no knob of one architecture is accepted by, or stored with, a run of another
foreign() { # machine, setting, what is like it
    refused "$2 on $1" 2 "$3" "$VIRTSIM" run workloads/exit_microbench.lua --machine "$1" --set "$2" --set workload.reason=vmcall --db "$work/no.db" --quiet
}
foreign zen3_milan_kvm vmcs.control.hlt_exiting=0 svm.intercept.hlt
foreign neoverse_n1_kvm vmcs.control.hlt_exiting=0 el2.trap.wfi
foreign neoverse_n1_kvm svm.intercept.hlt=0 el2.trap.wfi
foreign skylake_sp_kvm svm.intercept.hlt=0 vmcs.control.hlt_exiting
foreign skylake_sp_native el2.trap.wfi=0 vmcs.control.hlt_exiting
foreign neoverse_n1_kvm interrupt.eoi=1 gic.eoi
foreign neoverse_n1_native interrupt.apic=xapic 'list knobs gic'
foreign skylake_sp_kvm gic.list_registers=2 'list knobs interrupt'
foreign zen2_rome_kvm gic.eoi=1 interrupt.eoi
foreign zen2_rome_native vmcs.control.xsaves=1 'list knobs svm'
ok "a recording of an AMD machine" "$VIRTSIM" run workloads/exit_microbench.lua --machine zen3_milan_kvm --set workload.reason=vmcall --record "$work/a.rec" --no-store --quiet
refused "and a knob of VMX with it" 2 svm.intercept.hlt "$VIRTSIM" replay "$work/a.rec" --set vmcs.control.hlt_exiting=0 --no-store --quiet
equal "none of them made a database" 0 "$(find "$work" -name 'no.db*' | wc -l)"
for machine in skylake_sp_kvm zen3_milan_kvm neoverse_n1_kvm; do
    ok "a run on $machine" "$VIRTSIM" run workloads/exit_microbench.lua --machine $machine --set workload.reason=vmcall --db "$work/k.db" --quiet
done
equal "knobs stored with each" "skylake_sp_kvm interrupt skylake_sp_kvm vmcs zen3_milan_kvm interrupt zen3_milan_kvm svm neoverse_n1_kvm el2 neoverse_n1_kvm gic" "$(echo $(sqlite3 -separator ' ' "$work/k.db" "
    SELECT DISTINCT r.machine, substr(k.path, 1, instr(k.path, '.') - 1) FROM knob k JOIN run r USING (run)
     WHERE k.path GLOB 'vmcs.*' OR k.path GLOB 'svm.*' OR k.path GLOB 'el2.*'
        OR k.path GLOB 'interrupt.*' OR k.path GLOB 'gic.*' ORDER BY r.run, 2"))"
equal "counters of VMX with the first alone" "1" "$(sqlite3 "$work/k.db" "SELECT group_concat(DISTINCT run) FROM counter WHERE name GLOB 'vmcs.*'")"

# what a switch moves through memory is booked with what it is moved for, whatever level of the caches answers
moved() { # machine, setting, accounts of lines
    ok "all exits on $1" "$VIRTSIM" run workloads/exit_microbench.lua --machine "$1" --set workload.count=3 --set "$2" --db "$work/m.db" --quiet
    equal "references of no phase in exits on $1" 0 "$(sqlite3 "$work/m.db" "select count(*) from part where op like 'exit.%' and account like 'memory.%' and run = (select max(run) from run)")"
    equal "lines that are moved on $1, $2" "$3" "$(echo $(sqlite3 "$work/m.db" "select distinct account from part where op like 'exit.%' and account like '%.lines' and account not like 'gic.%' and total_ps > 0 and run = (select max(run) from run) order by 1"))"
}
moved skylake_sp_kvm vmcs.cached=1 ""
moved skylake_sp_kvm vmcs.cached=0 "vmcs.entry.load_guest.lines vmcs.exit.load_host.lines vmcs.exit.save_guest.lines vmcs.instruction.lines"
moved zen3_milan_kvm svm.instruction.stgi=20 "svm.entry.load_control.lines svm.entry.load_guest.lines svm.entry.save_host.lines svm.exit.load_host.lines svm.exit.record.lines svm.exit.save_guest.lines"
moved neoverse_n1_kvm el2.pair=1 "el2.entry.load_guest.lines el2.entry.save_host.lines el2.exit.load_host.lines el2.exit.save_guest.lines el2.exit.system_registers.lines"

# an instruction that the architecture does not have, in a script and in a recording
refused "CPUID on Arm" 2 "cpuid is x86's" "$VIRTSIM" run workloads/exit_microbench.lua --machine neoverse_n1_kvm --set workload.reason=cpuid --no-store --quiet
ok "a recording with CPUID" "$VIRTSIM" run workloads/exit_microbench.lua --set workload.reason=cpuid --record "$work/c.rec" --no-store --quiet
refused "on Arm" 2 "cpuid is x86's" "$VIRTSIM" replay "$work/c.rec" --machine neoverse_n1_kvm --no-store --quiet
for machine in skylake_sp_kvm zen3_milan_kvm neoverse_n1_kvm; do
    ok "all that $machine has" "$VIRTSIM" run workloads/exit_mix.lua --machine $machine --set workload.count=20000 --no-store --quiet
done

# names: the manual's, the neutral one, KVM's
equal "a neutral name on two architectures" "skylake_sp_kvm exit.vmcall neoverse_n1_kvm exit.hvc64 neoverse_n1_kvm exit.smc64" "$("$VIRTSIM" explain exit.hypercall --against neoverse_n1_kvm --no-store --quiet --format csv | awk -F, '$2 == 0 { printf "%s%s %s", s, $1, $3; s = " " }')"
equal "the name before the cause sums them" "exit.npf.fault exit.npf.mmio" "$(echo $("$VIRTSIM" explain exit.npf --machine zen3_milan_kvm --no-store --quiet --format csv | awk -F, '$2 == 0 { print $3 }'))"
equal "KVM's name" "exit.data_abort.mmio" "$("$VIRTSIM" explain DABT_LOW --machine neoverse_n1_kvm --no-store --quiet --format csv | awk -F, '$2 == 0 { print $3 }' | tail -1)"
refused "an exit that the processor does not have" 2 exit.hypercall "$VIRTSIM" explain exit.vmcall --machine zen3_milan_kvm --no-store --quiet
finish
