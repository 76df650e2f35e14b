#!/bin/sh
# SPDX-License-Identifier: MIT
# Many tenants on one adapter, and many packets on one function: what each has stands under its own name, what they share
# gets scarcer with their number, and a batch shares what it has in common.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/t.db
last="run = (select max(run) from run)"
tenants() { "$VIRTSIM" run "$VIRTSIM_HOME/workloads/multi_tenant.lua" --quiet --db "$db" --set workload.packets=60 --set workload.warmup=20 "$@"; }
missed() { sql "select cast(1000 * (select value from counter where name = 'iommu.iotlb.misses' and $last) / (select value from counter where name = 'iommu.requests' and $last) as integer)"; }
before=-1
for n in 1 8 64; do
    ok "$n tenants" tenants --set workload.tenants=$n
    equal "$n tenants: each has a function and a vCPU of its own" "$n|$n" "$(sql "select count(distinct case when actor like 'nic0/vf%' then actor end) || '|' || count(distinct case when op = 'timeline' and actor like 'vcpu%' then actor end) from op where $last")"
    equal "$n tenants: each has its packets" "$n" "$(sql "select count(*) from op where op = 'packet.rx' and n >= 60 and $last")"
    equal "$n tenants: and its translations" "$n" "$(sql "select count(*) from op where op = 'iommu.translate' and actor like 'nic0/vf%' and n > 0 and $last")"
    equal "$n tenants: the books balance" 0 "$(sql "select count(*) from unbalanced where $last")"
    now=$(missed)
    equal "$n tenants: the IOTLB misses more often" 1 "$((now > before))"
    before=$now
done
equal "most of the time in the end" 1 "$((before > 300))"
ok "a larger IOTLB" tenants --set workload.tenants=64 --set iommu.iotlb.entries=4096 --set iommu.iotlb.ways=0
equal "misses what it has never seen" 1 "$(($(missed) < before / 3))"
ok "large host pages" tenants --set workload.tenants=64 --set host.page_size=2M --set guest.frames=contiguous
equal "miss less often, too" 1 "$(($(missed) < before))"
for machine in zen2_rome_kvm neoverse_n1_kvm; do
    ok "$machine" tenants -m $machine
done
ok "a larger window" tenants --set workload.window=4
refused "more tenants than vCPUs" 2 "1..64" tenants --set workload.tenants=65

# tenants of several vCPUs: receive-side scaling spreads each tenant's clients over its function's queues
for machine in skylake_sp_kvm zen2_rome_kvm neoverse_n1_kvm; do
    ok "$machine: three tenants of four vCPUs" tenants -m $machine --set workload.tenants=3 --set workload.queues=4 --set workload.packets=200
    equal "$machine: every queue of every function has packets" 12 "$(sql "select count(*) from op where op = 'packet.rx' and actor like 'nic0/vf_/q_' and n > 10 and $last")"
    equal "$machine: and a vCPU of its own, which its interrupts reach" 12 "$(sql "select count(distinct actor) from op where op = 'irq.delivery' and n > 2 and $last")"
    equal "$machine: each tenant has its packets" "vf0 vf1 vf2" "$(sql "select group_concat(vf, ' ') from (select substr(actor, 6, 3) as vf, sum(n) as packets from op where op = 'packet.rx' and $last group by vf having packets >= 180 order by vf)")"
    equal "$machine: one function's DMAs for all of its queues" 3 "$(sql "select count(distinct actor) from op where op = 'dma.write' and actor like 'nic0/%' and $last")"
    equal "$machine: nothing is blocked, and the books balance" "0|0" "$(sql "select coalesce(sum(value), 0) || '|' || (select count(*) from unbalanced where $last) from counter where name in ('nic.dma_blocked', 'iommu.faults') and $last")"
done
ok "warm-up is not needed" tenants --set workload.tenants=2 --set workload.queues=2 --set workload.warmup=0
ok "one client" tenants --set workload.tenants=1 --set workload.queues=2 --set workload.flows=1
equal "is served by one vCPU" 1 "$(sql "select count(*) from op where op = 'packet.rx' and n > 0 and $last")"
printf 'workload "t"\nfor i = 0, 3 do guest { vcpu = i, run = function(cpu) cpu:compute(10) cpu:ipi(i ~ 1) end } end\n' >"$work/pairs.lua"
ok "vCPUs of a machine reach each other" "$VIRTSIM" run "$work/pairs.lua" --quiet --db "$db" --set guest.vms=each --set guest.vcpus=2
refused "those of machines of one vCPU do not" 1 "another virtual machine" "$VIRTSIM" run "$work/pairs.lua" --quiet --db "$db" --set guest.vms=each
ok "a recording of such tenants" tenants --set workload.tenants=2 --set workload.queues=2 --record "$work/t.vst"
rows="select actor, n, total_ps from op where op like 'packet.%' and $last order by 1, 2"
before=$(sql "$rows")
ok "is replayed" "$VIRTSIM" replay "$work/t.vst" --quiet --db "$db"
equal "with the same packets" "$before" "$(sql "$rows")"
refused "more vCPUs than there are" 2 "80 vCPUs" tenants --set workload.tenants=20 --set workload.queues=4
refused "more requests than there are" 2 "512 requests" tenants --set workload.queues=2 --set workload.window=32

small() { "$VIRTSIM" run "$VIRTSIM_HOME/workloads/small_packets.lua" --quiet --db "$db" --set workload.packets=1000 --set workload.warmup=200 "$@"; }
counter() { sql "select coalesce(sum(value), 0) from counter where name = '$1' and $last"; }
# the shortest frame: 60 bytes and a check of 4 on the wire, with preamble and gap 67.2 ns at 10 Gb/s
wire() { sql "select group_concat(distinct round(ps_each)) from breakdown where item = 'nic.wire' and op in ('packet.rx', 'packet.tx') and $last"; }
ok "small packets" small
equal "fill the shortest frame, both ways" 67200.0 "$(wire)"
ok "one byte more" small --set workload.bytes=19
equal "takes longer" 68000.0 "$(wire)"
for machine in skylake_sp_kvm skylake_sp_native neoverse_n1_kvm; do
    for op in send receive forward; do
        ok "$machine: $op" small -m $machine --set workload.op=$op
        case $op in
            receive) equal "$machine: nothing is sent" 0 "$(counter nic.tx_packets)" ;;
            *) equal "$machine: $op: a doorbell for each batch" 1 "$(($(counter nic.doorbells) * 8 < $(counter nic.tx_packets)))" ;;
        esac
    done
    ok "$machine: one by one" small -m $machine --set workload.op=send --set workload.batch=1
    one=$(sql "select end_ps - roi_ps from run where $last")
    ok "$machine: by 32" small -m $machine --set workload.op=send --set workload.batch=32
    equal "$machine: a batch is faster" 1 "$(($(sql "select end_ps - roi_ps from run where $last") < one))"
done
finish
