#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Binary translation: what faults under trap and emulate is a call from translated code, programs run as they are.
. "$VIRTSIM_HOME/tests/lib.inc"
M=skylake_sp_binary_translation

run() { # MACHINE WORKLOAD [OPTIONS...]
    rm -f "$work/s.db"
    ok "$*" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/$2.lua" -m "$1" --quiet --db "$work/s.db" "${@:3}"
}
loop() { run $M exit_microbench --set workload.reason="$1" --set workload.count=100 "${@:2}"; }
q() { sqlite3 "$work/s.db" "$1"; }
counted() { q "select coalesce(sum(value), 0) from counter where name = '$1'"; }
ops() { q "select coalesce(sum(n), 0) from op where op = '$1'"; }
mean() { q "select total_ps / n from op where op = '$1'"; }
balanced() { equal "$1: parts are the whole" 0 "$(q "select count(*) from unbalanced")"; }

# a privileged instruction calls the monitor, and does not fault
while read -r reason op; do
    loop "$reason"
    equal "$reason is a callout" 100 "$(ops "$op")"
    equal "$reason does not fault" 0 "$(q "select coalesce(sum(n), 0) from op where op like 'exit.gp.%' or op like 'exit.ud.%'")"
    balanced "$reason"
done <<'LIST'
rdmsr callout.rdmsr
cr3 callout.cr
invlpg callout.invlpg
io_in callout.io
mov_dr callout.dr
cpuid callout.cpuid
lgdt callout.table
vmcall callout.hypercall
vmlaunch callout.undefined
LIST
# what is short is emulated in the cache: there are no holes
for reason in popf pushf sgdt str smsw; do
    loop $reason
    equal "$reason is emulated where it stands" "100 0 0" "$(counted bt.in_cache) $(counted deprivileged.holes) $(counted bt.callouts)"
done
loop self_ipi_sti_nop
equal "STI finds what has waited, once" "100 100" "$(ops callout.window) $(ops irq)"
loop self_ipi_sti_hlt
equal "no wake-up is lost between STI and HLT" 100 "$(ops irq)"
loop ud2
equal "what is nobody's instruction faults as without translation" 100 "$(ops exit.ud.invalid)"

# the same, translated and not
loop rdmsr
callout=$(mean callout.rdmsr)
loop rdmsr --set bt.callout=170
equal "a callout takes its instructions" yes "$(awk -v a="$callout" -v b="$(mean callout.rdmsr)" 'BEGIN { print (b - a == 100 * 192.5) ? "yes" : b - a }')"
run skylake_sp_trap_and_emulate exit_microbench --set workload.reason=rdmsr --set workload.count=100
equal "a fault costs more than five times as much" yes "$( (( $(mean exit.gp.rdmsr) > 5 * callout )) && echo yes)"

# the kernel is translated, its programs are not
run $M gups --set workload.count=2000
equal "a program's accesses are the processor's" "0 0" "$(counted translator.instructions) $(counted translator.blocks)"
run $M page_touch --set workload.backing=touch --set workload.footprint=1MiB
equal "a kernel's page faults are translated" yes "$( (( $(counted translator.instructions) > 0 && $(counted translator.blocks) > 0 )) && echo yes)"
equal "once" yes "$( (( $(counted translator.translated) * 10 < $(counted translator.blocks) )) && echo yes)"
balanced "page faults"
run $M page_touch --set workload.backing=touch --set workload.footprint=1MiB --set translator.expansion=20
equal "as many instructions as the expansion says" yes \
    "$(awk -v g="$(counted translator.instructions)" -v h="$(q "select sum(n) from part where account like 'guest.%' and actor = 'vcpu0/guest' and kind = 'work'")" 'BEGIN { print (h > 1.9 * g) ? "yes" : h / g }')"

# adaptive translation: a kernel's store to a guarded table faults a few times, then calls
edit() { run $M page_table_edit --set workload.footprint=1MiB --set workload.count=4000 --set workload.warmup=0 --set shadow.sync=trap "$@"; }
edit --set bt.adapt_after=0
stores=$(ops shadow.write) faults=$(ops exit.pf) never=$(q "select total_ps from op where op = 'timeline' and actor = 'vcpu0'")
equal "there are such stores" yes "$( (( stores > 20 )) && echo yes)"
equal "which fault where nothing adapts" 0 "$(ops callout.pf)"
edit --set bt.adapt_after=14
ten=$(ops callout.pf)
edit --set bt.adapt_after=4
equal "ten fewer faults, ten more calls" "$((ten + 10)) $faults" "$(ops callout.pf) $(( $(ops callout.pf) + $(ops exit.pf) ))"
equal "and the guest is faster for it" yes "$( (( $(q "select total_ps from op where op = 'timeline' and actor = 'vcpu0'") < never )) && echo yes)"
balanced "adaptive translation"

# every workload, several vCPUs too
for w in interrupts timer_storm context_switch ipi_pingpong tlb_shootdown; do
    run $M $w
    balanced "$w"
done
for op in callout.rdmsr exit.pf translator.lookup; do
    ok "explain $op" "$VIRTSIM" explain $op -m $M --no-store --quiet
done

set_to() { "$VIRTSIM" run "$VIRTSIM_HOME/workloads/gups.lua" -m "$1" --no-store "${@:2}"; }
refused "hardware's knobs are not this machine's" 2 "hypervisor.technique = binary_translation" set_to $M --set vmcs.control.hlt_exiting=0
refused "nor a TLB in software" 2 "hypervisor.technique = binary_translation" set_to $M --set tcg.access=1
refused "a second dimension is hardware's" 2 "needs paging.mode = shadow" set_to $M --set paging.mode=ept
refused "a cache has room for a block" 2 "translator.cache.bytes = 4096 has no room" set_to $M --set translator.cache.bytes=4096 --set translator.block.code=4000
finish
