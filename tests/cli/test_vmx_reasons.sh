#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every basic exit reason of VMX: those that the table says can occur are reached by a run, each by what the table
# names; the others have a sentence that says why they cannot.
. "$VIRTSIM_HOME/tests/lib.inc"

page="$VIRTSIM_HOME/docs/generated/vmx_reasons.md"
injecting="--set vmcs.control.posted_interrupts=0 --set vmcs.control.virtual_interrupt_delivery=0"
xapic="--set interrupt.apic=xapic"
declare -A body with
intel=
body[0]='cpu:instruction("ud2")'
body[1]='cpu:ipi(0) cpu:compute(20000)' with[1]=$injecting
with[1]="$injecting --set host.tick_hz=100000"
body[2]='cpu:instruction("triple_fault")'
body[7]='cpu:cli() cpu:ipi(0) cpu:compute(20000) cpu:sti() cpu:compute(20000)' with[7]=$injecting
body[8]='while cpu:interrupts() < 2 do cpu:compute(100) end end) guest(function(cpu) cpu:wrmsr(0x830, 0x400) cpu:wrmsr(0x830, 0x400)'
body[10]='cpu:cpuid()'
body[12]='cpu:wait { us = 1 }'
body[13]='cpu:instruction("invd")'
body[14]='cpu:invlpg(cpu:map { bytes = 4096 })' with[14]="--set vmcs.control.invlpg_exiting=1"
body[15]='cpu:instruction("rdpmc")'
body[16]='cpu:rdtsc()' with[16]="--set vmcs.control.rdtsc_exiting=1"
body[18]='cpu:hypercall(0)'
for n in 19:vmclear 20:vmlaunch 21:vmptrld 22:vmptrst 23:vmread 24:vmresume 25:vmwrite 26:vmxoff 27:vmxon 50:invept 53:invvpid; do
    body[${n%:*}]="cpu:instruction('${n#*:}')"
done
body[28]='cpu:instruction("mov_from_cr", 3)' with[28]="--set vmcs.control.cr3_store_exiting=1"
body[29]='cpu:instruction("mov_to_dr", 7)'
body[30]='cpu:outp(0x80, 0)'
body[31]='cpu:rdmsr(0x1b)'
body[32]='cpu:wrmsr(0x3b, 0)'
body[36]='cpu:instruction("mwait")'
body[39]='cpu:instruction("monitor")'
body[40]='cpu:pause()' with[40]="--set vmcs.control.pause_exiting=1"
body[43]='cpu:write_cr(8, 15) cpu:ipi(0, 0x40) cpu:compute(20000) cpu:write_cr(8, 0)' with[43]=$injecting
body[44]='cpu:ipi(0)' with[44]="$injecting $xapic --set vmcs.control.apic_register_virtualization=0"
body[45]='cpu:ipi(0, 0x60) cpu:compute(20000)' with[45]="--set hypervisor.level_vector=96"
body[46]='cpu:instruction("lidt")' with[46]="--set vmcs.control.descriptor_table_exiting=1"
body[47]='cpu:instruction("ltr")' with[47]="--set vmcs.control.descriptor_table_exiting=1"
body[48]='cpu:store(cpu:map { bytes = 4096, backing = "host_touch" })'
body[49]='cpu:mmio(0xfed00000, "load") cpu:mmio(0xfed00000, "load")'
body[51]='cpu:instruction("rdtscp")' with[51]="--set vmcs.control.rdtsc_exiting=1"
body[52]='cpu:timer { us = 3 } cpu:compute(50000)'
body[54]='cpu:instruction("wbinvd")'
body[55]='cpu:instruction("xsetbv", 7)'
body[56]='cpu:ipi(0)' with[56]="$xapic"
body[57]='cpu:instruction("rdrand")' with[57]="--set vmcs.control.rdrand_exiting=1"
body[58]='cpu:invpcid { type = 2 }' with[58]="--set guest.pcid=1 --set vmcs.control.invlpg_exiting=1"
body[59]='cpu:instruction("vmfunc", 1 << 32)' with[59]="--set vmcs.control.vm_functions=1 --set vmcs.vm_functions=1"
body[61]='cpu:instruction("rdseed")' with[61]="--set vmcs.control.rdseed_exiting=1"
body[62]='local r = cpu:map { bytes = 600 * 4096, page = "base" } cpu:dirty_log() cpu:stride { region = r, stride = 4096, count = 600, op = "store" } cpu:stride { region = r, stride = 4096, count = 600, op = "store" }'
with[62]="--set host.dirty_log.method=pml"
supervisor="--set vmcs.control.xsaves=1 --set vmcs.xss_exiting_bitmap=0x100"
body[63]='cpu:wrmsr(0xda0, 0x100) cpu:instruction("xsaves", 0x100)' with[63]=$supervisor
body[64]='cpu:wrmsr(0xda0, 0x100) cpu:instruction("xrstors", 0x100)' with[64]=$supervisor
body[74]='cpu:instruction("split_lock")' with[74]="--set vmcs.control.bus_lock_detection=1 --set vmcs.cap.proc2=0x425f7fff00000000"

"$VIRTSIM" list operations --format csv | sed -n 's/^\(exit\.[a-z_]*\),"\?VMX \([0-9]*\): .*/\2 \1/p' | sort -n >"$work/reasons"
while read -r number op; do
    printf 'guest(function(cpu) %s end)\n' "${body[$number]:-error(\"reason $number: the test has no run\")}" >"$work/r$number.lua"
    rm -f "$work/r.db"
    # shellcheck disable=SC2086
    ok "reason $number, $op" "$VIRTSIM" run "$work/r$number.lua" --quiet --db "$work/r.db" -m skylake_sp_kvm ${with[$number]:-}
    equal "reason $number is reached, $op" yes "$(sqlite3 "$work/r.db" "select 'yes' from op where op = '$op' limit 1")"
    equal "reason $number is in the table" 1 "$(grep -c "^| $number | $op |" "$page")"
done <"$work/reasons"
for number in $(seq 0 79); do
    case $number in 35 | 38 | 42 | 71) continue ;; esac # unused: SDM 3D appendix C
    line=$(grep "^| $number | " "$page")
    equal "the table has reason $number once" 1 "$(grep -c "^| $number | " "$page")"
    grep -q "^$number " "$work/reasons" || equal "and why it cannot occur" yes "$(case $line in *"| never: "*) echo yes ;; esac)"
done

# ---- what no shipped part has ----

# the high half of a capability says which controls may be 1 (SDM 3D A.3.3); tertiary ones have all 64 bits
bits=$(sed -n 's/^| \([0-9]*\) .*no shipped part has .*(bit \([0-9]*\) of vmcs\.cap\.proc2.*/\1:\2/p' "$page")
equal "the controls that the table says none has" 7 "$(echo "$bits" | wc -w)"
for m in $("$VIRTSIM" list machines --format csv | sed -n 's/^"\{0,1\}\([a-z0-9_]*_kvm\).*/\1/p'); do
    "$VIRTSIM" run "$VIRTSIM_HOME/workloads/exit_microbench.lua" -m "$m" --dry-run --format csv >"$work/knobs" 2>/dev/null
    grep -q '^cpu.vendor,intel' "$work/knobs" || continue
    may=$(sed -n 's/^vmcs.cap.proc2,\([0-9]*\),.*/\1/p' "$work/knobs")
    for b in $bits; do
        equal "$m has no control of reason ${b%:*}" 0 "$((may >> (32 + ${b#*:}) & 1))"
    done
    equal "$m has no tertiary controls" 0 "$(sed -n 's/^vmcs.cap.proc3,\([0-9]*\),.*/\1/p' "$work/knobs")"
    intel="$intel $m"
done
equal "of all of Intel's parts" 6 "$(echo $intel | wc -w)"

# ---- what the exit says ----

note() { # BODY "name" OP OPTIONS...
    printf 'guest(function(cpu) %s end)\n' "$1" >"$work/note.lua"
    rm -f "$work/n.db"
    "$VIRTSIM" run "$work/note.lua" --quiet --spans 8 --db "$work/n.db" -m skylake_sp_kvm "${@:4}" >/dev/null || echo failed
    sqlite3 "$work/n.db" "select value from note where name = '$2' and op = '$3' limit 1"
}
equal "MOV from DR6: bit 4 is the direction" 0x16 "$(note 'cpu:instruction("mov_from_dr", 6)' 'exit qualification' exit.dr_access)"
equal "LTR: bits 29:28 are 3, the selector is in a register" 0x30000400 \
    "$(note 'cpu:instruction("ltr")' 'instruction information' exit.ldtr_tr --set vmcs.control.descriptor_table_exiting=1)"
equal "RDRAND: 64 bits into RAX" 0x1000 "$(note 'cpu:instruction("rdrand")' 'instruction information' exit.rdrand --set vmcs.control.rdrand_exiting=1)"
equal "VMXON: its length" 0x4 "$(note 'cpu:instruction("vmxon")' 'instruction length' exit.vmxon)"
equal "the end of a level-triggered interrupt: its vector" 0x60 \
    "$(note 'cpu:ipi(0, 0x60) cpu:compute(20000)' 'exit qualification' exit.virtualized_eoi --set hypervisor.level_vector=96)"

# ---- an exit while an event is delivered ----

# the page that the frame is pushed on is write-protected by the dirty log: a violation, and the event comes again
cat >"$work/vectoring.lua" <<'END'
guest(function(cpu)
  local taken = 0
  local function one() cpu:ipi(0, 0x60) cpu:compute(20000) taken = taken + 1
    if cpu:interrupts() ~= taken then error("lost") end end
  one() one()
  cpu:dirty_log() cpu:dirty_log() cpu:mark("roi")
  one()
end)
END
for how in "" "$injecting"; do
    rm -f "$work/v.db"
    # shellcheck disable=SC2086
    ok "a delivery that is interrupted" "$VIRTSIM" run "$work/vectoring.lua" --quiet --spans 8 --db "$work/v.db" -m skylake_sp_kvm \
        --set host.dirty_log.method=write_protect $how
    equal "says which event it was" 0x80000060 "$(sqlite3 "$work/v.db" "select value from note where name = 'IDT-vectoring information' limit 1")"
    equal "which the entry injects again" yes "$(sqlite3 "$work/v.db" "select 'yes' from counter where name = 'vmcs.injections' and value > 0")"
done

# ---- what does not exit, and what the part does not have ----

printf 'guest(function(cpu) cpu:instruction("vmfunc", 0) end)\n' >"$work/switch.lua"
rm -f "$work/s.db"
ok "VMFUNC to an entry of the list" "$VIRTSIM" run "$work/switch.lua" --quiet --db "$work/s.db" --set vmcs.control.vm_functions=1 --set vmcs.vm_functions=1
equal "does not exit" 0 "$(sqlite3 "$work/s.db" "select count(*) from op where op = 'exit.vmfunc'")"
equal "and takes its own time" 1 "$(sqlite3 "$work/s.db" "select n from part where account = 'instruction.vmfunc'")"
none="$VIRTSIM run $work/switch.lua --quiet --db $work/s.db"
# shellcheck disable=SC2086
refused "a control that the part lacks: its bit" 2 "vmcs.control.bus_lock_detection = 1 needs bit 62 of vmcs.cap.proc2" $none --set vmcs.control.bus_lock_detection=1
# shellcheck disable=SC2086
refused "of Sandy Bridge's timer-like controls" 2 "vmcs.control.vm_functions = 1 needs bit 45 of vmcs.cap.proc2" $none -m sandybridge_ep_kvm --set vmcs.control.vm_functions=1
# shellcheck disable=SC2086
refused "a VM function that the part lacks" 2 "bit 0 of vmcs.cap.vmfunc" $none --set vmcs.control.vm_functions=1 --set vmcs.vm_functions=1 --set vmcs.cap.vmfunc=0
printf 'guest(function(cpu) cpu:instruction("vmfun") end)\n' >"$work/bad.lua"
refused "a name that there is not" 1 "instruction: unknown name 'vmfun'; one of ud2" "$VIRTSIM" run "$work/bad.lua" --quiet --db "$work/s.db"
printf 'guest(function(cpu) cpu:instruction("wbinvd") end)\n' >"$work/bad.lua"
refused "WBINVD on bare metal" 2 "wbinvd that no hypervisor takes" "$VIRTSIM" run "$work/bad.lua" --quiet --db "$work/s.db" -m skylake_sp_native
finish
