#!/bin/sh
# SPDX-License-Identifier: MIT
# An emulated IOMMU of a guest's own in caching mode (VT-d specification 6.1; QEMU's intel-iommu): each mapping and each
# invalidation exits, user space walks the guest's tables and has VFIO map and unmap what has changed.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/v.db
cd "$VIRTSIM_HOME" || exit 1
emulated() { # WORKLOAD MACHINE SETTINGS...
    script=$1 machine=$2
    shift 2
    run_alone "$script" "$machine" dma.viommu=emulated "$@"
}
count() { sql "select coalesce(sum(value), 0) from counter where name = '$1'" | cut -d. -f1; }
number() { sql "select coalesce(sum(n), 0) from op where op = '$1'"; }
mean() { sql "select coalesce(sum(total_ps) / sum(n), 0) from op where op = '$1'"; }
whole() { equal "$1: sums, no fault" "0" "$(sql 'select count(*) from unbalanced')$(count iommu.faults | sed 's/^0$//')"; }
rounds() { # PROGRAM.STEP, by the knob of its instructions
    n=$(sql "select coalesce(sum(n), 0) from part where account = 'hypervisor.$1'")
    echo $((n / $(sql "select value from knob where path = 'hypervisor.$1.instructions'")))
}

# strict, which is what Linux does of itself where the unit is in caching mode
for machine in skylake_sp_kvm zen3_milan_kvm haswell_ep_kvm; do
    ok "$machine" emulated workloads/dma_map.lua $machine buffers=300
    equal "$machine: mapping and unmapping exit, one time each" "300 300 600" "$(number dma.map) $(number dma.unmap) $(count dma.viommu.flushes)"
    equal "$machine: each is a request to VFIO" "300 300" "$(number vfio.map) $(number vfio.unmap)"
    equal "$machine: of one page" "300 300" "$(rounds vfio_entry.store) $(rounds vfio_clear.entry)"
    equal "$machine: the physical unit keeps nothing that is not present: what is unmapped is invalidated" "300 600" "$(number iommu.invalidate) $(count iommu.invalidations)"
    equal "$machine: two descriptors, four entries of the guest's a walk" "1200 2400" "$(rounds viommu_descriptor.process) $(rounds viommu_entry.walk)"
    whole "$machine"
done
ok "strict" emulated workloads/dma_map.lua skylake_sp_kvm buffers=300 dma.mode=strict
map=$(mean dma.map) unmap=$(mean dma.unmap)
ok "a unit in scalable mode" emulated workloads/dma_map.lua skylake_sp_kvm buffers=300 iommu.mode=scalable
equal "is used by its second level" "600 300" "$(count dma.viommu.flushes) $(number iommu.invalidate)"
whole scalable
ok "nested" run_alone workloads/dma_map.lua skylake_sp_kvm iommu.mode=scalable dma.viommu=nested dma.mode=strict buffers=300
ok "maps without an exit" test $((20 * $(mean dma.map))) -lt "$map"
ok "and unmaps for less" test "$(mean dma.unmap)" -lt "$unmap"
ok "longer user-space paths" emulated workloads/dma_map.lua skylake_sp_kvm buffers=300 hypervisor.viommu_ioctl.notify.instructions=2000
ok "are longer mappings" test "$(mean dma.map)" -gt "$map"

# lazy: 255 share an exit, whose walk goes over all of the tables; each page is still unmapped by itself
ok "lazy" emulated workloads/dma_map.lua skylake_sp_kvm warmup=32 buffers=1021 dma.mode=lazy dma.deferred.us=10000000
equal "mappings exit, and 4 submissions" "1021 1021 1025" "$(number dma.map) $(number dma.unmap) $(count dma.viommu.flushes)"
equal "each page is a request" "1021" "$(number vfio.unmap)"
walked=$(($(rounds viommu_entry.walk) - 4 * 1021))
equal "a walk of the domain reads whole tables" 0 $((walked % (4 * 512)))
ok "four levels of them at least" test $walked -ge $((4 * 4 * 512))
ok "which is cheaper than strict" test "$(mean dma.unmap)" -lt "$unmap"
whole lazy
ok "static" emulated workloads/dma_map.lua skylake_sp_kvm dma.mode=static live=1
equal "maps before time starts" "0 0 0" "$(number dma.map) $(number vfio.map) $(count dma.viommu.flushes)"

# large pages, sizes, several functions, packets
ok "buffers of 2 MiB" emulated workloads/dma_map.lua skylake_sp_kvm guest.page_size=2M host.page_size=2M bytes=2097152 live=2 buffers=40
equal "are one entry and 512 pages" "40 40 20480" "$(number vfio.map) $(rounds vfio_entry.store) $(count dma.pinned)"
ok "in small pages of the host" emulated workloads/dma_map.lua skylake_sp_kvm guest.page_size=2M bytes=2097152 live=2 buffers=40
equal "are 512 entries of one request" "40 20480 20480" "$(number vfio.map) $(rounds vfio_entry.store) $(count dma.pinned)"
whole large
ok "buffers of 64 KiB" emulated workloads/dma_map.lua skylake_sp_kvm bytes=65536 live=2 buffers=40
equal "share an exit and are 16 requests" "80 640 640" "$(count dma.viommu.flushes) $(number vfio.map) $(number vfio.unmap)"
ok "two guests" emulated workloads/dma_map.lua skylake_sp_kvm cores=2 nic.vfs=2 guest.vms=each buffers=100
equal "share no lock" "" "$(sql "select sum(n) from part where account = 'dma.queue_lock'")"
whole guests
for settings in "" "ats.enabled=1" "dma.receive=mapped" "host.prefault=0"; do
    # shellcheck disable=SC2086 # none or one
    ok "packets $settings" emulated workloads/udp_echo.lua skylake_sp_kvm packets=600 warmup=100 $settings
    ok "$settings: are mapped and unmapped" test "$(number vfio.map)" -gt 0 -a "$(number vfio.unmap)" -gt 0
    whole "packets $settings"
done
ok "transfers over a window" emulated workloads/pcie_bench.lua skylake_sp_kvm window=1048576 count=400 warmup=40
whole window

# isolation: what the guest took away or never gave, no device reaches
for attack in unmapped readonly beyond; do
    ok "strict, $attack: nothing" emulated workloads/dma_attack.lua skylake_sp_kvm attack=$attack verdict=nothing
done
ok "lazy" emulated workloads/dma_attack.lua skylake_sp_kvm attack=unmapped dma.mode=lazy
equal "has its window" 0 "$(count dma_engine.refused)"

# with the life of a function: a container of its own, in which nothing is before the guest maps
ok "a life" emulated workloads/vm_life.lua skylake_sp_kvm dma.assigned_in_time=1 packets=3 guest.memory=64MiB
equal "opens, and unmaps at the end what is mapped" "1 1" "$(number vm.assign) $(number vm.unassign)"
equal "pages let go are those pinned and those of the rings" 1 "$(($(rounds vfio_unpin.put) >= $(count dma.pinned)))"
ok "of the memory only what is mapped" test "$(count dma.pinned)" -lt 1000

ok "a recording" "$VIRTSIM" run workloads/dma_map.lua --set dma.viommu=emulated --set workload.buffers=50 --record "$work/r.vsr" --quiet --db "$work/r.db"
ok "replays" "$VIRTSIM" replay "$work/r.vsr" --quiet --db "$work/r.db"
equal "with the same rows" 1 "$(sqlite3 "$work/r.db" "select count(distinct total_ps) from op where op = 'dma.unmap'")"

deny() { refused "$1" 2 "$2" "$VIRTSIM" run workloads/udp_echo.lua --no-store --set dma.viommu=emulated -m "$3" ${4:+--set "$4"}; }
deny "bare metal" "second dimension" skylake_sp_native iommu.enabled=1
deny "shadow paging" "second dimension" skylake_sp_kvm paging.mode=shadow
deny "Arm" "no programs viommu_submit" neoverse_n1_kvm
deny "another hypervisor" "no programs viommu_submit" skylake_sp_xen
deny "pass-through" "dma.viommu = emulated" skylake_sp_kvm dma.mode=passthrough
refused "a guest that maps without one" 2 "dma.viommu = emulated" "$VIRTSIM" run workloads/udp_echo.lua --no-store --set dma.mode=strict
finish
