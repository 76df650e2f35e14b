#!/bin/sh
# SPDX-License-Identifier: MIT
# The life of an assigned function (Linux drivers/vfio): a machine's memory is pinned and mapped by host page, the function
# reset before and after, everything unmapped, invalidated and let go at the end.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/v.db
cd "$VIRTSIM_HOME" || exit 1
life() { # WHAT OPTIONS...
    what=$1
    shift
    rm -f "$db"
    ok "$what" "$VIRTSIM" run workloads/vm_life.lua --quiet --db "$db" --set workload.packets=3 --set guest.memory=64MiB --set dma.assigned_in_time=1 "$@"
    equal "$what: the books balance" 0 "$(sql 'select count(*) from unbalanced')"
}
ops_of() { sql "select coalesce(sum(n), 0) from op where op = '$1'"; }
took() { sql "select coalesce(sum(total_ps), 0) from op where op = '$1'"; }
count() { sql "select coalesce(sum(value), 0) from counter where name = '$1'" | cut -d. -f1; }
rounds() { # PROGRAM.STEP, by the knob of its instructions
    n=$(sql "select coalesce(sum(n), 0) from part where account = 'hypervisor.$1'")
    each=$(sql "select value from knob where path = 'hypervisor.$1.instructions'")
    echo $((n / each))
}

life "pages of 4 KiB"
equal "each happens once" "1 1 1 1" "$(ops_of vm.assign) $(ops_of vfio.map) $(ops_of vm.unassign) $(ops_of vfio.unmap)"
equal "all of the memory is pinned" 16384 "$(count dma.pinned)"
equal "an entry each" "16384 16384 16384" "$(count dma.pages) $(rounds vfio_walk.walk) $(rounds vfio_entry.store)"
equal "all of it is cleared, and let go" "16384 16384" "$(rounds vfio_clear.entry) $(rounds vfio_unpin.put)"
equal "512 runs share an invalidation" $((($(rounds vfio_run.map) + 511) / 512)) "$(ops_of iommu.invalidate)"
equal "two resets of 100 ms" 200000000000 "$(sql "select sum(total_ps) from part where account = 'dma.reset'")"
small=$(took vfio.map)
life "half of the memory" --set guest.memory=32MiB
ok "takes about half of the time" test $(($(took vfio.map) * 100 / small)) -ge 40 -a $(($(took vfio.map) * 100 / small)) -le 60
life "pages of 2 MiB" --set host.page_size=2M
equal "have 32 entries" "16384 32 32" "$(count dma.pinned) $(count dma.pages) $(rounds vfio_walk.walk)"
equal "and a structure for each 4 KiB" "16384 16384" "$(rounds vfio_page.look) $(rounds vfio_lookup.where)"
ok "which takes less" test "$(took vfio.map)" -lt "$small"
life "large pages that the IOMMU has not" --set host.page_size=2M --set iommu.superpages=0
equal "are entries of 4 KiB" "16384 32" "$(count dma.pages) $(rounds vfio_walk.walk)"
life "a device that is reset sooner" --set pcie.flr.us=1000
equal "takes less by the reset" 2000000000 "$(sql "select sum(total_ps) from part where account = 'dma.reset'")"
for machine in zen3_milan_kvm haswell_ep_kvm; do life "$machine" -m $machine; done
life "legacy or scalable" --set iommu.mode=scalable --set dma.viommu=nested
equal "the memory is the second level either way" 16384 "$(count dma.pinned)"

# several functions of one machine: one container
printf 'guest(function(cpu) cpu:compute(%s) cpu:send { bytes = 64 } end)\n' 1000 900000 >"$work/two.lua"
rm -f "$db"
ok "two functions" "$VIRTSIM" run "$work/two.lua" --quiet --db "$db" --set nic.vfs=2 --set guest.memory=64MiB --set dma.assigned_in_time=1
equal "its memory is mapped by the first and unmapped with the last" "2 1 2 1" "$(ops_of vm.assign) $(ops_of vfio.map) $(ops_of vm.unassign) $(ops_of vfio.unmap)"
equal "the second waits for it" 1 "$(sql "select sum(n) from part where account = 'dma.container'")"
equal "the books balance" 0 "$(sql 'select count(*) from unbalanced')"

printf 'guest(function(cpu)\n%scpu:stride { region = cpu:map { bytes = "1MiB", backing = "host_touch" }, stride = 4096, op = "store" }\nend)\n' 'cpu:send { bytes = 64 }' >"$work/touch.lua"
rm -f "$db"
ok "memory that is touched later" "$VIRTSIM" run "$work/touch.lua" --quiet --db "$db" --set guest.memory=64MiB --set dma.assigned_in_time=1
equal "is there already" 0 "$(ops_of exit.ept_violation)"

rm -f "$db"
ok "without it" "$VIRTSIM" run workloads/vm_life.lua --quiet --db "$db" --set workload.packets=3 --set guest.memory=64MiB
equal "nothing takes time" "0 0" "$(ops_of vm.assign) $(count dma.pinned)"

deny() { refused "$1" 2 "$2" "$VIRTSIM" run workloads/vm_life.lua --no-store --set workload.packets=1 --set dma.assigned_in_time=1 -m "$3" ${4:+--set "$4"}; }
deny "bare metal" "functions are given to virtual machines" skylake_sp_native iommu.enabled=1
deny "a hypervisor without VFIO" "has no programs vfio_open" skylake_sp_xen
deny "queues of one function" "nic.queues = 1" skylake_sp_kvm nic.queues=2
finish
