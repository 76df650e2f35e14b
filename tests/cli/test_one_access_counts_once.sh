#!/bin/sh
# SPDX-License-Identifier: MIT
# An access counts once, whatever it takes: not for each attempt, and the same whether accesses block or overlap. Laws of
# docs/accounting.md, "What counts once", over random accesses (single, over two lines, two pages and many lines; loads,
# stores, read-modify-writes, fetches) on machines of every vendor, with and without a second dimension.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/t.db
counter() { sqlite3 "$db" "select coalesce(sum(value), 0) from counter where name = '$1' and run = (select max(run) from run)"; }

python3 - "$work" <<'PY'
import random, sys
for seed in (1, 2):
    r = random.Random(seed)
    data = [0x40000000 + 4096 * r.randrange(300) for _ in range(150)]
    code = [0x10000000 + 4096 * r.randrange(60) for _ in range(20)]
    straddles = 0
    with open(f"{sys.argv[1]}/{seed}.lk", "w") as f:
        for _ in range(1500):
            fetch = r.choice(code) + r.randrange(4096), r.choice((1, 2, 4, 8, 15))
            at = r.choice(data) + (r.randrange(4096) if r.random() < 0.7 else 4096 - r.randrange(1, 64))
            access = at, r.choice((1, 2, 4, 8, 16, 32, 64, 512))
            f.write("I  %08x,%d\n" % fetch + " %s %08x,%d\n" % (r.choice("LLLSSM"), *access))
            straddles += sum(a % 64 + n > 64 for a, n in (fetch, access))
    print(straddles, file=open(f"{sys.argv[1]}/{seed}.straddles", "w"))
PY
cat >"$work/log.lua" <<'LUA'
guest(function(cpu)
  local fresh = cpu:map { bytes = "128KiB", backing = "touch" }
  local heap = cpu:map { bytes = "4MiB", backing = "host_touch" }
  cpu:dirty_log()
  for round = 1, 3 do
    for i = 0, 30 do cpu:store(fresh, i * 4096 + 4090, 8) end
    cpu:random { region = heap, count = 700 }
    cpu:random { region = heap, count = 700, op = "store" }
    cpu:stride { region = heap, stride = 4092, op = "store" }
    cpu:dirty_log()
  end
end)
LUA

# both INPUT OPTION...: one run that blocks, then one whose accesses overlap. Nothing happens by itself in them.
both() {
    input=$1
    shift
    command=replay
    case $input in *.lua) command=run ;; esac
    for window in 0 64; do
        ok "$input $*, window $window" "$VIRTSIM" $command "$work/$input" --set host.tick_hz=0 --set cpu.window=$window "$@" --quiet --db "$db"
    done
}
for machine in skylake_sp_native skylake_sp_kvm zen2_rome_kvm neoverse_n1_kvm neoverse_n1_native; do
    both 1.lk --machine $machine
    both 2.lk --machine $machine --set replay.first_touch=fault
done
both 1.lk --set replay.first_touch=fault --set host.prefault=0 --set guest.page_size=2M
both 1.lk --set replay.first_touch=fault --set ept.l1_dtlb_4k.entries=4 --set ept.l1_dtlb_4k.ways=0 --set ept.l1_dtlb_store.entries=4
both 1.lk --machine skylake_sp_native --set ept.l2_tlb.entries=16 --set ept.l2_tlb.ways=4 --set ept.l1_dtlb_4k.entries=8 --set ept.l1_dtlb_4k.ways=2
both 1.lk --set paging.mode=shadow
both 2.lk --set paging.mode=shadow --set replay.first_touch=fault
both 1.lk --machine zen2_rome_kvm --set paging.mode=shadow
both 1.lk --machine zen2_rome_kvm --set ept.l1_itlb_4k.entries=4 --set ept.l1_itlb_4k.ways=0
both 1.lk --machine neoverse_n1_kvm --set guest.accessed_dirty=0 --set ept.accessed_dirty=0 --set replay.first_touch=fault
both log.lua --set host.dirty_log.method=pml
both log.lua --set host.dirty_log.method=write_protect
both log.lua --machine zen2_rome_kvm --set host.dirty_log.method=write_protect
both log.lua --machine neoverse_n1_kvm --set host.dirty_log.method=write_protect
equal "the books balance" 0 "$(sqlite3 "$db" 'select count(*) from unbalanced')"

checks=$((checks + 1))
if ! python3 - "$db" "$work" <<'PY'; then
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
# what depends on time: waits, what was on its way, the clock
TIMED = ("cpu.mshr.", "cpu.walk.merges", "cpu.window.", "cpu.load_queue.", "ept.walker.", "memory.l1d.refill_waits",
         "memory.dram.", "sim.line")
bad, seen = [], {}
def counters(run):
    return {(a, n): v for a, n, v in db.execute("select actor, name, value from counter where run = ?", (run,))}
runs = [r for (r,) in db.execute("select run from run order by run")]
for blocking, window in zip(runs[::2], runs[1::2]):
    b, w = counters(blocking), counters(window)
    bad += [(blocking, k, b.get(k, 0), w.get(k, 0)) for k in sorted(set(b) | set(w))
            if not k[1].startswith(TIMED) and b.get(k, 0) != w.get(k, 0)]
    n = [dict(db.execute("select replace(actor, '/string', '') || ' ' || op, sum(n) from op where run = ? and op <> 'timeline'"
                         " group by 1", (run,))) for run in (blocking, window)]
    bad += [(blocking, k, n[0].get(k), n[1].get(k)) for k in sorted(set(n[0]) | set(n[1])) if n[0].get(k) != n[1].get(k)]
for run in runs:
    for who in ("guest", "host"):
        c = {n: v for (a, n), v in counters(run).items() if a == "vcpu0/" + who}
        total = lambda *names: sum(c.get(n, 0) for n in names)
        hits = lambda *of: total(*(f"{x}.hits" for x in of))
        misses = lambda *of: total(*(f"{x}.misses" for x in of))
        ops = lambda *names: sum(db.execute("select coalesce(sum(n), 0) from op where run = ? and op = ? and actor like ?",
                                            (run, n, f"vcpu0/{who}%")).fetchone()[0] for n in names)
        first = ("ept.l1_dtlb", "ept.l1_dtlb_store", "ept.l1_itlb")
        second = ("ept.l2_tlb", "ept.l2_itlb")
        accesses, lines = total("cpu.loads", "cpu.stores", "cpu.fetches"), total(
            *(f"memory.{x}_{y}" for x in ("l1d.read", "l1d.write", "l1i.fetch") for y in ("hits", "misses")))
        faults = total("ept.page_faults", "ept.violations", "ept.misconfigurations", "ept.pml.full")
        laws = {
            "one operation an access": (accesses, ops("access.load", "access.store", "access.fetch")),
            "one lookup a line": (hits(*first) + misses(*first) + total("cpu.dirty_walks"), lines),
            "the second level is asked what the first missed": (misses(*first), hits(*second) + misses(*second)),
            "walks": (total("ept.walks"), misses(*second) + total("cpu.dirty_walks", "cpu.faults")),
            "one operation a walk": (total("ept.walks"), ops("walk")),
            "faults": (total("cpu.faults"), faults),
            "attempts that faulted": (total("cpu.faults"), ops("access.faulted")),
        }
        if who == "host" and any(n.startswith(("svm.", "el2.")) for (_, n), v in counters(run).items() if v):
            del laws["one lookup a line"]  # a world switch that loads and stores has lines of its own
        trace = db.execute("select workload from run where run = ?", (run,)).fetchone()[0]
        if trace.endswith(".lk"):
            want = int(open(f"{sys.argv[2]}/{trace[:-3]}.straddles").read()) if who == "guest" else 0
            laws["an access straddles once"] = (total("cpu.line_straddles"), want)
        bad += [(run, who, law, *sides) for law, sides in laws.items() if sides[0] != sides[1]]
        for k in ("cpu.faults", "cpu.dirty_walks", "cpu.line_straddles", "ept.violations", "ept.page_faults", "ept.pml.full",
                  "ept.l2_tlb.hits", "ept.l2_itlb.hits", "ept.l1_dtlb_store.misses"):
            seen[k] = seen.get(k, 0) + c.get(k, 0)
bad += [("never happened", k) for k, v in seen.items() if not v]
for row in bad[:12]:
    print(*row)
sys.exit(bool(bad))
PY
    failures=$((failures + 1))
    echo "FAILED: the laws of counters"
fi

# a first touch that is free is no touch: N pages are N misses and N walks, and nothing faulted
pages() { # KIND BYTES OFFSET
    for i in $(seq 0 99); do printf ' %s %08x,%d\n' "$1" $((0x40000000 + 8192 * i + $3)) "$2"; done >"$work/p.lk"
}
for machine in skylake_sp_native skylake_sp_kvm zen2_rome_kvm neoverse_n1_native; do
    for kind in L S M; do
        for at in 64 4092; do
            pages $kind 8 $at
            "$VIRTSIM" replay "$work/p.lk" --machine $machine --set host.tick_hz=0 --quiet --db "$db" >/dev/null
            lines=$((at == 64 ? 100 : 200))
            equal "$machine, $kind at $at: walks" $lines "$(counter ept.walks)"
            equal "$machine, $kind at $at: misses" $lines "$(counter ept.l1_dtlb.misses)"
            equal "$machine, $kind at $at: nothing else happened" 0 \
                "$(sqlite3 "$db" "select count(*) from op where op not in ('access.load', 'access.store', 'walk', 'timeline') and run = (select max(run) from run)")"
        done
    done
done
# and takes no time: a page that was there before takes as long
cat >"$work/there.lua" <<'LUA'
guest(function(cpu)
  local r = cpu:map { bytes = "800KiB", page = "4K" }
  for i = 0, 99 do cpu:load(r, i * 8192 + 64) end
end)
LUA
pages L 8 64
one="--machine skylake_sp_native --set guest.frames=contiguous --set ept.walk.start=0 --quiet --db $db"
# shellcheck disable=SC2086 # words
"$VIRTSIM" replay "$work/p.lk" $one >/dev/null
trace=$(sqlite3 "$db" "select n, total_ps from op where op = 'access.load' and run = (select max(run) from run)")
# shellcheck disable=SC2086
"$VIRTSIM" run "$work/there.lua" $one >/dev/null
program=$(sqlite3 "$db" "select n, total_ps from op where op = 'access.load' and run = (select max(run) from run)")
equal "100 pages of a trace take what those of a program that mapped them take" "$program" "$trace"
finish
