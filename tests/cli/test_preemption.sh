#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A kernel that is preemptible (host.preemption = full): whatever a guest's program leaves it for, the handler loses its
# processor at the end of the step in which the slice ends, the step that ends at that very moment included; it goes on
# there, and what the guest gets of it is the same.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/p.db

cat >"$work/one.lua" <<'END'
param { name = "n", default = 0, max = 10000000, text = "instructions before the last exit" }
param { name = "kind", default = "fault", choices = "fault|bulk|mmio|rdmsr|wrmsr|hypercall|halt|refused|debug|shadow|behind|cr3|cr4|invlpg|invpcid|kernel|icr|eoi|icr_page|eoi_page|cr8|tpr|hidden|reflected", text = "which exit" }
local one = {
  fault = function(cpu, r, i) cpu:store(r, i * 4096) end,
  bulk = function(cpu, r, i) cpu:stride { region = r, stride = 4096, count = i + 1, op = "store" } end,
  mmio = function(cpu) cpu:mmio(0xfed00000, "load") end,
  rdmsr = function(cpu) if cpu:rdmsr(0x3b) ~= 5 then error("what was written") end end,
  wrmsr = function(cpu) cpu:wrmsr(0x3b, 5) end,
  hypercall = function(cpu) cpu:hypercall(0) end,
  halt = function(cpu, _, i) -- only the last halts: who does gives its slice up
    if i == 0 then cpu:timer { us = 5000 } elseif i == 2 then cpu:hlt() if cpu:interrupts() ~= 1 then error("not woken") end end
  end,
  debug = function(cpu, _, i) if i == 2 then cpu:instruction("mov_to_dr", 7) end end, -- the first since an exit
  cr3 = function(cpu) cpu:write_cr(3) end,
  cr4 = function(cpu, _, i) cpu:write_cr(4, i % 2 == 0 and 0x20 or 0xa0) end, -- PGE changes
  invlpg = function(cpu, r) cpu:store(r, 0) cpu:invlpg(r, 0) end,
  invpcid = function(cpu) cpu:invpcid { type = 2 } end,
  kernel = function(cpu, _, i, own) cpu:store(own, i * 4096) end, -- its kernel clears the page
  icr = function(cpu) cpu:ipi(0) end,
  cr8 = function(cpu, _, i) cpu:write_cr(8, i) end,
  tpr = function(cpu, _, i) cpu:wrmsr(0x808, 16 * i) end,
  hidden = function(cpu, r, i) cpu:store(r, i * 4096) end, -- the guest has mapped it, its shadow lacks it
  reflected = function(cpu, _, i, own) cpu:store(own, i * 4096) end,
  shadow = function(cpu) cpu:cli() cpu:sti() cpu:wrmsr(0x3b, 5) end,
  behind = function(cpu, _, i) -- an interrupt waits for the end of the shadow, and comes with the entry
    if i == 0 then cpu:cli() cpu:timer { us = 1 } cpu:compute(20000) end
    if i < 2 then return end
    if cpu:interrupts() ~= 0 then error("not masked") end
    cpu:sti() cpu:wrmsr(0x3b, 5) cpu:compute(1)
    if cpu:interrupts() ~= 1 then error("held back: " .. cpu:interrupts()) end
  end,
  refused = function(cpu) cpu:instruction("monitor") cpu:instruction("vmread") end,
}
one.eoi, one.icr_page, one.eoi_page = one.icr, one.icr, one.icr
guest(function(cpu, p)
  local r = cpu:map { bytes = 3 * 4096, page = "base", backing = "host_touch" }
  local own = cpu:map { bytes = 3 * 4096, page = "base", backing = "touch" }
  cpu:wrmsr(0x3b, 5)
  for i = 0, 1 do one[p.kind](cpu, r, i, own) end
  cpu:compute(p.n)
  cpu:mark("here")
  one[p.kind](cpu, r, 2, own)
  cpu:compute(1)
end)
guest(function(cpu) for _ = 1, 500 do cpu:compute(10000) end end)
END
slice=1000000000 # ps
run() { # KIND N OPTIONS...
    rm -f "$db"
    "$VIRTSIM" run "$work/one.lua" --quiet --db "$db" -m skylake_sp_kvm --set workload.kind="$1" --set workload.n="$2" --set host.cpus=1 \
        --set host.slice_us=1000 --set host.preemption=full $(under "$1") "${@:3}"
}
# What makes them exit: a hypervisor that keeps shadow tables, or a processor that virtualizes nothing of the APIC.
injecting="--set vmcs.control.posted_interrupts=0 --set vmcs.control.virtual_interrupt_delivery=0 --set vmcs.control.apic_register_virtualization=0"
under() {
    case $1 in
    cr3 | cr4 | invlpg | invpcid | hidden | reflected) echo --set paging.mode=shadow ;;
    kernel) echo --set host.prefault=0 ;;
    icr | eoi) echo $injecting --set vmcs.control.virtualize_x2apic=0 ;;
    icr_page | eoi_page) echo $injecting --set interrupt.apic=xapic ;;
    cr8) echo $injecting --set vmcs.control.tpr_shadow=0 --set vmcs.control.virtualize_x2apic=0 --set vmcs.control.cr8_load_exiting=1 ;;
    tpr) echo $injecting --set vmcs.control.tpr_shadow=0 --set vmcs.control.virtualize_x2apic=0 ;;
    esac
}
# How long before the end of the slice the instruction begins, in ps: that ends in the handler that is meant.
before() { case $1 in kernel) echo 800000 ;; eoi) echo 1200000 ;; eoi_page) echo 3300000 ;; *) echo 333000 ;; esac; }
query() { sqlite3 "$db" "$1"; }
# Where the step ended in which the first slice did: without the scheduler's interrupt, which is behind that.
ended() {
    run "$1" "$2" >/dev/null || echo "failed: $1 $2" >&2
    query "select max_ps - (select total(total_ps) from child where actor = 'vcpu0/host' and child = 'handler.interrupt' and op like 'handler.%')
        from op where op = 'thread.run' and actor = 'vcpu0'" | sed 's/\..*//'
}
stopped() { query "select total(value) from counter where name = 'sched.preempted_in_path' and actor = 'vcpu0'" | sed 's/\..*//'; }

for kind in ${KINDS:-fault bulk mmio rdmsr wrmsr hypercall halt refused debug shadow behind cr3 cr4 invlpg invpcid kernel icr eoi icr_page eoi_page cr8 tpr hidden reflected}; do
    # an instruction takes 192.5 ps
    ok "$kind: where it begins" run $kind 0
    from=$((2 * (slice - $(before $kind) - $(query "select value from counter where name = 'mark.here' and actor = 'vcpu0'")) / 385))
    at=$(ended $kind $from)
    equal "$kind: it is stopped in its path" 1 "$(stopped)"
    # later by as many instructions the same step ends later by as much, until the step before it reaches the end
    low=$from high=$from
    moved() { local by=$((2 * ($(ended $kind "$1") - at) - 385 * ($1 - from))); [ "${by#-}" -gt 4 ]; }
    until moved "$high" || [ "$high" -gt $((from + 20000)) ]; do low=$high high=$((high + 256)); done
    while [ $((high - low)) -gt 1 ]; do
        middle=$(((low + high) / 2))
        if moved $middle; then high=$middle; else low=$middle; fi
    done
    last=$(ended $kind "$low") next=$(ended $kind "$high")
    equal "$kind: one instruction earlier the step before ends in time, and the next one begins" yes "$([ "$last" -gt $((next + 192)) ] && echo yes)"
    equal "$kind: the step that ends at the end of the slice, or up to an instruction behind it, is the last" yes \
        "$([ "$next" -ge $slice ] && [ "$next" -le $((slice + 193)) ] && echo yes || echo "$next")"
    equal "$kind: the books add up" 0 "$(query 'select count(*) from unbalanced')"
    stopped=$(query "select op, sum(n) from op where op like 'exit.%' and op <> 'exit.external_interrupt' and actor = 'vcpu0/host' group by op")
    ok "$kind: voluntary" run $kind "$high" --set host.preemption=voluntary
    equal "$kind: nothing is stopped" 0 "$(stopped)"
    equal "$kind: and there are the same exits" "$stopped" \
        "$(query "select op, sum(n) from op where op like 'exit.%' and op <> 'exit.external_interrupt' and actor = 'vcpu0/host' group by op")"
done

# What goes on after that is stopped again where its next slice ends, and what is read behind the exit is read then.
cat >"$work/again.lua" <<'END'
param { name = "kind", choices = "hypercall|rdtsc", default = "hypercall", text = "which exit" }
guest(function(cpu, p)
  if p.kind == "hypercall" then cpu:hypercall(0) return end
  local at, had = cpu:rdtsc(), cpu:steal()
  for _ = 1, 20 do
    local now, stolen = cpu:rdtsc(), cpu:steal()
    if now - at < (stolen - had) * 2.6 - 3 then error("read before its exit was over: " .. now - at .. " cycles, " .. stolen - had .. " ns stolen") end
    at, had = now, stolen
  end
end)
guest(function(cpu) for _ = 1, 100 do cpu:compute(10000) end end)
END
long=$(for step in path_in.dispatch hypercall.handle path_out.pending timestamp.emulate; do echo --set hypervisor.$step.instructions=20000; done)
for kind in hypercall rdtsc; do
    rm -f "$db"
    # shellcheck disable=SC2086
    ok "$kind: a long handler in short slices" "$VIRTSIM" run "$work/again.lua" --quiet --db "$db" -m skylake_sp_kvm --set workload.kind=$kind --set host.cpus=1 \
        --set host.slice_us=6 --set host.preemption=full --set vmcs.control.rdtsc_exiting=1 --set cpu.clock.mhz=2600 $long
    equal "$kind: is stopped in each of them" yes "$(query "select 'yes' from counter where name = 'sched.preempted_in_path' and actor = 'vcpu0' and value >= 2")"
done
equal "long handler: the books add up" 0 "$(query 'select count(*) from unbalanced')"

# A fault that another vCPU mends while its handler is stopped: both go on.
cat >"$work/both.lua" <<'END'
local r
local function sweep(cpu) for i = 0, 399 do cpu:store(r, i * 4096) cpu:compute(100) end end
guest(function(cpu) r = cpu:map { bytes = 400 * 4096, page = "base", backing = "host_touch" } sweep(cpu) end)
guest { vcpu = 1, shares = 0, run = function(cpu) while not r do cpu:compute(1000) end sweep(cpu) end }
END
for how in "" "--set host.dirty_log.method=write_protect --set host.dirty_log.interval=100" "--set cpu.window=64" "--machine zen3_milan_kvm" "--machine neoverse_n1_kvm"; do
    rm -f "$db"
    # shellcheck disable=SC2086
    ok "two that fault on the same pages $how" "$VIRTSIM" run "$work/both.lua" --quiet --db "$db" --set host.cpus=1 --set host.slice_us=5 --set host.preemption=full $how
    equal "some are stopped $how" yes "$(query "select 'yes' from counter where name = 'sched.preempted_in_path' and value > 20 limit 1")"
    equal "and the books add up $how" 0 "$(query 'select count(*) from unbalanced')"
done
finish
