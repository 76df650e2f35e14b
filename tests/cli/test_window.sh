#!/bin/sh
# SPDX-License-Identifier: MIT
# cpu.window from the command line: what overlaps gains, what depends does not, the books balance.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/t.db
gups="workloads/gups.lua --set workload.footprint=64MiB --set workload.count=20000 --set workload.warmup=20000"
chase="workloads/pointer_chase.lua --set workload.count=20000 --set workload.warmup=20000"

line() { sqlite3 "$db" "select total_ps from op where run = $1 and actor = 'vcpu0' and op = 'timeline'"; }

run=0
for w in 0 1 224; do
    for what in "$gups" "$chase"; do
        # shellcheck disable=SC2086 # words
        ok "window $w" "$VIRTSIM" run $what --set cpu.window=$w --set host.tick_hz=0 --db "$db"
    done
done
equal "a window of one blocks: gups" "$(line 1)" "$(line 3)"
equal "a window of one blocks: chase" "$(line 2)" "$(line 4)"
equal "independent accesses gain twofold and more" 1 "$((2 * $(line 5) < $(line 1)))"
equal "a chase gains at most its instructions" 1 "$((100 * $(line 6) > 99 * $(line 2)))"

# shellcheck disable=SC2086
ok "ticks that exit, and spans" "$VIRTSIM" run $gups --set cpu.window=64 --set host.tick_hz=10000 --spans 4 --db "$db"
ok "one walker" "$VIRTSIM" run $gups --set cpu.window=224 --set ept.walkers=1 --db "$db"
equal "one walker is slower than two" 1 "$(($(line 8) > $(line 5)))"
ok "a trace, independent" "$VIRTSIM" replay workloads/traces/rowindex.lackey.zst --limit 50000 --set cpu.window=224 --db "$db"
ok "a trace, each access after the one before" "$VIRTSIM" replay workloads/traces/rowindex.lackey.zst --limit 50000 --set cpu.window=224 --set cpu.trace_dependent=1 --db "$db"
equal "dependence costs" 1 "$(($(line 10) > $(line 9)))"

cat >"$work/d.lua" <<'LUA'
param { name = "depends", default = 0, max = 1 }
guest(function(cpu, p)
  local heap = cpu:map { bytes = "16MiB" }
  cpu:stride { region = heap, stride = 4096 }
  cpu:mark("roi")
  for i = 0, 4095 do cpu:load(heap, (i * 1031 % 4096) * 4096 + 64, { depends = p.depends == 1 }) end
end)
LUA
ok "single loads" "$VIRTSIM" run "$work/d.lua" --set cpu.window=224 --db "$db"
ok "single loads, each after the one before" "$VIRTSIM" run "$work/d.lua" --set cpu.window=224 --set workload.depends=1 --db "$db"
equal "dependence costs fourfold and more" 1 "$(($(line 12) > 4 * $(line 11)))"
sed 's/depends = p/dependent = p/' "$work/d.lua" >"$work/e.lua"
refused "an access has no such field" 1 "dependent" "$VIRTSIM" run "$work/e.lua" --db "$db"
refused "a window too large" 2 "cpu.window" "$VIRTSIM" run "$work/d.lua" --set cpu.window=5000 --db "$db"

equal "the books balance" 0 "$(sqlite3 "$db" 'select count(*) from unbalanced')"
ok "explain a load" "$VIRTSIM" explain access.load --run 5 --db "$db"
ok "explain the line" "$VIRTSIM" explain timeline --run 5 --actor vcpu0 --db "$db"
finish
