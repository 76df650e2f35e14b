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

small() { "$VIRTSIM" run "$VIRTSIM_HOME/workloads/small_packets.lua" --quiet --db "$db" --set workload.packets=1000 --set workload.warmup=200 "$@"; }
counter() { sql "select coalesce(sum(value), 0) from counter where name = '$1' and $last"; }
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
