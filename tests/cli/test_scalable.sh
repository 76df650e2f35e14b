#!/bin/sh
# SPDX-License-Identifier: MIT
# VT-d's scalable mode: first level on bare metal, second level for guests, nested where a guest has an IOMMU of its own,
# whose invalidations exit; the length of walks as a law.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/s.db
cd "$VIRTSIM_HOME" || exit 1
run() { # WORKLOAD MACHINE SETTINGS...
    workload=$1 machine=$2
    shift 2
    run_alone "$workload" "$machine" iommu.mode=scalable "$@"
}
native() { # WORKLOAD SETTINGS...
    script=$1
    shift
    run "$script" skylake_sp_native iommu.enabled=1 "$@"
}
nested() { # WORKLOAD MACHINE SETTINGS...
    script=$1 machine=$2
    shift 2
    run "$script" "$machine" dma.viommu=nested "$@"
}
count() { sql "select coalesce(sum(value), 0) from counter where name = '$1'"; }
number() { sql "select coalesce(sum(n), 0) from op where op = '$1'"; }
mean() { sql "select coalesce(sum(total_ps) / sum(n), 0) from op where op = '$1'"; }
whole() { equal "$1: sums, no fault" "0" "$(sql 'select count(*) from unbalanced')$(count iommu.faults | sed 's/^0$//')"; }
nopwc="iommu.pwc.l4.entries=0 iommu.pwc.l3.entries=0 iommu.pwc.l2.entries=0"
walks() { echo "$(count iommu.iotlb.misses) $(count iommu.walk.first_refs) $(count iommu.walk.refs)"; }
times_of() { m=$(count iommu.iotlb.misses) && echo "$m $(($1 * m)) $(($2 * m))"; }

# the length of walks without caches (VT-d 3.6, 3.7, 3.8)
# shellcheck disable=SC2086 # words
{
    ok "bare metal" native workloads/udp_echo.lua packets=200 warmup=0 dma.mode=static $nopwc
    equal "translates by the first level: 4 references" "$(times_of 4 0)" "$(walks)"
    whole "first level"
    ok "a unit without it" native workloads/udp_echo.lua packets=200 warmup=0 dma.mode=static iommu.first_level=0 $nopwc
    equal "by the second: 4" "$(times_of 0 4)" "$(walks)"
    ok "a guest" run workloads/udp_echo.lua skylake_sp_kvm packets=200 warmup=0 $nopwc
    equal "by the second" "$(times_of 0 4)" "$(walks)"
    ok "a guest with an IOMMU of its own" nested workloads/udp_echo.lua skylake_sp_kvm packets=200 warmup=0 $nopwc
    equal "by both: 4 and 5 times 4" "$(times_of 4 20)" "$(walks)"
    whole nested
    ok "host pages of 2 MiB" nested workloads/udp_echo.lua skylake_sp_kvm packets=200 warmup=0 host.page_size=2M $nopwc
    equal "are found with 15" "$(times_of 4 15)" "$(walks)"
}
ok "pass-through" native workloads/udp_echo.lua packets=200 warmup=0 dma.mode=passthrough
equal "walks nothing" "0 0 0" "$(walks)"
whole pass-through
ok "first-level entries are marked as they are used and written" native workloads/udp_echo.lua packets=50 warmup=0
ok "by the unit" test "$(count iommu.walk.marks)" -gt 0

# the DMA API by the first level: as many submissions, PASID-based ones
ok "strict" native workloads/dma_map.lua buffers=500 dma.mode=strict
equal "each unmapping is a submission of two descriptors" "500 500 1000" "$(number dma.unmap) $(number dma.flush) $(count iommu.invalidations)"
for attack in unmapped readonly beyond; do
    ok "strict, $attack: nothing" native workloads/dma_attack.lua attack=$attack verdict=nothing dma.mode=strict iommu.interrupt_remapping=1
done
ok "lazy" native workloads/dma_attack.lua attack=unmapped dma.mode=lazy iommu.interrupt_remapping=1
equal "has its window" 0 "$(count dma_engine.refused)"

# a guest's own IOMMU, nested: mapping is the guest's alone, each submission exits
for machine in skylake_sp_kvm zen3_milan_kvm neoverse_n1_kvm; do
    ok "$machine, strict" nested workloads/dma_map.lua $machine buffers=300 dma.mode=strict
    equal "$machine: each unmapping is an exit" "300 300 300" "$(number dma.unmap) $(number dma.flush) $(count dma.viommu.flushes)"
    equal "$machine: mapping needs none" 300 "$(number dma.map)"
    whole "$machine"
    ok "$machine: what it took away nobody reaches" nested workloads/dma_attack.lua $machine attack=unmapped verdict=nothing dma.mode=strict
    ok "$machine: nor what it may only read" nested workloads/dma_attack.lua $machine attack=readonly verdict=nothing dma.mode=strict
done
ok "strict" nested workloads/dma_map.lua skylake_sp_kvm buffers=300 dma.mode=strict
strict=$(mean dma.flush)
rounds() { echo $(($(sql "select coalesce(sum(n), 0) from part where account = 'hypervisor.$1'") / $(sql "select value from knob where path = 'hypervisor.$1.instructions'"))); }
equal "user space reads two descriptors, and hands one on" "300 600 300" "$(rounds viommu_submit.tail) $(rounds viommu_descriptor.process) $(rounds viommu_ioctl.vfio)"
equal "no table is walked, nothing is mapped for it" "0 0" "$(rounds viommu_entry.walk) $(number vfio.map)"
ok "the same on bare metal" native workloads/dma_map.lua buffers=300 dma.mode=strict
ok "without the exit it is several times cheaper" test "$strict" -gt $((3 * $(mean dma.flush)))
ok "lazy" nested workloads/dma_map.lua skylake_sp_kvm warmup=32 buffers=1021 dma.deferred.us=10000000
equal "255 share one exit" "1021 4 4" "$(number dma.unmap) $(number dma.flush) $(count dma.viommu.flushes)"
ok "packets, strict" nested workloads/udp_echo.lua skylake_sp_kvm packets=300 warmup=50 dma.mode=strict
whole packets
ok "transfers over a window" nested workloads/pcie_bench.lua skylake_sp_kvm window=1048576 count=400 warmup=40
whole window
ok "a recording" "$VIRTSIM" run workloads/dma_map.lua --set iommu.mode=scalable --set dma.viommu=nested --set dma.mode=strict --set workload.buffers=50 --record "$work/r.vsr" --quiet --db "$work/r.db"
ok "replays" "$VIRTSIM" replay "$work/r.vsr" --quiet --db "$work/r.db"
equal "with the same rows" 1 "$(sqlite3 "$work/r.db" "select count(distinct total_ps) from op where op = 'dma.unmap'")"

# a device has its PASID entry cached, and a small cache misses
ok "no PASID cache" native workloads/udp_echo.lua packets=50 warmup=0 iommu.pasid_cache.entries=0
equal "misses always" "0" "$(count iommu.pasid_cache.hits)"

refused "nested without scalable mode" 2 "iommu.mode = scalable" "$VIRTSIM" run workloads/udp_echo.lua --set dma.viommu=nested --no-store
refused "nested on bare metal" 2 "a machine with a hypervisor" "$VIRTSIM" run workloads/udp_echo.lua -m skylake_sp_native --set iommu.enabled=1 --set iommu.mode=scalable --set dma.viommu=nested --no-store
refused "nested without a first level" 2 "iommu.first_level = 1" "$VIRTSIM" run workloads/udp_echo.lua --set iommu.mode=scalable --set iommu.first_level=0 --set dma.viommu=nested --no-store
refused "nested and pass-through" 2 "dma.mode = passthrough" "$VIRTSIM" run workloads/udp_echo.lua --set iommu.mode=scalable --set dma.mode=passthrough --set dma.viommu=nested --no-store
finish
