#!/bin/sh
# SPDX-License-Identifier: MIT
# A device with a TLB of its own: translation requests over the link, translated requests past the IOMMU's tables,
# invalidations that wait for the device.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/a.db
cd "$VIRTSIM_HOME" || exit 1
native() { # WORKLOAD SETTINGS...
    script=$1
    shift
    run_alone "$script" skylake_sp_native iommu.enabled=1 ats.enabled=1 "$@"
}
count() { sql "select coalesce(sum(value), 0) from counter where name = '$1'"; }
number() { sql "select coalesce(sum(n), 0) from op where op = '$1'"; }
mean() { sql "select coalesce(sum(total_ps) / sum(n), 0) from op where op = '$1'"; }

# each page is asked for once while the TLB holds it (PCIe 10.1)
bench="workloads/pcie_bench.lua skylake_sp_kvm ats.enabled=1 count=2000 warmup=0"
# shellcheck disable=SC2086 # words
for machine in x; do
    ok "a window of 64 pages" run_alone $bench window=262144
    equal "is asked for once" "64 64" "$(count ats.tlb.misses) $(number ats.translate)"
    equal "everything else comes translated" 2000 "$(count iommu.ats.translated)"
    equal "sums" "" "$(sql 'select * from unbalanced')"
    hit=$(mean dma.read)
    ok "of twice that" run_alone $bench window=524288
    ok "misses about half the time" test "$(count ats.tlb.misses)" -gt 800
    equal "each miss is an operation" "$(count ats.tlb.misses)" "$(number ats.translate)"
    ok "which the IOMMU takes part in" test "$(sql "select sum(n) from child where op = 'ats.translate' and child = 'iommu.translate'")" -gt 800
    ok "the same without" run_alone workloads/pcie_bench.lua skylake_sp_kvm count=2000 warmup=0 window=524288
    ok "a translated read takes less than one that misses the IOTLB" test "$hit" -lt "$(mean dma.read)"
done
ok "host pages of 2 MiB" run_alone workloads/pcie_bench.lua skylake_sp_kvm ats.enabled=1 count=2000 warmup=0 window=1048576 pages=2M guest.frames=contiguous host.page_size=2M
ok "are one translation each" test "$(count ats.tlb.misses)" -le 2

# who unmaps waits for the device (PCIe 10.3)
ok strict native workloads/dma_map.lua dma.mode=strict buffers=200
equal "each submission invalidates in the unit and in the device" "200 200 600" "$(number dma.flush) $(number ats.invalidate) $(count iommu.invalidations)"
equal "sums" "" "$(sql 'select * from unbalanced')"
with=$(mean dma.flush)
ok "with a slower device" native workloads/dma_map.lua dma.mode=strict buffers=200 ats.invalidation.latency=1200ns
equal "by just as much" $((with + 1000000)) "$(mean dma.flush)"
ok "without one" run_alone workloads/dma_map.lua skylake_sp_native iommu.enabled=1 dma.mode=strict buffers=200
ok "that is cheaper" test "$(mean dma.flush)" -lt "$with"
for attack in unmapped readonly beyond; do
    ok "strict, $attack: nothing" native workloads/dma_attack.lua attack=$attack verdict=nothing dma.mode=strict iommu.interrupt_remapping=1
done
ok "lazy" native workloads/dma_attack.lua attack=unmapped dma.mode=lazy iommu.interrupt_remapping=1
equal "has its window, in the device" 0 "$(count dma_engine.refused)"
ok "10 ms later nothing is reached" native workloads/dma_attack.lua attack=unmapped dma.mode=lazy iommu.interrupt_remapping=1 wait_us=10001 verdict=nothing
ok "a guest's own IOMMU, nested" run_alone workloads/dma_attack.lua skylake_sp_kvm iommu.mode=scalable dma.viommu=nested dma.mode=strict ats.enabled=1 attack=unmapped verdict=nothing
for machine in skylake_sp_kvm zen3_milan_kvm neoverse_n1_kvm; do
    ok "$machine: packets" run_alone workloads/udp_echo.lua $machine ats.enabled=1 packets=200 warmup=20
    equal "$machine: none is lost, sums" "0 0" "$(count nic.dma_blocked) $(sql 'select count(*) from unbalanced')"
done
refused "a device that never answers" 1 "within a minute" "$VIRTSIM" run workloads/dma_map.lua -m skylake_sp_native --set iommu.enabled=1 --set ats.enabled=1 --set dma.mode=strict --set ats.invalidation.latency=61s --no-store
refused "nobody to ask" 2 "iommu.enabled = 1" "$VIRTSIM" run workloads/udp_echo.lua -m skylake_sp_native --set ats.enabled=1 --no-store
refused "nothing to ask for" 2 "dma.mode = passthrough" "$VIRTSIM" run workloads/udp_echo.lua -m skylake_sp_native --set iommu.enabled=1 --set ats.enabled=1 --set dma.mode=passthrough --no-store
# the capability and its enable bit (PCIe 10.5.1): found by walking the list, cleared, set again
cat >"$work/bit.lua" <<'LUA'
param { name = "off", default = 1 }
guest(function(cpu, p)
  local r = cpu:map { bytes = 65536, page = "2M" }
  cpu:stride { region = r, stride = 64, op = "store" }
  local function transfers() cpu:dma { region = r, bytes = 64, count = 100, order = "sequential" } end
  transfers()
  local at = 0x100
  while at ~= 0 and cpu:pci_read(at, 2) ~= 0x0f do at = cpu:pci_read(at + 2, 2) >> 4 end
  if at == 0 then error("no ATS capability", 0) end
  if cpu:pci_read(at + 6, 2) ~= 0x8000 then error("nobody has enabled it", 0) end
  cpu:mark("roi")
  if p.off == 1 then cpu:pci_write(at + 6, 0, 2) end
  if p.off == 2 then cpu:pci_write(at + 6, 0, 2) cpu:pci_write(at + 6, 0x8000, 2) end
  transfers()
end)
LUA
bit() { run_alone "$work/bit.lua" "$@"; }
ok "a function that is enabled" bit skylake_sp_native iommu.enabled=1 ats.enabled=1 dma.mode=static off=0
equal "has its translations" "0 100" "$(count ats.tlb.misses) $(count iommu.ats.translated)"
ok "one that is not" bit skylake_sp_native iommu.enabled=1 ats.enabled=1 dma.mode=static off=1
equal "asks for none, and the unit translates" "0 0 100" "$(count ats.tlb.misses) $(count iommu.ats.translated) $(count iommu.requests)"
ok "one that was off" bit skylake_sp_native iommu.enabled=1 ats.enabled=1 dma.mode=static off=2
ok "has forgotten what it had" test "$(count ats.tlb.misses)" -gt 0
equal "and goes on" 100 "$(count iommu.ats.translated)"
ok "a guest" bit skylake_sp_kvm ats.enabled=1 off=1
equal "does not switch it off" 100 "$(count iommu.ats.translated)"
refused "an adapter without" 1 "no ATS capability" "$VIRTSIM" run "$work/bit.lua" -m skylake_sp_native --no-store
equal "sums" "" "$(sql 'select * from unbalanced')"

ok "a recording" "$VIRTSIM" run workloads/pcie_bench.lua --set ats.enabled=1 --set workload.count=100 --set workload.warmup=0 --record "$work/r.vsr" --quiet --db "$work/r.db"
ok "replays" "$VIRTSIM" replay "$work/r.vsr" --quiet --db "$work/r.db"
equal "with the same rows" 1 "$(sqlite3 "$work/r.db" "select count(distinct total_ps) from op where op = 'ats.translate'")"
finish
