#!/bin/sh
# SPDX-License-Identifier: MIT
# Miss curves by one pass: what single runs say, at every size.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1

# random traces: hot pages, cold pages, loads, stores and fetches
cat >"$work/trace.py" <<'PY'
import random, sys
r = random.Random(int(sys.argv[1]))
pages, count = int(sys.argv[2]), int(sys.argv[3])
for _ in range(count):
    page = r.randrange(r.choice((pages // 10, pages // 3, pages)))
    at = 0x10000000 + page * 4096 + r.randrange(4096 // 8) * 8
    print(("I  %08x,4" if r.random() < 0.1 else " L %08x,8" if r.random() < 0.7 else " S %08x,8") % at)
PY
for seed in 1 2; do python3 "$work/trace.py" $seed 160 4000 >"$work/$seed.lackey"; done

# the machine's own tables are no LRU; one pass is about tables that are
lru="--set ept.l1_dtlb_4k.policy=lru --set ept.l1_itlb_4k.policy=lru --set ept.l2_tlb.policy=lru --set ept.l2_tlb.index=modulo"

# single DB STRUCTURE SIZE-KNOB UNIT SETS SIZES: runs of their own, and how many of them the curve does not give
astray() {
    db=$1 structure=$2 knob=$3 sets=$4 hits=$5 misses=$6
    sqlite3 "$db" "with single as (select r.run, cast(k.value as integer) as entries,
        (select sum(value) from counter c where c.run = r.run and c.name in ($hits)) as hits,
        (select sum(value) from counter c where c.run = r.run and c.name in ($misses)) as misses
        from run r join knob k on k.run = r.run and k.path = '$knob' where r.run > 1)
      select count(*), sum((select hits || ' ' || misses from curve c where c.run = 1 and c.structure = '$structure' and c.sets = $sets
        and c.ways * c.sets <= single.entries order by ways desc limit 1) is not hits || ' ' || misses) from single"
}
for seed in 1 2; do
    db=$work/$seed.db
    ok "TLB, trace $seed" "$VIRTSIM" curve "$work/$seed.lackey" --structure ept.l2_tlb $lru --sets 1 --every --check 2 --quiet --db "$db"
    equal "by one pass" 0 "$(sqlite3 "$db" "select count(*) from curve where method <> 'one pass'")"
    ok "single runs" "$VIRTSIM" sweep "$work/$seed.lackey" --set ept.l2_tlb.ways=0 --vary ept.l2_tlb.entries=1:170:+1 -j 2 $lru --quiet --db "$db"
    equal "fully associative, every size" "170|0" "$(astray "$db" ept.l2_tlb ept.l2_tlb.entries 1 "'ept.l2_tlb.hits'" "'ept.l2_tlb.misses'")"
done
db=$work/sets.db
ok "by ways" "$VIRTSIM" curve "$work/1.lackey" --structure ept.l2_tlb $lru --sets 16 --every --check 2 --quiet --db "$db"
ok "single runs" "$VIRTSIM" sweep "$work/1.lackey" --vary ept.l2_tlb.entries=16:256:+16 --let "ept.l2_tlb.ways=ept.l2_tlb.entries // 16" -j 2 $lru --quiet --db "$db"
equal "of 16 sets, every number of ways" "16|0" "$(astray "$db" ept.l2_tlb ept.l2_tlb.entries 16 "'ept.l2_tlb.hits'" "'ept.l2_tlb.misses'")"

# agrees TEXT REQUEST...: every row is compared with a single run, and is of the one pass
agrees() {
    what=$1
    shift
    ok "$what" "$VIRTSIM" curve "$@" --every --check ${check:-1000} --quiet --no-store --format csv
    equal "$what: all sizes agree" "" "$(sed 1d "$work/out" | grep -v ',one pass$')"
    equal "$what: there are several" 1 "$(($(wc -l <"$work/out") > 3))"
}
gups="--set workload.count=2000 --set workload.warmup=100"
chase="workloads/pointer_chase.lua --set workload.count=1000"
agrees "first-level data TLB" $chase --structure ept.l1_dtlb_4k $lru --sets 1,16 --set workload.footprint=256KiB
agrees "of large pages" $chase --structure ept.l1_dtlb_2m --sets 1,8 --set guest.page_size=2M --set host.page_size=2M --set workload.footprint=64MiB
agrees "shared by all page sizes" $chase --machine zen3_milan_kvm --structure ept.l1_dtlb_4k --sets 1 --set workload.footprint=256KiB
agrees "of stores" "$work/1.lackey" --set ept.l1_dtlb_store.entries=16 --structure ept.l1_dtlb_store $lru --sets 1 --limit 1500
agrees "first-level instruction TLB" "$work/2.lackey" --structure ept.l1_itlb_4k $lru --sets 1,16 --limit 2500
agrees "second level of pages of 1 GiB" workloads/gups.lua --structure ept.l2_tlb_1g --sets 1,4 --set guest.page_size=1G --set host.page_size=1G --set guest.memory=32GiB --set host.memory=80GiB --set workload.footprint=24GiB $gups
check=25 agrees "nested TLB" workloads/gups.lua --structure ept.nested_tlb --sets 1,16 --set ept.l2_tlb.entries=96 --set workload.footprint=4MiB $gups
agrees "guest walk cache" workloads/gups.lua --structure ept.guest_pwc.l2 --set workload.footprint=32MiB $gups
agrees "nested walk cache" "$work/2.lackey" --structure ept.nested_pwc.l2 --limit 1500
agrees "L1D by ways" workloads/traces/rowindex.lackey.zst --structure memory.l1d --sets 64 --limit 20000
agrees "L1I by ways, with a warm-up" workloads/traces/rowindex.lackey.zst --structure memory.l1i --sets 64 --limit 30000 --warmup 5000
agrees "L2 by ways, bare metal" workloads/gups.lua --machine skylake_sp_native --structure memory.l2 --sets 64 --set workload.footprint=256KiB --set workload.count=3000 --set workload.warmup=100
agrees "a workload with invalidations" workloads/page_table_edit.lua --structure ept.l2_tlb $lru --sets 16 --set workload.footprint=1MiB --set workload.count=1000 --set workload.warmup=50
agrees "a B-tree" workloads/btree.lua --structure ept.l2_tlb $lru --sets 128 --set workload.footprint=8MiB --set workload.lookups=400 --set workload.warmup=50
agrees "another processor" workloads/pointer_chase.lua --machine zen3_milan_kvm --structure ept.l2_tlb --sets 128 --set workload.footprint=2MiB --set workload.count=2000

# where one pass would not be exact the points are runs, and it says so
ok "another policy" "$VIRTSIM" curve "$work/1.lackey" --structure ept.nested_tlb --sets 1 --set ept.nested_tlb.policy=fifo --limit 500 --quiet --no-store
equal "is run, size by size" 0 "$(grep -c 'one pass' "$work/out")"
equal "and says why" 1 "$(grep -c 'policy is fifo, not lru' "$work/out")"
ok "the machine's own second level" "$VIRTSIM" curve "$work/1.lackey" --structure ept.l2_tlb --sets 128 --limit 500 --quiet --no-store
equal "is run, size by size, as it is" 1 "$(grep -c 'policy is mru3_plru, not lru' "$work/out")"
ok "a last level whose size decides where frames lie" "$VIRTSIM" curve workloads/traces/rowindex.lackey.zst --structure memory.llc --sets 1 \
    --limit 4000 --quiet --no-store --format csv
equal "is run, size by size" 0 "$(grep -c 'one pass' "$work/out")"
equal "and says what disagrees" 1 "$(grep -c 'depends on its size' "$work/err")"

# first-level hits of overlapping accesses are counted later than they are found: compared even with --check 0
ok "a first level in a window" "$VIRTSIM" curve workloads/gups.lua --structure ept.l1_dtlb_4k $lru --sets 1 --check 0 --set workload.footprint=1MiB $gups --quiet --no-store --format csv
equal "is run, size by size" 0 "$(grep -c 'one pass$' "$work/out")"
equal "and says why" 1 "$(grep -c 'not all its lookups count where they are made' "$work/err")"
equal "hits grow with its size" 1 "$(awk -F, 'NR == 2 { first = $6 } END { print ($6 > 10 * (first + 1)) }' "$work/out")"

# formats, database, requests
db=$work/1.db
equal "JSON has numbers" "int int float" "$("$VIRTSIM" curve "$work/1.lackey" --structure ept.l2_tlb --limit 500 --check 0 --quiet --no-store --format json |
    python3 -c 'import json, sys; r = json.load(sys.stdin)[0]; print(*(type(r[k]).__name__ for k in ("ways", "misses", "miss_ratio")))')"
equal "the run is the machine as it is" 1536 "$(sqlite3 "$db" "select value from knob where run = 1 and path = 'ept.l2_tlb.entries'")"
ok "the database is whole" "$VIRTSIM" db check "$db"
ok "it is merged" "$VIRTSIM" db merge "$work/m.db" "$db"
equal "with the curve" "$(sqlite3 "$db" 'select count(*) from curve')" "$(sqlite3 "$work/m.db" 'select count(*) from curve')"
refused "an unknown structure has near names" 2 "did you mean 'ept.l2_tlb'" "$VIRTSIM" curve "$work/1.lackey" --structure ept.l2
refused "one that the machine has not" 2 "--set ept.l2_itlb.entries=N" "$VIRTSIM" curve "$work/1.lackey" --structure ept.l2_itlb
refused "one that other page sizes share" 2 "those pages in ept.l1_dtlb_4k (ept.l1_dtlb.shared=1)" "$VIRTSIM" curve "$work/1.lackey" --machine zen3_milan_kvm --structure ept.l1_dtlb_2m
refused "none" 2 "--structure NAME" "$VIRTSIM" curve "$work/1.lackey"
refused "numbers of sets" 2 "--sets 0" "$VIRTSIM" curve "$work/1.lackey" --structure ept.l2_tlb --sets 0
refused "no input twice" 2 "--seeds" "$VIRTSIM" curve workloads/gups.lua --structure ept.l2_tlb --seeds 3
finish
