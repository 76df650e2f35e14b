#!/bin/sh
# SPDX-License-Identifier: MIT
# Memory that devices see: a virtual machine's by host page at guest-physical addresses; a kernel's own mappings on
# bare metal, strict, lazy and pass-through, with invalidations that runs reach; and what a device reaches that it was
# not given.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/d.db
cd "$VIRTSIM_HOME" || exit 1
native() { # WORKLOAD MODE SETTINGS...
    script=$1 mode=$2
    shift 2
    run_alone "$script" skylake_sp_native iommu.enabled=1 dma.mode="$mode" "$@"
}
count() { sqlite3 "$db" "select coalesce(sum(value), 0) from counter where name = '$1'"; }
mean() { sqlite3 "$db" "select coalesce(sum(total_ps) / sum(n), 0) from op where op = '$1'"; }
times() { sqlite3 "$db" "select coalesce(sum(n), 0) from op where op = '$1'"; }

# mapped and unmapped by mode
ok "strict" native workloads/dma_map.lua strict buffers=500
equal "each unmapping is a submission" "500 500" "$(times dma.unmap) $(times dma.flush)"
equal "of two descriptors: what is dropped, and the wait" "1000 500" "$(count iommu.invalidations) $(times iommu.invalidate)"
strict=$(mean dma.unmap)
equal "nothing differs from its parts" "" "$(sqlite3 "$db" 'select * from unbalanced')"
ok "lazy, without its timer" native workloads/dma_map.lua lazy warmup=32 buffers=1021 dma.deferred.us=10000000
equal "255 unmappings share one" "1021 1021 4" "$(times dma.unmap) $(count dma.deferred) $(times dma.flush)"
ok "lazy is cheaper" test "$(mean dma.unmap)" -lt "$strict"
ok "a smaller queue" native workloads/dma_map.lua lazy warmup=32 buffers=1021 dma.deferred.us=10000000 dma.deferred.entries=128
equal "127 share one" 8 "$(times dma.flush)"
ok "a timer of 50 us" native workloads/dma_map.lua lazy buffers=1021 dma.deferred.us=50
ok "has them invalidated earlier" test "$(count dma.flushes.timed)" -ge 2
for mode in static passthrough; do
    ok $mode native workloads/dma_map.lua $mode live=1
    equal "$mode: nothing is mapped piece by piece" "0 0" "$(times dma.map) $(count iommu.invalidations)"
done
ok "freed addresses are given out again" native workloads/dma_map.lua strict buffers=500 warmup=0
ok "so that the tree is asked for those only that live at one time" test "$(count dma.addresses.fresh)" -le 32
ok "2 MiB in small pages" native workloads/dma_map.lua strict buffers=4 warmup=0 live=1 bytes=2097152
equal "are 512 entries" 2048 "$(count dma.pages)"

# the lock of the queue is held for as long as it is held: from the first, cold submission on nobody waits for itself
for machine in skylake_sp_native neoverse_n1_native; do
    ok "$machine: alone from the first submission on" run_alone workloads/dma_map.lua $machine iommu.enabled=1 dma.mode=strict buffers=60 warmup=20
    equal "$machine: one processor waits for nobody" "" "$(sqlite3 "$db" "select sum(n) from part where account = 'dma.queue_lock'")"
done
ok "guests with IOMMUs of their own" run_alone workloads/dma_map.lua skylake_sp_kvm iommu.mode=scalable dma.viommu=nested dma.mode=strict cores=4 buffers=60 guest.vms=each nic.vfs=4
equal "have locks of their own" "" "$(sqlite3 "$db" "select sum(n) from part where account = 'dma.queue_lock'")"
ok "the vCPUs of one guest" run_alone workloads/dma_map.lua skylake_sp_kvm iommu.mode=scalable dma.viommu=nested dma.mode=strict cores=4 buffers=60 nic.vfs=4
ok "share one" test "$(sqlite3 "$db" "select sum(n) from part where account = 'dma.queue_lock'")" -gt 0

# several processors: one queue
for cores in 1 4 8; do
    ok "$cores processors" native workloads/dma_map.lua strict cores=$cores nic.vfs=8 buffers=300
    eval "flush$cores=\$(mean dma.flush)"
done
ok "wait for each other" test "$flush4" -gt "$flush1"
ok "the more the longer" test "$flush8" -gt "$flush4"
ok "a submission that holds the lock for long" native workloads/dma_map.lua strict cores=8 nic.vfs=8 buffers=300 guest.flush_device.submit.instructions=2000
ok "makes them wait at the lock, too" test "$(sqlite3 "$db" "select sum(total_ps) from part where account = 'dma.queue_lock'")" -gt 0
equal "which lies in what a flush takes" "" "$(sqlite3 "$db" 'select * from unbalanced')"

# packets
for mode in strict lazy passthrough static; do
    ok "packets, $mode" native workloads/udp_echo.lua $mode packets=600 warmup=100
    eval "maps_$mode=$(times dma.map) flushes_$mode=$(times dma.flush)"
    equal "$mode: no DMA is blocked" "0 0" "$(count iommu.faults) $(count nic.dma_blocked)"
done
ok "each sent packet's buffer is mapped" test "$maps_strict" -ge 590
equal "in both modes" "$maps_strict" "$maps_lazy"
ok "and invalidated by itself or with others" test "$flushes_strict" -gt $((50 * flushes_lazy))
equal "nothing where all is mapped" "0 0" "$maps_static $maps_passthrough"
ok "received ones too, where their pages are not used again" native workloads/udp_echo.lua strict packets=600 warmup=100 dma.receive=mapped
ok "then there are twice as many" test "$(times dma.map)" -ge $((2 * maps_strict - 20))

# what a device reaches
for machine in skylake_sp_kvm zen3_milan_kvm neoverse_n1_kvm; do
    for attack in beyond interrupts; do
        ok "$machine, $attack: nothing" run_alone workloads/dma_attack.lua $machine attack=$attack verdict=nothing
    done
    ok "faults are counted" test "$(count iommu.interrupt_faults)" -eq 16
done
equal "beyond its memory every transfer is refused" 512 "$(run_alone workloads/dma_attack.lua skylake_sp_kvm attack=beyond && count dma_engine.refused)"
equal "and is a fault" 512 "$(count iommu.faults)"
attack() { native workloads/dma_attack.lua "$@" iommu.interrupt_remapping=1; }
ok "strict: nothing at all" attack strict verdict=nothing
ok "lazy: nothing that it may only read" attack lazy attack=readonly verdict=nothing
ok "lazy: a buffer just unmapped is reached" attack lazy attack=unmapped
equal "by both transfers" 0 "$(count dma_engine.refused)"
ok "and 9 ms later" attack lazy attack=unmapped wait_us=9000
equal "it still is" 0 "$(count dma_engine.refused)"
ok "10 ms later nothing is" attack lazy attack=unmapped wait_us=10001 verdict=nothing
refused "the verdict of the window" 1 "unmapped: 2 attacks reached something" "$VIRTSIM" run workloads/dma_attack.lua -m skylake_sp_native --set iommu.enabled=1 --set workload.attack=unmapped --set workload.verdict=nothing --no-store
refused "without remapping of interrupts" 1 "interrupts: 16 attacks" "$VIRTSIM" run workloads/dma_attack.lua -m skylake_sp_native --set iommu.enabled=1 --set workload.attack=interrupts --set workload.verdict=nothing --no-store

# a machine's memory, by host page; a guest whose frames lie in a row has its buffers in few large ones
ok "host pages of 2 MiB" run_alone workloads/udp_echo.lua skylake_sp_kvm packets=600 warmup=100 guest.frames=contiguous host.page_size=2M
large=$(count iommu.iotlb.misses)
ok "of 4 KiB" run_alone workloads/udp_echo.lua skylake_sp_kvm packets=600 warmup=100 guest.frames=contiguous
ok "the larger, the fewer misses of the IOTLB" test $((5 * large)) -lt "$(count iommu.iotlb.misses)"
ok "small pieces of large host pages" run_alone workloads/udp_echo.lua skylake_sp_kvm packets=600 warmup=100 guest.frames=contiguous host.page_size=2M iommu.superpages=0
ok "where the unit has no others" test "$(count iommu.iotlb.misses)" -gt $((5 * large))
cat >"$work/gpa.lua" <<'EOF'
guest(function(cpu)
  local r = cpu:map { bytes = 4096, backing = "populate" }
  local a = cpu:dma_map(r)
  if a >= 1 << 32 or cpu:device { address = a } ~= 1 then error("not at its guest-physical address", 0) end
  local late = cpu:map { bytes = 4096, backing = "touch" }
  cpu:store(late)
  if cpu:device { address = cpu:dma_map(late) } ~= 1 then error("a page that came later is not mapped", 0) end
end)
EOF
ok "a guest's page is where the guest has it, and so is one that came later" run_alone "$work/gpa.lua" skylake_sp_kvm
equal "without any work of the guest's" 0 "$(count dma.maps)"

# bad input
refused "a guest that would map" 2 "no IOMMU of its own" "$VIRTSIM" run workloads/udp_echo.lua -m skylake_sp_kvm --set dma.mode=strict --no-store
refused "mapping without an IOMMU" 2 "iommu.enabled = 1" "$VIRTSIM" run workloads/udp_echo.lua -m skylake_sp_native --set dma.mode=lazy --no-store
printf 'guest(function(cpu) cpu:dma_unmap(cpu:map { bytes = 4096 }, 8) end)\n' >"$work/u.lua"
refused "what was not mapped" 1 "nothing is mapped from there on" "$VIRTSIM" run "$work/u.lua" --no-store
printf 'guest(function(cpu) cpu:device { address = 1, bytes = 0 } end)\n' >"$work/v.lua"
refused "no bytes" 1 "bytes must be 1" "$VIRTSIM" run "$work/v.lua" --no-store
ok "a recording of it" "$VIRTSIM" run workloads/dma_map.lua -m skylake_sp_native --set iommu.enabled=1 --set dma.mode=strict --set workload.buffers=50 --record "$work/r.vsr" --quiet --db "$work/r.db"
ok "replays" "$VIRTSIM" replay "$work/r.vsr" --quiet --db "$work/r.db"
equal "with the same rows" 1 "$(sqlite3 "$work/r.db" "select count(distinct total_ps) from op where op = 'dma.unmap'")"
finish
