#!/bin/sh
# SPDX-License-Identifier: MIT
# Traces of KVM's exits: every exit is counted once, measured and simulated; whose they are, what is lost and what does
# not fit is said.
. "$VIRTSIM_HOME/tests/lib.inc"
traces=$VIRTSIM_HOME/tests/traces/exits
db=$work/r.db
run() { "$VIRTSIM" replay "$@" --quiet --db "$db" >"$work/out" 2>"$work/err" || echo "FAILED: replay $*"; }
# one database a case: its only run is run 1
begin() { rm -f "$db"; }
recorded() { sql "select group_concat(reason || ' ' || n, ', ') from (select reason, sum(n) n from recorded_exit group by reason order by n desc, reason)"; }
simulated() { sql "select group_concat(op || ' ' || n, ', ') from (select op, sum(n) n from op where op like 'exit.%' group by op order by n desc, op)"; }

# the counts that the program which was recorded makes: shared by all who read these traces
begin
run "$traces/intel.ftrace.txt.zst"
equal "Intel's exits by reason" "EPT_VIOLATION 201, IO_INSTRUCTION 97, EPT_MISCONFIG 95, CPUID 48, MSR_READ 48, MSR_WRITE 48, VMCALL 24, WBINVD 12" "$(recorded)"
equal "the operations are these exits and no others" "$(sql "select sum(n) from recorded_exit where op <> ''")" \
    "$(sql "select sum(n) from op where op like 'exit.%'")"
equal "each as often as it was recorded" 0 "$(sql "select count(*) from (select op, sum(n) n from recorded_exit where op <> '' group by op) r left join op o on o.op = r.op where o.n is not r.n")"
equal "all but the last have an entry" 572 "$(sql "select sum(pairs) from recorded_exit")"
ok "what it prints fits 80 columns" awk 'length > 80 { exit 1 }' "$work/out"
begin
run "$traces/amd.tracecmd.txt.zst" --machine zen3_milan_kvm
equal "AMD's exits by reason" "npf 296, io 97, msr 96, cpuid 48, hypercall 24, read_cr4 24, write_cr4 24, wbinvd 12, interrupt 3" "$(recorded)"
equal "a nested fault is one of memory or of a device" "200|96" "$(sql "select sum(n) filter (where op = 'exit.npf.fault'), sum(n) filter (where op = 'exit.npf.mmio') from op")"
equal "and MSRs are read or written" "48|48" "$(sql "select sum(n) filter (where op = 'exit.msr.read'), sum(n) filter (where op = 'exit.msr.write') from op")"
same=$(simulated)
begin
run "$traces/amd.perf.txt.zst" --machine zen3_milan_kvm
equal "perf's text has the same kinds as trace-cmd's" "$(echo "$same" | tr ',' '\n' | awk '{ print $1 }' | sort)" "$(simulated | tr ',' '\n' | awk '{ print $1 }' | sort)"
begin
run "$traces/arm64.ftrace.txt.zst" --machine neoverse_n1_kvm
equal "Arm's exits by reason" "DABT_LOW 432, SYS64 96, HVC64 49, IRQ 46, IABT_LOW 1" "$(recorded)"
equal "all of them are simulated" 624 "$(sql "select sum(n) from op where op like 'exit.%'")"
equal "its trace names a thread and no vCPU" "86|-1" "$(sql "select distinct thread, vcpu from recorded_exit")"

# what belongs to the trace is reported and never used
q() { printf ' q-9 [000] d..1. %s: %s\n' "$1" "$2"; }
{
    q 1.000000 "kvm_entry: vcpu 0"
    q 1.000100 "kvm_exit: vcpu 0 reason HLT rip 0x1 info1 0x0 info2 0x0"
    q 1.000350 "kvm_entry: vcpu 0"
    q 1.000400 "kvm_exit: vcpu 0 reason CPUID rip 0x1 info1 0x0 info2 0x0"
    q 1.000900 "kvm_entry: vcpu 0"
    q 1.000930 "kvm_exit: vcpu 0 reason EPT_VIOLATION rip 0x1 info1 0x182 info2 0x0"
    q 1.000930 "kvm_page_fault: vcpu 0 rip 0x1 address 0x0000000000201000 error_code 0x182"
    q 1.000931 "kvm_entry: vcpu 0"
    q 1.000941 "kvm_exit: vcpu 0 reason EPT_VIOLATION rip 0x1 info1 0x182 info2 0x0"
    q 1.000941 "kvm_page_fault: vcpu 0 rip 0x1 address 0x0000000000202000 error_code 0x182"
    q 1.000942 "kvm_entry: vcpu 0"
} >"$work/t.txt"
begin
run "$work/t.txt"
equal "between entry and exit the guest works for as long as recorded" 190000000 \
    "$(sql "select total_ps from part where account = 'guest.recorded'")"
ok "a halt lasts until its recorded entry" test "$(sql "select total_ps between 250000000 and 262000000 from op where op = 'exit.hlt'")" = 1
ok "another exit takes what it takes here" test "$(sql "select total_ps < 20000000 from op where op = 'exit.cpuid'")" = 1
equal "its host's time is reported" 500000000 "$(sql "select total_ps from recorded_exit where reason = 'CPUID'")"
run "$work/t.txt" --set host.page_size=2M
equal "with huge pages the first violation of each 2 MiB stays" 1 "$(sql "select n from op where run = 2 and op = 'exit.ept_violation'")"
run "$work/t.txt" --set hypervisor.halt_poll_ns=0
ok "without polling the halting vCPU sleeps" test "$(sql "select coalesce(sum(total_ps), 0) = 0 from part where run = 3 and account = 'host.polling'")" = 1

# interrupts that are put in: spared by posting, on a machine that has it
{
    q 1.000000 "kvm_entry: vcpu 0"
    q 1.000100 "kvm_exit: vcpu 0 reason EXTERNAL_INTERRUPT rip 0x1 info1 0x0 info2 0x0 intr_info 0x800000fd"
    q 1.000101 "kvm_inj_virq: IRQ 0x41"
    q 1.000102 "kvm_entry: vcpu 0"
    q 1.000200 "kvm_exit: vcpu 0 reason EXTERNAL_INTERRUPT rip 0x1 info1 0x0 info2 0x0 intr_info 0x800000ec"
    q 1.000202 "kvm_entry: vcpu 0"
    q 1.000300 "kvm_exit: vcpu 0 reason INTERRUPT_WINDOW rip 0x1 info1 0x0 info2 0x0"
    q 1.000302 "kvm_entry: vcpu 0"
} >"$work/i.txt"
begin
posting="--set vmcs.control.posted_interrupts=1 --set vmcs.control.apic_register_virtualization=1 --set vmcs.control.virtual_interrupt_delivery=1"
run "$work/i.txt"
run "$work/i.txt" $posting
run "$work/i.txt" $posting --set replay.exits=machine
equal "recorded exits happen on whatever machine" "3|3" "$(sql "select (select sum(n) from op where run = 1 and op like 'exit.%'), (select sum(n) from op where run = 2 and op like 'exit.%')")"
equal "unless it may spare them: what was put in, and the window" 1 "$(sql "select sum(n) from op where run = 3 and op like 'exit.%'")"
equal "which is counted" 2 "$(sql "select value from counter where run = 3 and name = 'replay.exits.none'")"

# what has a handler is simulated under its own operation, whatever else has that handler
x() { # x NAME INFO1 [INTR_INFO]
    at=$((at + 20))
    q "1.$(printf %06d $at)" "kvm_exit: vcpu 0 reason $1 rip 0x1 info1 0x$2 info2 0x0000000000000000 intr_info 0x${3:-0} error_code 0x0"
    q "1.$(printf %06d $((at + 9)))" "kvm_entry: vcpu 0, rip 0x1"
}
at=0
for e in "DR_ACCESS 7" "DR_ACCESS 17" "XSETBV 0" "WBINVD 0" "INVD 0" "RDPMC 0" "RDTSCP 0" "MWAIT_INSTRUCTION 0" "MONITOR_INSTRUCTION 0" "GDTR_IDTR 0" "LDTR_TR 0" \
    "NMI_WINDOW 0" "TPR_BELOW_THRESHOLD 0" "RDRAND 0" "RDSEED 0" "XSAVES 0" "XRSTORS 0" "VMREAD 0" "VMWRITE 0" "BUS_LOCK 0" "EXCEPTION_NMI 0 80000202" "TRIPLE_FAULT 0"; do
    # shellcheck disable=SC2086 # words
    x $e
done >"$work/x.txt"
begin
run "$work/x.txt"
equal "Intel's instructions, each its own operation" "exit.dr_access 2, exit.bus_lock 1, exit.exception_nmi 1, exit.gdtr_idtr 1, exit.invd 1, exit.ldtr_tr 1, exit.monitor 1, exit.mwait 1, exit.nmi_window 1, exit.rdpmc 1, exit.rdrand 1, exit.rdseed 1, exit.rdtscp 1, exit.tpr_below_threshold 1, exit.triple_fault 1, exit.vmread 1, exit.vmwrite 1, exit.wbinvd 1, exit.xrstors 1, exit.xsaves 1, exit.xsetbv 1" "$(simulated)"
equal "with the handlers that they have" "debug_register 2, xsetbv 1, caches 2, nmi 1" "$(sql "select group_concat(substr(op, 9) || ' ' || n, ', ') from (select op, sum(n) n from op where op in ('handler.debug_register', 'handler.xsetbv', 'handler.caches', 'handler.nmi') group by op order by n = 2 and op like '%reg%' desc, op like '%xset%' desc, op)")"

for e in "read_dr6 0" "write_dr7 0" "xsetbv 0" "wbinvd 0" "rdpmc 0" "rdtscp 0" "mwait 0" "monitor 0" "nmi 0" "read_gdtr 0" "write_idtr 0" "read_rt 0" "cr0_sel_write 0" \
    "write_cr8 0" "vmload 0" "vmsave 0" "stgi 0" "clgi 0" "skinit 0" "UD excp 0" "idle-halt 0" "shutdown 0"; do
    x "${e% *}" "${e##* }"
done >"$work/x.txt"
begin
run "$work/x.txt" --machine zen3_milan_kvm
equal "AMD's" "$(for o in clgi cr_write dr_read dr_write excp gdtr_read hlt idtr_write monitor mwait nmi rdpmc rdtscp shutdown skinit stgi tr_read vmload vmsave wbinvd xsetbv; do echo "exit.$o"; done)" "$(sql "select distinct op from op where op like 'exit.%' order by op")"
equal "and none is left out" "22|0" "$(sql "select sum(n), count(*) filter (where op = '') from recorded_exit")"
equal "KVM's name of each register is one of its operation" exit.dr_write "$("$VIRTSIM" explain write_dr7 --run 1 --db "$db" 2>&1 | grep -o -m 1 exit.dr_write)"

# other devices in place of those that were recorded: vhost takes user space out of their writes, a virtual function the exit
counter() { sql "select coalesce(sum(value), 0) from counter where run = $1 and name = '$2'"; }
exits() { sql "select sum(n) from op where run = $1 and op like 'exit.%'"; }
others() { sql "select count(*) from (select op, sum(n) n from op where run = 1 and op like 'exit.%' group by op) a left join (select op, sum(n) n from op where run = $1 group by op) b using (op) where b.n is not a.n and op not in ($2)"; }
devices() { # devices TRACE MACHINE: recorded, vhost, vf are runs 1, 2, 3
    begin
    for device in recorded vhost vf; do run "$1" --machine "$2" --set replay.device=$device; done
    equal "$2: with vhost the same exits happen" 0 "$(others 2 "''")"
    equal "$2: user space is asked that much less" "$(counter 2 replay.device.signals)" "$(($(counter 1 hypervisor.user_exits) - $(counter 2 hypervisor.user_exits)))"
    equal "$2: with a VF those that stay and those that would not happen are all" "$(exits 1)" "$(($(exits 3) + $(counter 3 replay.exits.none)))"
    equal "$2: of what the trace has, too" "$(counter 1 replay.exits)" "$(($(counter 3 replay.exits) + $(counter 3 replay.exits.none)))"
    equal "$2: and those are the device's" "$(counter 3 replay.exits.none)" "$(counter 3 replay.device.none)"
    equal "$2: as recorded nothing is spared" 0 "$(counter 1 replay.exits.none)"
}
devices "$traces/intel.ftrace.txt.zst" skylake_sp_kvm
equal "Intel's writes behind the violation that was the first, and all 96 accesses" "47 96" "$(counter 2 replay.device.signals) $(counter 3 replay.device.none)"
equal "no other exit changes, its ports are the board's" 0 "$(others 3 "'exit.ept_misconfig', 'exit.ept_violation'")"
ok "an event is shorter than a way to user space" test "$(sql "select (select total_ps from op where run = 2 and op = 'exit.ept_misconfig') < (select total_ps from op where run = 1 and op = 'exit.ept_misconfig')")" = 1
devices "$traces/amd.perf.txt.zst" zen3_milan_kvm
equal "AMD's 48 writes and 48 reads" "48 96" "$(counter 2 replay.device.signals) $(counter 3 replay.device.none)"
equal "no other of AMD's changes" 0 "$(others 3 "'exit.npf.mmio'")"
devices "$traces/arm64.ftrace.txt.zst" neoverse_n1_kvm
equal "a UART is the board's" "0 0" "$(counter 2 replay.device.signals) $(counter 3 replay.device.none)"
d() { # d EVENT...: an exit at a device, what else is said of it, the entry
    at=$((at + 20))
    for event; do q "1.$(printf %06d $at)" "$event"; done
    q "1.$(printf %06d $((at + 9)))" "kvm_entry: vcpu 0"
}
at=0
misconfig="kvm_exit: vcpu 0 reason EPT_MISCONFIG rip 0x1 info1 0x0 info2 0x0"
{
    d "kvm_exit: vcpu 0 reason IO_INSTRUCTION rip 0x1 info1 0xc0500001 info2 0x0" # OUT to a function's port
    d "kvm_exit: vcpu 0 reason IO_INSTRUCTION rip 0x1 info1 0xc0520008 info2 0x0" # IN from it
    d "kvm_exit: vcpu 0 reason IO_INSTRUCTION rip 0x1 info1 0x03f80000 info2 0x0" # a serial line
    d "kvm_exit: vcpu 0 reason IO_INSTRUCTION rip 0x1 info1 0x00400000 info2 0x0" # the PIT
    d "kvm_exit: vcpu 0 reason IO_INSTRUCTION rip 0x1 info1 0x0cf80003 info2 0x0" # configuration space
    d "$misconfig" "kvm_mmio: mmio write len 4 gpa 0xfebc1000 val 0x1"
    d "$misconfig" "kvm_mmio: mmio read len 4 gpa 0xfebc1000 val 0x1"
    d "$misconfig" "kvm_mmio: mmio write len 4 gpa 0xfec00000 val 0x1" # I/O APIC
    d "$misconfig" "kvm_mmio: mmio write len 4 gpa 0xfee000b0 val 0x1" # APIC
    d "$misconfig" "kvm_mmio: mmio write len 4 gpa 0xfed000f0 val 0x1" # HPET
    d "$misconfig" "kvm_mmio: mmio write len 4 gpa 0xb00fa010 val 0x1" # configuration space
    d "$misconfig" "kvm_fast_mmio: fast mmio at gpa 0xfe003000"
    d "$misconfig" # nobody knows where
} >"$work/d.txt"
begin
for device in recorded vhost vf; do run "$work/d.txt" --set replay.device=$device; done
equal "an event of the recorded host is one" "1 3 0" "$(counter 1 replay.device.signals) $(counter 2 replay.device.signals) $(counter 3 replay.device.signals)"
equal "with a VF its ports and registers are not left for" "3|5" "$(sql "select sum(n) filter (where op = 'exit.io_instruction'), sum(n) filter (where op = 'exit.ept_misconfig') from op where run = 3")"
equal "five of thirteen" "13 8 5" "$(exits 1) $(exits 3) $(counter 3 replay.exits.none)"
equal "user space is asked for two writes less" 2 "$(($(counter 1 hypervisor.user_exits) - $(counter 2 hypervisor.user_exits)))"
refused "a hypervisor without events" 2 "xen.lua has no step for an event" "$VIRTSIM" replay "$work/d.txt" --machine skylake_sp_xen --set replay.device=vhost --no-store
at=0
{
    for way in write read; do
        d "kvm_exit: TRAP: HSR_EC: 0x0024 (DABT_LOW), PC: 0x1" "kvm_guest_fault: ipa 0x10000000, hsr 0x93810046, hxfar 0x10000010, pc 0x1" \
            "kvm_mmio: mmio $way len 4 gpa 0x10000010 val 0x1"
    done
    d "kvm_exit: TRAP: HSR_EC: 0x0024 (DABT_LOW), PC: 0x1" "kvm_mmio: mmio write len 4 gpa 0x8000100 val 0x1" # GIC
} >"$work/d.txt"
devices "$work/d.txt" neoverse_n1_kvm
equal "Arm's device, and its GIC" "1 2 1" "$(counter 2 replay.device.signals) $(counter 3 replay.device.none) $(exits 3)"

# what does not fit
refused "exits of another vendor" 2 "are Intel's: replay it with --machine" "$VIRTSIM" replay "$traces/amd.perf.txt.zst" --no-store
refused "names machines that fit" 2 "zen3_milan_kvm" "$VIRTSIM" replay "$traces/amd.perf.txt.zst" --no-store
refused "bare metal has no exits, which is known before" 2 "its twin is called" "$VIRTSIM" replay "$traces/intel.ftrace.txt.zst" --machine skylake_sp_native --no-store
refused "options of traces of accesses" 2 "--skip" "$VIRTSIM" replay "$traces/intel.ftrace.txt.zst" --skip 5 --no-store
q 1.0 "kvm_entry: vcpu 0" >"$work/none.txt"
refused "no exit at all" 2 "no event kvm_exit" "$VIRTSIM" replay "$work/none.txt" --no-store
zstdcat "$traces/intel.ftrace.txt.zst" | head -c 100000 >"$work/cut.txt"
ok "a cut file is replayed as far as it goes" "$VIRTSIM" replay "$work/cut.txt" --no-store --quiet
equal "and said to be cut" 1 "$(grep -c 'cut off at line' "$work/err")"
{
    echo "not an event"
    cat "$work/i.txt"
    echo "CPU:0 [LOST 3 EVENTS]"
} >"$work/odd.txt"
printf '\000\001 no text' >>"$work/odd.txt"
ok "odd lines are no obstacle" "$VIRTSIM" replay "$work/odd.txt" --no-store --quiet
equal "they are counted" 1 "$(grep -c '2 lines that are no events, left out, the first at line 1' "$work/err")"
equal "and so is what was lost" 1 "$(grep -c '1 marks of lost events, the first at line 10' "$work/err")"
sed 's/$/\r/' "$work/i.txt" >"$work/dos.txt"
begin
run "$work/dos.txt"
equal "line ends of another system" 3 "$(sql "select sum(n) from op where op like 'exit.%'")"
"$VIRTSIM" replay - --trace-format kvm --quiet --no-store <"$work/i.txt" >"$work/out" 2>&1
equal "from a pipe, by its name" 1 "$(grep -c EXTERNAL_INTERRUPT "$work/out")"
"$VIRTSIM" replay "$traces/intel.ftrace.txt.zst" --record "$work/r.vst" --quiet --db "$work/v.db" >/dev/null 2>&1
"$VIRTSIM" replay "$work/r.vst" --quiet --db "$work/v.db" >/dev/null
equal "a recording of it has its rows" 0 "$(sqlite3 "$work/v.db" "select count(*) from (select actor, op, n, total_ps from op where run = 1 except select actor, op, n, total_ps from op where run = 2)")"
finish
