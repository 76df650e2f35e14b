#!/bin/sh
# SPDX-License-Identifier: MIT
# Shared virtual addressing: a device reads and writes a process's memory at its own addresses, by requests with PASID
# (VT-d specification 3.x, 3.4.3, 3.6, 6.5.2; PCI Express Base Specification 4.0, 6.20; Linux drivers/iommu/intel/svm.c).
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/s.db
cd "$VIRTSIM_HOME" || exit 1
on="iommu.enabled=1 iommu.mode=scalable ats.pasid.width=20"
shared() { # SETTINGS...
    # shellcheck disable=SC2086 # words
    run_alone workloads/shared_addresses.lua skylake_sp_native $on "$@"
}
count() { sql "select coalesce(sum(value), 0) from counter where name = '$1'" | cut -d. -f1; }
number() { sql "select coalesce(sum(n), 0) from op where op = '$1'"; }
mean() { sql "select coalesce(sum(total_ps) / sum(n), 0) from op where op = '$1'"; }

ok "without a TLB of the device" shared
equal "sums; nothing is refused" "0 0 0" "$(sql 'select count(*) from unbalanced') $(count iommu.faults) $(count dma_engine.refused)"
equal "bound and unbound once, told of each page" "1 1 16" "$(number sva.bind) $(number sva.unbind) $(number sva.changed)"
equal "a submission for each page, two for the end" 18 "$(number dma.flush)"
equal "whose wait makes it two descriptors" 36 "$(count iommu.invalidations)"
equal "pages, and three tables above them, are marked when they are first used; the processor marks its own" 67 "$(count iommu.walk.marks)"
alone=$(mean sva.changed)

ok "with one" shared ats.enabled=1
equal "it is told, too" "17 17" "$(number ats.invalidate) $(count iommu.ats.invalidations)"
ok "which takes its time" test "$(mean sva.changed)" -gt "$alone"
ok "a slower device" shared ats.enabled=1 ats.invalidation.latency=5us
ok "takes more" test "$(mean sva.changed)" -gt $((alone + 5000000))

for ats in 0 1; do
    ok "attacks reach nothing, ats.enabled = $ats" shared attack=all ats.enabled=$ats
    ok "and are recorded as faults, ats.enabled = $ats" test "$(count iommu.faults)" -gt 0
done
ok "three processes, a function each: PASIDs of others" shared attack=pasid cores=3 nic.vfs=3
ok "a narrow capability" shared ats.pasid.width=8 attack=width
equal "nothing beyond it is sent" "128 0" "$(count dma_engine.withheld) $(count iommu.faults)"
ok "a wide one" shared attack=width
equal "the unit refuses it" "0 128" "$(count dma_engine.withheld) $(count iommu.faults)"

# in a guest: its process's tables are the first level, its host's second level lies behind them
guest() { # SETTINGS...
    run_alone workloads/shared_addresses.lua skylake_sp_kvm iommu.mode=scalable dma.viommu=nested ats.pasid.width=20 "$@"
}
ok "a guest's process" guest
equal "sums; nothing is refused" "0 0 0" "$(sql 'select count(*) from unbalanced') $(count iommu.faults) $(count dma_engine.refused)"
equal "bound and unbound once, told of each page" "1 1 16" "$(number sva.bind) $(number sva.unbind) $(number sva.changed)"
equal "each submission exits: two more than on bare metal, as an entry that becomes present is told in caching mode" "20 20" "$(number dma.flush) $(count dma.viommu.flushes)"
equal "which the host hands on to the unit" 20 "$(number iommu.invalidate)"
ok "entries of the guest's tables are found through the host's" test "$(count iommu.walk.refs)" -gt 0
equal "and marked by the unit" 67 "$(count iommu.walk.marks)"
ok "an exit takes its time" test "$(mean sva.changed)" -gt $((alone + 4000000))
ok "a device with a TLB" guest ats.enabled=1
equal "the host has its translations dropped, too" "18 18" "$(number ats.invalidate) $(count iommu.ats.invalidations)"
ok "which the guest waits for" test "$(mean sva.changed)" -gt $((alone + 4600000))
for ats in 0 1; do
    ok "attacks from a guest reach nothing, ats.enabled = $ats" guest attack=all ats.enabled=$ats
    ok "and are recorded as faults, ats.enabled = $ats" test "$(count iommu.faults)" -gt 0
done
ok "three machines, a process each: PASIDs of others" guest attack=pasid cores=3 nic.vfs=3 guest.vms=each
equal "are nobody's" "186 0" "$(count iommu.faults) $(sql 'select count(*) from unbalanced')"

bind="$work/bind.lua"
echo 'guest(function(cpu) cpu:sva_bind() end)' >"$bind"
say() { # WHAT TEXT SETTINGS...
    what=$1 text=$2
    shift 2
    refused "$what" "$status" "$text" "$VIRTSIM" run "$bind" --no-store "$@"
}
native="-m skylake_sp_native --set iommu.enabled=1"
status=2
# shellcheck disable=SC2086 # words
{
    say "a guest without an IOMMU of its own" "dma.viommu = nested" -m skylake_sp_kvm
    say "one whose IOMMU is emulated" "dma.viommu = nested" -m skylake_sp_kvm --set iommu.mode=scalable --set dma.viommu=emulated
    say "legacy mode" "iommu.mode = scalable" $native
    say "no capability" "set ats.pasid.width = 20" $native --set iommu.mode=scalable
    say "another format" "format of x86" $native --set iommu.mode=scalable --set ats.pasid.width=20 --set guest.levels=5
}
status=1
echo 'guest(function(cpu) cpu:sva_unbind(5) end)' >"$bind"
# shellcheck disable=SC2086 # words
say "a PASID of nobody" "no process of this machine has that PASID" $native --set iommu.mode=scalable --set ats.pasid.width=20
finish
