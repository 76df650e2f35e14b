#!/bin/sh
# SPDX-License-Identifier: MIT
# Where in the program: places add up to the books, operation by operation, and change nothing else.
. "$VIRTSIM_HOME/tests/lib.inc"

tables="run run_option knob op part child counter histogram epoch span charge claim literature op_alias"
dump() { for t in $tables; do sqlite3 "$1" "select '$t', * from $t"; done | sha256sum; }
# rows of an operation, or of an account of DRAM, whose places of some kind do not add up to it
astray="with kinds(kind) as (values ('page'), ('region'), ('ip')),
 books as (select actor, op as item, n, total_ps from op
   union all select actor, account, sum(n), sum(total_ps) from part where kind = 'work' and
   (account like 'memory.dram_row%' or account = 'memory.remote') group by actor, account),
 places as (select kind, actor, item, sum(n) as n, sum(total_ps) as ps from site group by kind, actor, item)
 select count(*) from (select k.kind, b.* from kinds k, books b) w full join places p using (kind, actor, item)
 where w.n is not p.n or w.total_ps is not p.ps"

# law NAME request...: the same run without and with --where
law() {
    name=$1
    shift
    rm -f "$work/a.db" "$work/b.db"
    ok "$name" "$VIRTSIM" "$@" --quiet --db "$work/a.db"
    ok "$name with places" "$VIRTSIM" "$@" --quiet --db "$work/b.db" ${where---where}
    equal "$name: nothing else has changed" "$(dump "$work/a.db")" "$(dump "$work/b.db")"
    equal "$name: the places of each kind add up to every operation" 0 "$(sqlite3 "$work/b.db" "$astray")"
    equal "$name: there are some" 1 "$(sqlite3 "$work/b.db" 'select count(distinct run) from site')"
}
t=workloads/traces/rowindex.lackey.zst
cd "$VIRTSIM_HOME"
law "bulk accesses that jump" run workloads/gups.lua --set workload.footprint=16MiB --set workload.count=6000 --set workload.warmup=3000
law "in the window" run workloads/gups.lua --set workload.footprint=16MiB --set workload.count=6000 --set cpu.window=64
law "strides and streams" run workloads/stream.lua --set workload.footprint=3MiB --set workload.count=20000
law "streams in the window" run workloads/stream.lua --set workload.footprint=3MiB --set workload.count=20000 --set cpu.window=224
law "a chase" run workloads/pointer_chase.lua --set workload.footprint=4MiB --set workload.count=5000 --machine zen3_milan_kvm
law "a chase in the window" run workloads/pointer_chase.lua --set workload.footprint=4MiB --set workload.count=5000 --set cpu.window=64 --machine neoverse_n1_native
law "first touches" run workloads/page_touch.lua --set workload.footprint=1MiB --set workload.backing=touch --machine neoverse_n1_kvm
law "first touches on bare metal, in the window" run workloads/page_touch.lua --set workload.footprint=1MiB --set workload.backing=touch --machine haswell_ep_native --set cpu.window=32
law "exits" run workloads/exit_microbench.lua --set workload.count=4 --spans 3
law "exits in the window" run workloads/exit_mix.lua --set workload.footprint=1MiB --set workload.count=30000 --set cpu.window=64 --machine zen2_rome_kvm
law "shadow paging, address spaces" run workloads/page_table_edit.lua --set workload.edit=switch --set workload.footprint=1MiB --set workload.count=2000 --set paging.mode=shadow
law "a dirty log" run workloads/dirty_rounds.lua --set workload.footprint=512KiB --set workload.rounds=2 --set host.dirty_log.method=write_protect
law "two vCPUs" run workloads/tlb_shootdown.lua --set workload.count=6 --set workload.footprint=128KiB
law "two vCPUs in the window" run workloads/ipi_pingpong.lua --set workload.count=20 --set cpu.window=32
law "packets" run workloads/udp_echo.lua --set workload.packets=30
law "prefetched translations" run workloads/stream.lua --set workload.footprint=3MiB --set workload.count=9000 --set ept.prefetch.next_page=1
law "a trace" replay $t --limit 20000 --warmup 500
law "a trace in the window" replay $t --limit 20000 --set cpu.window=224
law "threads" replay $t $t --limit 4000 --threads
law "a virtual machine each" replay $t $t --limit 4000 --set guest.vms=each
where=--where=7 law "few places" replay $t --limit 20000
where=--where=1 law "one place" run workloads/page_touch.lua --set workload.footprint=256KiB --set workload.backing=touch --set cpu.window=16
where=--where=50 law "few of many" run workloads/gups.lua --set workload.footprint=16MiB --set workload.count=6000

# a recording has the places that its run had
ok "a run that is recorded" "$VIRTSIM" run workloads/gups.lua --set workload.footprint=1MiB --set workload.count=2000 --where --record "$work/g.vst" --quiet --db "$work/rec.db"
ok "and replayed" "$VIRTSIM" replay "$work/g.vst" --where --quiet --db "$work/rec.db"
places() { sqlite3 "$work/rec.db" "select kind, space, place, actor, item, n, total_ps from site where run = $1" | sha256sum; }
equal "is in the same places" "$(places 1)" "$(places 2)"

# points of a sweep keep theirs; one without places does not stand for one with them
ok "a sweep" "$VIRTSIM" sweep workloads/gups.lua --set workload.footprint=1MiB --set workload.count=2000 --vary ept.l2_tlb.entries=768,1536 --quiet --db "$work/sw.db"
ok "the same with places" "$VIRTSIM" sweep workloads/gups.lua --set workload.footprint=1MiB --set workload.count=2000 --vary ept.l2_tlb.entries=768,1536 --where --quiet --db "$work/sw.db"
equal "keeps them, point by point" 2 "$(sqlite3 "$work/sw.db" 'select count(distinct run) from site')"

# what is put together says what a place can lack: never less than it does
ok "all places" "$VIRTSIM" replay $t --limit 20000 --where --quiet --db "$work/all.db"
ok "some of them" "$VIRTSIM" replay $t --limit 20000 --where=9 --quiet --db "$work/some.db"
equal "no more are kept than asked for" 0 "$(sqlite3 "$work/some.db" "select count(*) from (select kind, count(distinct space || place) as n from site where place <> 'other' group by kind) where n > 9 + 1")"
equal "none has more than the books, or lacks more than is said" 0 "$(sqlite3 "$work/some.db" "attach '$work/all.db' as w;
 select count(*) from w.site a left join main.site s using (kind, space, place, actor, item)
 left join (select kind, actor, item, lacks_ps from main.site where place = 'other') o using (kind, actor, item)
 where a.place <> 'none' and (s.total_ps > a.total_ps or a.total_ps - coalesce(s.total_ps, 0) > coalesce(o.lacks_ps, 0))")"

# a page that is known to be loaded, and two address spaces that have the same address
cat >"$work/two.lua" <<'LUA'
guest(function(cpu)
  local hot = cpu:map { bytes = "64KiB", at = 0x10000000 }
  local other = cpu:process()
  cpu:switch(other)
  cpu:map { bytes = "64KiB", at = 0x10000000 }
  for _ = 1, 30 do cpu:load(hot, 8192) end
  cpu:switch(0)
  for _ = 1, 50 do cpu:load(hot, 8192) cpu:load(hot, 0) end
end)
LUA
ok "two address spaces" "$VIRTSIM" run "$work/two.lua" --where --quiet --db "$work/two.db"
loads() { sqlite3 "$work/two.db" "select sum(n) from site where kind = '$1' and item = 'access.load' and actor = 'vcpu0/guest' and space = '$2' and place = '$3'"; }
equal "50 loads of the third page" 50 "$(loads page vcpu0 0x0000000010002000)"
equal "30 of the same address elsewhere" 30 "$(loads page vcpu0/process1 0x0000000010002000)"
equal "the region as it was mapped" 100 "$(loads region vcpu0 0x0000000010000000-0x0000000010010000)"

# the command
ok "top" "$VIRTSIM" top 1 --db "$work/all.db"
ok "of walks by page" "$VIRTSIM" top 1 --db "$work/all.db" --by page --of walk --format csv
equal "adds up to the operation" "$(sqlite3 "$work/all.db" "select sum(n), sum(total_ps) from op where op = 'walk'")" \
    "$(awk -F, 'NR > 1 { n += $3; ps += $4 } END { print n "|" ps }' "$work/out")"
ok "of DRAM by instruction, in a table of 5 rows" "$VIRTSIM" top 1 --db "$work/all.db" --by ip --of dram -n 5 --format json
equal "that adds up, too" "$(sqlite3 "$work/all.db" "select sum(total_ps) from part where kind = 'work' and account like 'memory.dram_row%'")" \
    "$(python3 -c 'import json, sys; print(sum(r["total_ps"] for r in json.load(sys.stdin)))' <"$work/out")"
ok "of the lines" "$VIRTSIM" top 1 --db "$work/all.db" --of total --format csv
equal "the vCPUs' time" "$(sqlite3 "$work/all.db" "select total_ps from op where op = 'timeline' and actor = 'vcpu0'")" \
    "$(awk -F, 'NR > 1 { ps += $4 } END { print ps }' "$work/out")"
refused "a run without places says what to run" 2 "--where" "$VIRTSIM" top 1 --db "$work/a.db"
refused "a run that is not there" 2 "no run 9" "$VIRTSIM" top 9 --db "$work/all.db"
refused "an unknown time has a near name" 2 "did you mean 'walk'" "$VIRTSIM" top 1 --db "$work/all.db" --of walks
refused "an unknown kind" 2 "page, region" "$VIRTSIM" top 1 --db "$work/all.db" --by pages
refused "no place at all" 2 "--where 0" "$VIRTSIM" run workloads/gups.lua --where=0
finish
