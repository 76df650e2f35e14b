#!/bin/sh
# SPDX-License-Identifier: MIT
# What was asked for is what was built, and what the database says was built.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/t.db
asked="--set workload.footprint=1MiB --set workload.count=4096 --set ept.l2_tlb.entries=128 --set ept.l2_tlb.ways=4 --set memory.llc.size=11MiB"

"$VIRTSIM" run workloads/gups.lua --machine skylake_sp_kvm $asked --dry-run --format csv >"$work/dry" 2>&1
ok "a run with settings" "$VIRTSIM" run workloads/gups.lua --machine skylake_sp_kvm $asked --db "$db"
for want in ept.l2_tlb.entries=128 ept.l2_tlb.ways=4 memory.llc.size=11534336; do
    equal "stored as asked, and who set it: $want" "${want#*=}|--set" \
        "$(sqlite3 "$db" "select value || '|' || set_by from knob where path='${want%%=*}'")"
done
equal "the dry run prints every knob as it is stored" \
    "$(sqlite3 "$db" "select path || '=' || value from knob where path not like 'workload.%' order by path" | md5sum)" \
    "$(python3 -c '
import csv, sys
for row in sorted(csv.DictReader(open(sys.argv[1])), key=lambda r: r["knob"]):
    if not row["knob"].startswith("workload."):
        print(row["knob"] + "=" + row["value"])' "$work/dry" | md5sum)"

# The size that was asked for is the size that works: n pages in turn, again and again, under exact
# LRU hit in n entries and never in n - 1. One set, so that no page falls beside another.
cat >"$work/turn.lua" <<'LUA'
guest(function(cpu)
  local r = cpu:map { bytes = 32 * 4096 }
  cpu:stride { region = r, stride = 4096, count = 32 * 8 }
  cpu:mark("roi")
  cpu:stride { region = r, stride = 4096, count = 32 * 100 }
end)
LUA
walks() {
    "$VIRTSIM" run "$work/turn.lua" --machine skylake_sp_kvm --set ept.l2_tlb.entries="$1" --set ept.l2_tlb.ways=0 --set ept.l2_tlb.policy=lru \
        --set ept.l1_dtlb_4k.entries=1 --set ept.l1_dtlb_4k.ways=0 --db "$work/$1.db" >/dev/null 2>"$work/err" || head -3 "$work/err"
    sqlite3 "$work/$1.db" "select total(value) from counter where name='ept.walks' and actor='vcpu0/guest'"
}
equal "32 pages in 32 entries: no walk" 0.0 "$(walks 32)"
equal "32 pages in 31 entries: a walk each" 3200.0 "$(walks 31)"
finish
