#!/bin/sh
# SPDX-License-Identifier: MIT
# Shadow paging from the command line: a static guest walks like a native process and does not exit;
# changes of tables exit.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/t.db
cd "$VIRTSIM_HOME" || exit 1
machine="--machine broadwell_ep_kvm --db $db"
gups="run workloads/gups.lua $machine --set workload.count=100000 --set workload.warmup=80000 --set workload.footprint=16MiB --set ept.verify=1"
count() { sqlite3 "$db" "SELECT total(value) FROM counter WHERE run = $1 AND name = '$2'"; }

cat >"$work/none.lua" <<'LUA'
workload "Switches to an address space that nobody made."
guest(function(cpu, p) cpu:switch(1) end)
LUA

cat >"$work/protect.lua" <<'LUA'
workload "Takes write permission from four pages and gives it back."
guest(function(cpu, p)
  local pages = cpu:map { bytes = 16384, page = "4K" }
  for i = 1, 60 do
    if i == 11 then cpu:mark("roi") end
    cpu:protect(pages, 16384, i % 2 == 1 and "r" or "rw")
    cpu:load(pages)
  end
end)
LUA

ok "native" "$VIRTSIM" $gups --set paging.mode=native
ok "shadow" "$VIRTSIM" $gups --set paging.mode=shadow
equal "a static guest misses as the native process does" "$(count 1 ept.l2_tlb.misses)" "$(count 2 ept.l2_tlb.misses)"
equal "and walks one dimension" "0.0" "$(count 2 ept.walk.refs_nested)"
equal "as often" "$(count 1 ept.walks)" "$(count 2 ept.walks)"
equal "without exits" 0 "$(sqlite3 "$db" "SELECT count(*) FROM op WHERE run = 2 AND op LIKE 'exit.%' AND n > 0")"
equal "no walk disagrees with the shadow" "0.0" "$(count 2 ept.walk.disagreements)"
ok "without walk caches" "$VIRTSIM" $gups --set paging.mode=shadow --set ept.guest_pwc.l2.entries=0 --set ept.guest_pwc.l3.entries=0 --set ept.guest_pwc.l4.entries=0
equal "four references a walk" "4.0" "$(sqlite3 "$db" "SELECT sum(value) FILTER (WHERE name = 'ept.walk.refs_guest') / sum(value) FILTER (WHERE name = 'ept.walks') * 1.0 FROM counter WHERE run = 3")"

for sync in trap unsync; do
    ok "pages taken and given, $sync" "$VIRTSIM" run "$work/protect.lua" $machine --set paging.mode=shadow --set shadow.flood=0 --set shadow.sync=$sync
done
equal "four INVLPG a change exit" 200 "$(sqlite3 "$db" "SELECT n FROM op WHERE run = 4 AND actor = 'vcpu0/host' AND op = 'exit.invlpg'")"
equal "each store to a table is emulated" 1 "$(sqlite3 "$db" "SELECT n >= 200 FROM op WHERE run = 4 AND actor = 'vcpu0/host' AND op = 'shadow.write'")"
equal "or let through" 0 "$(sqlite3 "$db" "SELECT count(*) FROM op WHERE run = 5 AND actor = 'vcpu0/host' AND op = 'shadow.write'")"
for s in guest.page_size=2M "guest.page_size=2M --set host.page_size=2M" guest.levels=5 shadow.pages=100 shadow.roots=1 vmcs.control.vpid=0 host.prefault=0; do
    ok "$s" "$VIRTSIM" $gups --set paging.mode=shadow --set $s
done
for edit in protect remap switch; do
    for mode in native ept "shadow --set shadow.sync=trap" "shadow --set shadow.sync=unsync" "shadow --set shadow.roots=1" "shadow --set guest.pcid=0"; do
        # shellcheck disable=SC2086 # words
        ok "$edit, $mode" "$VIRTSIM" run workloads/page_table_edit.lua $machine --set workload.count=5000 --set workload.warmup=1000 --set workload.footprint=1MiB --set ept.verify=1 --set workload.edit=$edit --set paging.mode=$mode
    done
done
equal "no walk disagrees with its tables" 0 "$(sqlite3 "$db" "SELECT count(*) FROM counter WHERE name = 'ept.walk.disagreements' AND value > 0")"
equal "under EPT table edits do not exit" 0 "$(sqlite3 "$db" "SELECT count(*) FROM op JOIN knob k USING (run) WHERE k.path = 'paging.mode' AND k.value = 'ept' AND op LIKE 'exit.%' AND n > 0")"
equal "a switch to an address space that is not there" 1 "$("$VIRTSIM" run "$work/none.lua" $machine 2>&1 | grep -c 'there are 1')"
ok "leaves beside the guest's entries" "$VIRTSIM" run workloads/page_table_edit.lua $machine --set paging.mode=shadow --set shadow.sync=trap --set shadow.verify=1 --set workload.edit=remap --set workload.count=5000 --set workload.warmup=1000 --set workload.footprint=1MiB
equal "no leaf disagrees" "1|0.0" "$(sqlite3 "$db" "SELECT (SELECT value > 1000 FROM counter WHERE run = r.run AND name = 'shadow.verified'), (SELECT total(value) FROM counter WHERE run = r.run AND name = 'shadow.disagreements') FROM run r ORDER BY run DESC LIMIT 1")"
equal "the books balance" 0 "$(sqlite3 "$db" 'SELECT count(*) FROM unbalanced')"
refused "a modification log without EPT" 2 "vmcs.control.pml" "$VIRTSIM" $gups --set paging.mode=shadow --set vmcs.control.pml=1
for how in ipi hypercall none; do
    ok "an address space that vCPUs share, $how" "$VIRTSIM" run workloads/tlb_shootdown.lua $machine --set paging.mode=shadow --set guest.shootdown=$how --set workload.count=50 --set ept.verify=1
    equal "its shadow's rights are taken from all of them, $how" 1 "$(sqlite3 "$db" "SELECT sum(value) >= 25 FROM counter WHERE name = 'host.remote_flushes' AND run = (SELECT max(run) FROM run)")"
done
equal "no walk disagrees with what they share" 0 "$(sqlite3 "$db" "SELECT count(*) FROM counter WHERE name = 'ept.walk.disagreements' AND value > 0")"
refused "Arm" 2 "does not go with" "$VIRTSIM" $gups --set paging.mode=shadow --set guest.format=arm
refused "a group of three" 2 "power of two" "$VIRTSIM" $gups --set paging.mode=shadow --set shadow.prefetch=3
refused "too few tables" 2 "shadow.roots" "$VIRTSIM" $gups --set paging.mode=shadow --set shadow.pages=8

for pages in 33 34; do
    ok "$pages pages at a time" "$VIRTSIM" run workloads/page_table_edit.lua $machine --set paging.mode=shadow --set workload.pages=$pages --set workload.count=1000 --set workload.warmup=0 --set workload.footprint=1MiB --set shadow.verify=1
done
equal "33 are dropped one by one, 34 by a reload" "330|10" "$(sqlite3 "$db" "SELECT (SELECT n FROM op WHERE run = m - 1 AND op = 'exit.invlpg'), (SELECT n FROM op WHERE run = m AND op = 'exit.cr_access') FROM (SELECT max(run) AS m FROM run)")"
equal "after it leaves are in line" "1|0.0" "$(sqlite3 "$db" "SELECT (SELECT value > 100 FROM counter WHERE run = r.run AND name = 'shadow.verified'), (SELECT total(value) FROM counter WHERE run = r.run AND name = 'shadow.disagreements') FROM run r ORDER BY run DESC LIMIT 1")"
ok "a trace" "$VIRTSIM" replay workloads/traces/rowindex.lackey.zst --db "$db" --set paging.mode=shadow --set ept.verify=1
equal "whose first touches are free has hidden faults only" "0.0" "$(sqlite3 "$db" "SELECT total(value) FROM counter WHERE name = 'shadow.faults.true' AND run = (SELECT max(run) FROM run)")"

# memory management of guest and host
touch="run workloads/page_touch.lua --db $db --set workload.footprint=16MiB"
last() { sqlite3 "$db" "SELECT CAST(total(value) AS INTEGER) FROM counter WHERE name = '$1' AND run = (SELECT max(run) FROM run)"; }
for mode in native ept shadow; do
    ok "transparent large pages, $mode" "$VIRTSIM" $touch --set workload.backing=touch --set guest.page_size=thp --set paging.mode=$mode
    equal "16 MiB are eight faults, $mode" 8 "$(last os.page_faults)"
    printf 'guest(function(cpu) cpu:stride { region = cpu:map { bytes = 8 << 20, backing = "touch", page = "base" }, count = 99 } end)' >"$work/small.lua"
    ok "small pages asked for, $mode" "$VIRTSIM" run "$work/small.lua" --db "$db" --set guest.page_size=thp --set paging.mode=$mode
    equal "get no large one, $mode" 0 "$(last os.thp.pages)"
    ok "nothing but fragments, $mode" "$VIRTSIM" $touch --set workload.backing=touch --set guest.page_size=thp --set guest.fragmentation=100 --set paging.mode=$mode
    equal "a fault for every small page, $mode" 4096 "$(last os.page_faults)"
done
refused "large pages asked for where there are none" 2 "exhausted" "$VIRTSIM" $touch --set guest.page_size=2M --set guest.fragmentation=100
cat >"$work/split.lua" <<'LUA'
workload "Takes the right to write from one small page of a large one."
guest(function(cpu, p)
  local heap = cpu:map { bytes = "4MiB", backing = "populate" }
  cpu:stride { region = heap, stride = 4096, op = "store" }
  cpu:protect(heap:address() + 4096, 4096, "r")
  cpu:stride { region = heap, stride = 4096, op = "load" }
  cpu:store(heap, 0)
end)
LUA
for mode in ept shadow; do
    ok "a part of a large page is protected, $mode" "$VIRTSIM" run "$work/split.lua" --db "$db" --set guest.page_size=thp --set paging.mode=$mode --set ept.verify=1
    equal "one of the two is split, $mode" "2 1" "$(last os.thp.pages) $(last os.thp.splits)"
    for around in 1 16; do
        ok "fault-around $around, $mode" "$VIRTSIM" $touch --set guest.frames=contiguous --set host.fault_around=$around --set paging.mode=$mode
    done
    n=$(last hypervisor.pages_around) # 15 of every 16; the region need not begin with a group
    ok "one backing of sixteen pages, $mode" test "$n" -ge 3840 -a "$n" -le 3870
done
finish
