#!/bin/sh
# SPDX-License-Identifier: MIT
# The processor's vendor decides the world switch and what can be asked of it; its capability words
# are its own.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
db=$work/v.db
edit="run workloads/page_table_edit.lua --db $db --quiet --set workload.edit=remap --set workload.count=3000 --set workload.warmup=500 --set workload.footprint=1MiB --set ept.verify=1"

# shadow tables under SVM: the same exits, left and entered by VMRUN
ok "shadow paging on AMD" "$VIRTSIM" $edit --machine zen2_rome_kvm --set paging.mode=shadow --set shadow.verify=1
for op in exit.excp exit.invlpg; do
    equal "$op is booked as #VMEXIT" 1 "$(sqlite3 "$db" "SELECT count(DISTINCT account) > 8 FROM part WHERE op = '$op' AND account LIKE 'svm.%' AND n > 0")"
done
equal "and nothing as VMX" 0 "$(sqlite3 "$db" "SELECT count(*) FROM part WHERE (account LIKE 'vmcs.exit.%' OR account LIKE 'vmcs.entry.%') AND n > 0")"
equal "every walk is as the tables say" 0 "$(sqlite3 "$db" "SELECT count(*) FROM counter WHERE name LIKE '%disagreements' AND value > 0")"
ok "address spaces under shadow paging on AMD" "$VIRTSIM" run workloads/page_table_edit.lua --db "$db" --quiet --set workload.edit=switch --set workload.count=3000 --set workload.warmup=500 --set workload.footprint=1MiB --machine zen3_milan_kvm --set paging.mode=shadow
equal "MOV to CR3 is a #VMEXIT" 1 "$(sqlite3 "$db" "SELECT count(DISTINCT account) > 8 FROM part WHERE op = 'exit.cr_write' AND account LIKE 'svm.%' AND n > 0")"

# under nested paging nobody needs these exits, but they can be asked for
for how in "invlpg invlpg invlpg" "cr3 cr3_write cr_write"; do
    # shellcheck disable=SC2086 # words
    set -- $how
    ok "$1 intercepted on AMD" "$VIRTSIM" run workloads/exit_microbench.lua --db "$db" --quiet --machine zen2_rome_kvm --set workload.reason=$1 --set svm.intercept.$2=1
    equal "$1: each is a #VMEXIT" 1 "$(sqlite3 "$db" "SELECT count(*) FROM op WHERE op = 'exit.$3' AND n >= 500 AND run = (SELECT max(run) FROM run)")"
done
refused "INVLPG exits on Arm" 2 "el2.trap.tlbi" "$VIRTSIM" run workloads/gups.lua --dry-run --machine neoverse_n1_kvm --set vmcs.control.invlpg_exiting=1

dry="run workloads/gups.lua --dry-run --machine"
refused "EPT on AMD" 2 "does not go with cpu.vendor = amd" "$VIRTSIM" $dry zen2_rome_kvm --set paging.mode=ept
refused "nested paging on Intel" 2 "does not go with cpu.vendor = intel" "$VIRTSIM" $dry skylake_sp_kvm --set paging.mode=npt
refused "shadow paging on Arm" 2 "does not go with cpu.vendor = arm" "$VIRTSIM" $dry neoverse_n1_kvm --set paging.mode=shadow
refused "Arm's tables on AMD" 2 "does not go with cpu.vendor = amd" "$VIRTSIM" $dry zen2_rome_native --set guest.format=arm
for machine in zen2_rome_kvm neoverse_n1_kvm; do
    refused "$machine without tags" 2 "vmcs.control.vpid" "$VIRTSIM" $dry $machine --set vmcs.control.vpid=0
done
refused "shadow paging on AMD without tags" 2 "svm.tlb_control" "$VIRTSIM" $dry zen2_rome_kvm --set paging.mode=shadow --set vmcs.control.vpid=0
ok "Intel without tags" "$VIRTSIM" $dry skylake_sp_kvm --set vmcs.control.vpid=0

# capabilities: PML came with Broadwell, and not to the workstation's Skylake; flags with Haswell
for machine in broadwell_ep_kvm skylake_sp_kvm cascadelake_kvm; do
    ok "$machine logs modifications" "$VIRTSIM" $dry $machine --set vmcs.control.pml=1
done
for machine in sandybridge_ep_kvm haswell_ep_kvm skylake_x_kvm; do
    refused "$machine logs none" 2 "vmcs.control.pml" "$VIRTSIM" $dry $machine --set vmcs.control.pml=1
done
refused "flags of EPT entries on Sandy Bridge" 2 "bit 21 of vmcs.cap.ept_vpid" "$VIRTSIM" $dry sandybridge_ep_kvm --set ept.accessed_dirty=1
refused "posted interrupts on Sandy Bridge" 2 "vmcs.control.posted_interrupts" "$VIRTSIM" $dry sandybridge_ep_kvm --set vmcs.control.posted_interrupts=1
refused "five levels" 2 "vmcs.cap.ept_vpid" "$VIRTSIM" $dry cascadelake_kvm --set host.levels=5
both="--set ept.mode_based_execute=1 --set vmcs.control.mode_based_execute=1"
ok "mode-based execution" "$VIRTSIM" $dry skylake_sp_kvm $both
refused "mode-based execution before Skylake" 2 "vmcs.control.mode_based_execute = 1 needs bit 54 of vmcs.cap.proc2" "$VIRTSIM" $dry broadwell_ep_kvm $both
refused "without its control" 2 "both must be the same" "$VIRTSIM" $dry skylake_sp_kvm --set ept.mode_based_execute=1
refused "the control alone" 2 "both must be the same" "$VIRTSIM" $dry skylake_sp_kvm --set vmcs.control.mode_based_execute=1
refused "mode-based execution of nested tables" 2 "needs paging.mode = ept" "$VIRTSIM" $dry zen2_rome_kvm --set ept.mode_based_execute=1
finish
