#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A translator instead of hardware virtualization: nothing exits, code is translated once and found again, every access
# goes through a TLB in software.
. "$VIRTSIM_HOME/tests/lib.inc"
M=skylake_sp_tcg

run() { # WORKLOAD [OPTIONS...]
    rm -f "$work/s.db"
    ok "$*" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/$1.lua" -m $M --quiet --db "$work/s.db" "${@:2}"
}
q() { sqlite3 "$work/s.db" "$1"; }
counted() { q "select coalesce(sum(value), 0) from counter where name = '$1'"; }
ops() { q "select coalesce(sum(n), 0) from op where op = '$1'"; }
total() { q "select total_ps from op where op = 'timeline' and actor = 'vcpu0'"; }
balanced() { equal "$1: parts are the whole" 0 "$(q "select count(*) from unbalanced")"; }
code() { run code_paths --set workload.kind="$1" --set workload.count=500 --set workload.warmup=100 "${@:2}"; }

# no exits: each instruction is a helper, once
while read -r reason op; do
    run exit_microbench --set workload.reason="$reason" --set workload.count=100
    equal "$reason is a helper" 100 "$(ops "$op")"
    equal "$reason: nothing exits" 0 "$(q "select count(*) from op where op like 'exit.%'")"
    equal "$reason: nothing is hardware's" 0 "$(q "select count(*) from part where account like 'vmcs.%' or account like 'deprivileged.%'")"
    balanced "$reason"
done <<'LIST'
cpuid helper.cpuid
rdmsr helper.rdmsr
cr3 helper.cr
invlpg helper.invlpg
io_in helper.io
mmio_write helper.mmio
hlt helper.hlt
vmcall helper.vmcall
vmlaunch helper.undefined
LIST
run exit_microbench --set workload.reason=sgdt --set workload.count=100
equal "SGDT is translated like any other instruction" 0 "$(q "select count(*) from op where op like 'helper.%'")"

# code: what is translated stays; a loop needs no lookup, another page does, a flush is found again in the table
code loop
equal "a loop is translated before it is measured" "0 0" "$(counted translator.translated) $(counted translator.lookups)"
equal "and chained" "$(counted translator.blocks)" "$(counted translator.chained)"
loop=$(total)
code loop --set translator.chaining=0
equal "without chaining each block is looked up" "$(counted translator.blocks)" "$(counted translator.lookups)"
equal "which takes longer" yes "$( (( $(total) > loop )) && echo yes)"
code calls
equal "a call into another page is looked up, in the jump cache" "500 500" "$(counted translator.lookups) $(counted translator.jump_cache.hits)"
code rewrite
equal "a routine that is overwritten is translated again" "500 500 500" "$(counted translator.code_writes) $(counted translator.invalidated) $(counted translator.translated)"
equal "instruction by instruction" "$((500 * 24))" "$(counted translator.translated.instructions)"
code switch
equal "MOV to CR3 empties the jump cache" 500 "$(counted translator.table.hits)"
equal "and the software TLB: code is walked for" "$(counted tcg.tlb.flushes)" "$(ops tcg.flush)"
equal "but not the translations" 0 "$(counted translator.translated)"
balanced "code"
code calls --set workload.routines=64 --set translator.cache.bytes=4096
equal "a cache that is too small is emptied again and again" yes "$( (( $(counted translator.cache.flushes) > 10 && $(counted translator.translated) > 400 )) && echo yes)"

# data: hits are inline; a miss walks four entries of the guest's tables, whatever the processor's TLB holds
run gups --set workload.footprint=512KiB --set workload.count=2000
equal "128 pages stay in 256 entries" "2000 0" "$(counted tcg.tlb.hits) $(counted tcg.tlb.fills)"
small=$(total)
run gups --set workload.footprint=512KiB --set workload.count=2000 --set tcg.access=19
equal "ten instructions more in front of each access" 20000 "$(( $(q "select sum(n) from part where account = 'tcg.access'") - 9 * 2000 ))"
equal "take longer" yes "$( (( $(total) > small )) && echo yes)"
run gups --set workload.footprint=16MiB --set workload.count=2000
equal "hits, victims and fills are all accesses" 2000 "$(( $(counted tcg.tlb.hits) + $(counted tcg.tlb.victim_hits) + $(counted tcg.tlb.fills) ))"
equal "a fill reads four entries" "$(( 4 * $(counted tcg.tlb.fills) ))" "$(counted tcg.tlb.walked)"
fills=$(counted tcg.tlb.fills)
run gups --set workload.footprint=16MiB --set workload.count=2000 --set tcg.tlb.bits=13
equal "a larger table holds what a small one does not" yes "$( (( $(counted tcg.tlb.fills) * 10 < fills )) && echo yes)"
run page_touch --set workload.backing=touch --set workload.footprint=1MiB
equal "the guest's page faults are its own" 256 "$(ops page_fault)"
balanced "page faults"

# the tables grow where they were full, and shrink where they were not
run page_table_edit --set workload.edit=switch --set workload.edits=2 --set workload.footprint=1MiB --set workload.count=4000 --set workload.warmup=0
equal "a table that was full grows" yes "$( (( $(counted tcg.tlb.grown) > 0 && $(counted tcg.tlb.shrunk) == 0 )) && echo yes)"
run page_table_edit --set workload.edit=switch --set workload.footprint=1MiB --set workload.count=4000 --set workload.warmup=0 --set tcg.tlb.bits=12 --set tcg.tlb.window_ms=0
equal "one that was nearly empty shrinks" yes "$( (( $(counted tcg.tlb.shrunk) > 0 )) && echo yes)"

# several vCPUs have one cache: what one has translated, the others find
for w in ipi_pingpong tlb_shootdown; do
    run $w
    balanced "$w"
done
by() { q "select coalesce(sum(value), 0) from counter where name = '$1' and actor = '$2'"; }
run tlb_shootdown --set workload.warmup=0
equal "what the first has translated, the next threads find: one lookup, its jumps are patched" "yes 0 1" \
    "$( (( $(by translator.blocks vcpu2/guest) > 100 )) && echo yes) $(by translator.translated vcpu2/guest) $(by translator.table.hits vcpu2/guest)"

# programs that are slower where everything is translated
native() {
    rm -f "$work/n.db"
    ok "natively" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/code_paths.lua" -m skylake_sp_native --quiet --db "$work/n.db" --set workload.kind=loop --set workload.count=500 --set workload.warmup=100
    sqlite3 "$work/n.db" "select total_ps from op where op = 'timeline' and actor = 'vcpu0'"
}
equal "a loop takes as many times as long as translator.expansion says, and block starts" yes \
    "$(awk -v t="$loop" -v n="$(native)" 'BEGIN { r = t / n; print (r > 5 && r < 6) ? "yes" : r }')"

# the same workloads as elsewhere
for w in interrupts timer_storm context_switch page_table_edit; do
    run $w
    balanced "$w"
done
run interrupts --set workload.count=20 --set workload.warmup=2
equal "interrupts are delivered" 20 "$(ops irq)"

for op in tcg.fill translator.lookup tcg.flush helper.rdmsr helper.mmio; do
    ok "explain $op" "$VIRTSIM" explain $op -m $M --no-store --quiet
done

set_to() { "$VIRTSIM" run "$VIRTSIM_HOME/workloads/gups.lua" -m "$1" --no-store "${@:2}"; }
refused "hardware's knobs are not this machine's" 2 "hypervisor.technique = tcg" set_to $M --set vmcs.control.hlt_exiting=0
refused "nor its own others'" 2 "translator.chaining is a knob of" set_to skylake_sp_kvm --set translator.chaining=0
refused "a second dimension is hardware's" 2 "needs paging.mode = softmmu" set_to $M --set paging.mode=ept
refused "and this one's TLB a translator's" 2 "paging.mode = softmmu" set_to skylake_sp_kvm --set paging.mode=softmmu
refused "no window" 2 "needs cpu.window = 0" set_to $M --set cpu.window=64
refused "no log of written pages" 2 "host.dirty_log.method = off" set_to $M --set host.dirty_log.method=write_protect
refused "no guest hypervisor" 2 "hypervisor.nesting = 1" set_to $M --set hypervisor.nesting=1
refused "sizes in order" 2 "tcg.tlb.least_bits" set_to $M --set tcg.tlb.bits=4
refused "one machine" 2 "guest.vms = one" set_to $M --set guest.vms=each
finish
