#!/bin/sh
# SPDX-License-Identifier: MIT
# A setting that cannot have an effect on the machine is carried out, and its user told what it needs.
. "$VIRTSIM_HOME/tests/lib.inc"

# idle MACHINE KNOB=VALUE WHY
idle() {
    "$VIRTSIM" run workloads/gups.lua -m "$1" --set "$2" --dry-run >"$work/out" 2>"$work/err"
    equal "$2 on $1: carried out" 0 $?
    equal "$2 on $1: told of" "virtsim: warning: --set: $2 has no effect on this machine: $3" "$(cat "$work/err")"
}
idle skylake_sp_native iommu.iotlb.entries=64 "iommu.enabled is 0, and must be 1"
idle skylake_sp_native ept.nested_tlb.entries=8 "paging.mode is native, and must be ept|npt|stage2"
idle skylake_sp_native hypervisor.cpu_id.search.instructions=9 "paging.mode is native"
idle skylake_sp_kvm shadow.roots=2 "paging.mode is ept, and must be shadow"
idle skylake_sp_kvm cpu.load_queue=40 "cpu.window is 0"
idle skylake_sp_kvm guest.granule=16K "guest.format is x86, and must be arm"
idle haswell_ep_kvm ept.l2_tlb_1g.ways=2 "ept.l2_tlb_1g.entries is 0"
idle zen2_rome_kvm memory.llc.ddio_ways=3 "memory.ddio is 0, and must be 1"
idle zen2_rome_kvm ept.accessed_dirty=0 "paging.mode is npt, and must be ept|stage2"

# What it needs may be set beside it, in any order.
for with in "shadow.roots=2 paging.mode=shadow" "cpu.load_queue=40 cpu.window=64" "memory.llc.ddio_ways=3 memory.ddio=1"; do
    "$VIRTSIM" run workloads/gups.lua -m zen2_rome_kvm --set "${with% *}" --set "${with#* }" --dry-run >"$work/out" 2>"$work/err"
    equal "$with" "0 " "$? $(cat "$work/err")"
done
# What a machine's file says is no setting.
"$VIRTSIM" run workloads/gups.lua -m skylake_sp_native --dry-run >"$work/out" 2>"$work/err"
equal "a machine's own values are no setting" "" "$(cat "$work/err")"
finish
