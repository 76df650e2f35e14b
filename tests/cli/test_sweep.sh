#!/bin/sh
# SPDX-License-Identifier: MIT
# Sweeps: which points there are, what is wrong with them, and that each is run once.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
printf 'param { name = "n", default = 10, min = 1, text = "lines" }\nguest(function(cpu, p) local m = cpu:map { bytes = 1 << 20 } cpu:random { region = m, count = p.n, op = "load" } end)\n' >"$work/tiny.lua"
sweep() { "$VIRTSIM" sweep "$work/tiny.lua" --quiet "$@"; }
digest() { "$VIRTSIM" db digest "$1"; }
runs() { sqlite3 "$1" 'select count(*) from run'; }

# what is wrong with every point is the request's mistake: no table says more
refused "an unknown knob, tried out" 2 "unknown knob 'nosuch.knob'" sweep --vary nosuch.knob=1,2 --dry-run --db "$work/none.db"
equal "and nothing is printed beside it" "" "$(cat "$work/out")"
refused "more values than anybody means" 2 "a larger step" sweep --vary ept.l2_tlb.latency=1:1000000:+1 --dry-run --db "$work/none.db"

# --dry-run shows the points and makes nothing
equal "ranges and lists make points" "0 16 32 64" "$(echo $(sweep --vary ept.l2_tlb.latency=0,16:64:x2 --dry-run --format csv --db "$work/none.db" | sed 1d | cut -d, -f2 | tr -d '"'))"
equal "a dry run makes no database" "" "$(ls "$work/none.db" 2>/dev/null)"
equal "zipped axes go together" "2000,7;2200,9" "$(sweep --vary cpu.clock.mhz=2000,2200 --vary workload.n=7,9 --zip cpu.clock.mhz,workload.n --dry-run --format csv --db "$work/none.db" | sed 1d | cut -d, -f2,3 | tr -d '"' | paste -sd';')"
refused "zips of unequal length" 2 "equally many" sweep --vary cpu.clock.mhz=2000,2200 --vary workload.n=7 --zip cpu.clock.mhz,workload.n --db "$work/none.db"
refused "a step that does not advance" 2 "does not advance" sweep --vary workload.n=1:9:+0 --db "$work/none.db"
sample() { sweep --vary workload.n=1:500:+1 --random "$1" --dry-run --format csv --db "$work/none.db" | sed 1d | cut -d, -f2 | tr -d '"'; }
equal "a sample has as many points as asked for" 5 "$(sample 5 | sort -u | wc -l)"
equal "the same for the same seed" "$(sample 5:3)" "$(sample 5:3)"
checks=$((checks + 1))
if [ "$(sample 5:3)" = "$(sample 5:4)" ]; then
    failures=$((failures + 1))
    echo "FAILED: another seed is another sample"
fi

# all that is wrong with any point is said before the first run, each once
refused "an unknown knob" 2 "entris" sweep --vary ept.l2_tlb.entries=768,1537,1538 --vary ept.l2_tlb.entris=1,2 --vary workload.n=0,1 --db "$work/w.db"
equal "both impossible values are named beside it" "1537 1538" "$(echo $(grep -o 'entries = 153[78] is not' "$work/err" | cut -d' ' -f3))"
equal "and what is out of bounds" 1 "$(grep -c 'workload.n = 0 is outside' "$work/err")"
equal "each once" 4 "$(grep -c . "$work/err")"
equal "nothing was made" "" "$(ls "$work/w.db" 2>/dev/null)"
ok "impossible combinations can be left out" sweep --vary ept.l2_tlb.entries=768,1536,1537 --skip-impossible --db "$work/skip.db"
equal "which are listed" 1 "$(grep -c 'impossible, skipped: ept.l2_tlb.entries=1537' "$work/err")"
equal "with the reason" 1 "$(grep -c '1537 is not a multiple of ept.l2_tlb.ways' "$work/err")"
equal "the others are run" 2 "$(runs "$work/skip.db")"
refused "when none is possible" 2 "1537" sweep --vary ept.l2_tlb.entries=1537 --skip-impossible --db "$work/w.db"

# dependent values
ok "a knob follows from another" sweep --vary ept.l2_tlb.entries=512,1024 --let 'ept.l2_tlb.ways=ept.l2_tlb.entries // 64' --let 'cpu.clock.mhz=1000 + ept.l2_tlb.ways' --db "$work/let.db"
equal "at every point" "512 8 1008;1024 16 1016" "$(sqlite3 "$work/let.db" "select group_concat(x, ';') from (select group_concat(value, ' ') x from (select * from knob where path in ('ept.l2_tlb.entries', 'ept.l2_tlb.ways', 'cpu.clock.mhz') order by run, path = 'cpu.clock.mhz', path) group by run)")"
equal "and the database says who set it" 4 "$(sqlite3 "$work/let.db" "select count(*) from knob where set_by = '--let'")"
refused "an unknown knob in an expression" 2 "unknown knob 'ept.l2_tlb.entrie'; did you mean 'ept.l2_tlb.entries'" sweep --vary workload.n=1,2 --let 'ept.l2_tlb.ways=ept.l2_tlb.entrie // 64' --db "$work/w.db"
refused "no expression" 2 "--let ept.l2_tlb.ways" sweep --vary workload.n=1,2 --let 'ept.l2_tlb.ways=8 +' --db "$work/w.db"
refused "no whole number" 2 "gives 666.66" sweep --vary workload.n=1,2 --let 'cpu.clock.mhz=2000 / 3' --db "$work/w.db"
refused "varied and derived" 2 "either given or derived" sweep --vary cpu.clock.mhz=2000 --let 'cpu.clock.mhz=1' --db "$work/w.db"
refused "an expression has no files" 2 "--let" sweep --vary workload.n=1,2 --let 'cpu.clock.mhz=io.open("x")' --db "$work/w.db"
VIRTSIM_SCRIPT_SECONDS=1
export VIRTSIM_SCRIPT_SECONDS
refused "nor does it run for ever" 2 "CPU time" sweep --vary workload.n=1 --let 'cpu.clock.mhz=(function() while true do end end)()' --db "$work/w.db"
unset VIRTSIM_SCRIPT_SECONDS

# a point is run once
ok "a sweep" sweep --vary cpu.clock.mhz=2000,2200 --vary workload.n=10,20 --db "$work/a.db" -j 2
before=$(digest "$work/a.db")
ok "the same again" sweep --vary cpu.clock.mhz=2000,2200 --vary workload.n=10,20 --db "$work/a.db"
equal "stores nothing" 4 "$(runs "$work/a.db")"
equal "and changes nothing" "$before" "$(digest "$work/a.db")"
equal "says so" 1 "$(grep -c '4 of 4 points stored .*; 4 were there before' "$work/out")"
ok "more values" sweep --vary cpu.clock.mhz=2000,2200,2400 --vary workload.n=10,20 --db "$work/a.db"
equal "run only what is new" 6 "$(runs "$work/a.db")"
ok "set otherwise" sweep --set cpu.clock.mhz=2200 --vary workload.n=20,10,30 --db "$work/a.db"
equal "a point is its values, whoever set them" 7 "$(runs "$work/a.db")"
ok "another seed" sweep --seed 2 --vary cpu.clock.mhz=2000 --vary workload.n=10 --db "$work/a.db"
equal "is another point" 8 "$(runs "$work/a.db")"
cp "$work/tiny.lua" "$work/again.lua"
ok "another file" "$VIRTSIM" sweep "$work/again.lua" --quiet --vary cpu.clock.mhz=2000 --vary workload.n=10 --db "$work/a.db"
equal "of the same content is not" 8 "$(runs "$work/a.db")"
echo "-- changed" >>"$work/again.lua"
ok "another content" "$VIRTSIM" sweep "$work/again.lua" --quiet --vary cpu.clock.mhz=2000 --vary workload.n=10 --db "$work/a.db"
equal "is another point" 9 "$(runs "$work/a.db")"
sqlite3 "$work/a.db" "update provenance set value = '0.0 elsewhere' where key = 'build' and run = 1"
ok "a point of another version" sweep --vary cpu.clock.mhz=2000,2200 --vary workload.n=10,20 --db "$work/a.db"
equal "is run again" 10 "$(runs "$work/a.db")"
equal "and that is said" 1 "$(grep -c '1 points are stored, but were made by another version (0.0 elsewhere)' "$work/err")"

# inputs, machines, seeds
ok "inputs are varied" "$VIRTSIM" sweep --quiet --vary "input=$work/tiny.lua,workloads/gups.lua" --set cpu.clock.mhz=2000 --vary machine=skylake_sp_kvm,skylake_sp_native --db "$work/i.db"
equal "beside machines" "tiny skylake_sp_kvm,tiny skylake_sp_native,gups skylake_sp_kvm,gups skylake_sp_native" "$(sqlite3 "$work/i.db" "select group_concat(workload || ' ' || machine) from (select * from run order by run)")"
refused "an input by two ways" 2 "--vary input" sweep --vary "input=$work/tiny.lua" --db "$work/w.db"
refused "no input" 2 "a workload or trace is needed" "$VIRTSIM" sweep --vary cpu.clock.mhz=1 --db "$work/w.db"
ok "several traces together" "$VIRTSIM" sweep workloads/traces/rowindex.lackey.zst workloads/traces/rowindex.lackey.zst --limit 1000 --quiet --vary cpu.clock.mhz=2000,3000 --db "$work/t.db"
equal "each on a vCPU of its own" 2 "$(sqlite3 "$work/t.db" "select count(distinct actor) from op where run = 1 and op = 'timeline' and actor glob 'vcpu[0-9]'")"
ok "several seeds" sweep --vary workload.n=100,200 --seeds 3 --format csv --db "$work/s.db"
equal "are runs" "1 2 3 1 2 3" "$(echo $(sqlite3 "$work/s.db" 'select seed from run order by run'))"
cp "$work/out" "$work/seeds.csv"
checks=$((checks + 1))
python3 - "$work/s.db" "$work/seeds.csv" <<'PY' || { failures=$((failures + 1)); echo "FAILED: mean, deviation and interval are those of the runs"; }
import csv, math, sqlite3, statistics, sys
db = sqlite3.connect(sys.argv[1])
rows = list(csv.DictReader(open(sys.argv[2])))
assert len(rows) == 2, rows
name = "simulated_ms"
for i, row in enumerate(rows):
    x = [r[0] / 1e9 for r in db.execute("select end_ps - roi_ps from run where run between ? and ?", (3 * i + 1, 3 * i + 3))]
    assert int(row["seeds"]) == 3
    assert math.isclose(float(row[name]), statistics.mean(x), rel_tol=1e-9)
    assert math.isclose(float(row[name + " sd"]), statistics.stdev(x), rel_tol=1e-6, abs_tol=1e-12)
    assert math.isclose(float(row[name + " ci95"]), 4.3026527 * statistics.stdev(x) / math.sqrt(3), rel_tol=1e-5, abs_tol=1e-12)
PY

# written down
cat >"$work/m.lua" <<'LUA'
input("tiny.lua") -- beside the manifest
for _, mhz in ipairs { 2000 } do vary("cpu.clock.mhz", mhz, "2200:2400:+200") end
vary("workload.n", 10, 20, 30)
zip("cpu.clock.mhz", "workload.n")
let("ept.l2_tlb.ways", "ept.l2_tlb.entries // 128")
seeds(2)
LUA
ok "a manifest" "$VIRTSIM" sweep --manifest "$work/m.lua" --quiet --db "$work/m.db"
ok "the same on the command line" sweep --vary cpu.clock.mhz=2000,2200:2400:+200 --vary workload.n=10,20,30 --zip cpu.clock.mhz,workload.n --let 'ept.l2_tlb.ways=ept.l2_tlb.entries // 128' --seeds 2 --db "$work/c.db"
equal "is the same sweep" "$(digest "$work/m.db")" "$(digest "$work/c.db")"
sweep --vary cpu.clock.mhz=2000,2200:2400:+200 --vary workload.n=10,20,30 --zip cpu.clock.mhz,workload.n --let 'ept.l2_tlb.ways=ept.l2_tlb.entries // 128' --seeds 2 --print-manifest >"$work/p.lua"
ok "and can be printed as one" "$VIRTSIM" sweep --manifest "$work/p.lua" --quiet --db "$work/p.db"
equal "that is the same again" "$(digest "$work/m.db")" "$(digest "$work/p.db")"
printf 'input("tiny.lua")\nvari("x", 1)\n' >"$work/bad.lua"
refused "a word that is none" 2 "bad.lua:2: 'vari' is not known to a manifest; did you mean 'vary'" "$VIRTSIM" sweep --manifest "$work/bad.lua" --db "$work/w.db"
printf 'input("tiny.lua")\n\nvary("cpu.clock.mhz", "8:64:+0")\n' >"$work/bad.lua"
refused "a range that is none" 2 "bad.lua:3: cpu.clock.mhz: the range '8:64:+0' does not advance" "$VIRTSIM" sweep --manifest "$work/bad.lua" --db "$work/w.db"
printf 'input("tiny.lua")\nio.open("x")\n' >"$work/bad.lua"
refused "a manifest has no files" 2 "bad.lua:2:" "$VIRTSIM" sweep --manifest "$work/bad.lua" --db "$work/w.db"

# the sweep's points in the database, as numbers
equal "sweep_point has each varied value of each point" "1|1|cpu.clock.mhz|2000.0|1" "$(sqlite3 "$work/m.db" "select point, run, path, number, seed from sweep_point where point = 1 and path = 'cpu.clock.mhz'")"
equal "and derived ones" 6 "$(sqlite3 "$work/m.db" "select count(*) from sweep_point where path = 'ept.l2_tlb.ways' and number = 12")"
equal "names are no numbers" "skylake_sp_native|" "$(sqlite3 "$work/i.db" "select value, number from sweep_point where path = 'machine' and point = 2")"
ok "a sweep with a name" sweep --name mine --vary workload.n=1 --db "$work/n.db"
refused "another sweep of the same name" 2 "has another sweep of this name" sweep --name mine --vary workload.n=2 --db "$work/n.db"
refused "a name that is none" 2 "--name 'a/b'" sweep --name a/b --vary workload.n=2 --db "$work/n.db"
finish
