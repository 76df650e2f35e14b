#!/bin/sh
# SPDX-License-Identifier: MIT
# Stored runs come back as they were printed, in every format, and differences are all there is.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/t.db
small="--set workload.count=20000 --set workload.footprint=4MiB --quiet"
has() { # "what" "text" command...: the output holds the text
    what=$1 text=$2
    shift 2
    checks=$((checks + 1))
    if ! "$@" >"$work/out" 2>"$work/err" || ! grep -qF -- "$text" "$work/out"; then
        failures=$((failures + 1))
        echo "FAILED: $what: no '$text' in the output"
        head -5 "$work/err"
    fi
}

has "a run says where it went" "stored as run 1 in $db" "$VIRTSIM" run workloads/gups.lua $small --db "$db"
has "and how to see more of it" "'virtsim show 1 --db \"$work/two words.db\"' adds" \
    env COLUMNS=200 "$VIRTSIM" run workloads/gups.lua $small --db "$work/two words.db"
"$VIRTSIM" run workloads/gups.lua $small --db "$db" --set ept.l2_tlb.entries=768 --format json >"$work/run.json"
"$VIRTSIM" show 2 --db "$db" --format json >"$work/show.json"
equal "run and show print the same rows" "$(cat "$work/run.json")" "$(cat "$work/show.json")"
has "show has the counters" "ept.l1_dtlb.misses" "$VIRTSIM" show 1 --db "$db"
has "list runs names both" "gups" "$VIRTSIM" list runs --db "$db"
equal "list runs has a row a run" 3 "$("$VIRTSIM" list runs --db "$db" --format csv | wc -l)"
equal "quantiles lie between the shortest and the longest" 0 "$(sql 'select count(*) from op where n > 0 and
    (p50_ps < min_ps or p50_ps > p90_ps or p90_ps > p99_ps or p99_ps > max_ps)')"

# the rows of a run are the same in every format, and all that its tables say is among them
"$VIRTSIM" run workloads/gups.lua $small --db "$work/k.db" --spans 3 >/dev/null
"$VIRTSIM" run workloads/gups.lua $small --db "$work/k.db" --seed 2 >/dev/null
for f in json csv md; do
    "$VIRTSIM" show 1 --db "$work/k.db" --format $f >"$work/k.$f"
    "$VIRTSIM" diff 1 2 --db "$work/k.db" --format $f >"$work/kd.$f" 2>"$work/kd.err"
done
"$VIRTSIM" show 1 --db "$work/k.db" >"$work/k.txt"
checks=$((checks + 1))
if ! python3 - "$work" <<'PY'; then
import csv, json, re, sqlite3, sys
work = sys.argv[1]
for name in ("k", "kd"):
    rows = json.load(open(f"{work}/{name}.json"))
    table = list(csv.DictReader(open(f"{work}/{name}.csv", newline="")))
    assert rows and len(rows) == len(table) == len(open(f"{work}/{name}.md").read().splitlines()) - 2, name
    for a, b in zip(rows, table):
        assert list(a) == list(b), (a, b)
        for k, v in a.items():
            assert (b[k] == "" if v is None else abs(float(b[k]) - v) <= 1e-9 * abs(v) if isinstance(v, (int, float)) else b[k] == v), (k, v, b[k])
rows = json.load(open(work + "/k.json"))
db = sqlite3.connect(work + "/k.db")
def of(kind): return [r for r in rows if r["kind"] == kind]
assert {r["kind"] for r in rows} == {"run", "option", "op", "time", "counter"}
assert [(r["name"], r["value"]) for r in of("option")] == db.execute("select option, value from run_option where run = 1").fetchall()
assert sorted((r["actor"], r["op"], r["n"], r["total_ps"]) for r in of("op")) == sorted(db.execute("select actor, op, n, total_ps from op where run = 1"))
assert {(r["actor"], r["name"], r["value"]) for r in of("counter")} == set(db.execute("select actor, name, value from counter where run = 1 and value <> 0 and name <> 'sim.line'"))
line, = db.execute("select total_ps from op where run = 1 and op = 'timeline' and actor = 'vcpu0'").fetchone()
assert sum(r["total_ps"] for r in of("time")) == line, "time lines add up"
assert abs(sum(r["share"] for r in of("time")) - 1) < 1e-4
# the table for people: each counter and each operation of it is a row, too
text = open(work + "/k.txt").read()
for counter in re.findall(r"^\S+ +([a-z_0-9]+(?:\.[a-z_0-9]+)+) +\d+  \w+$", text.split("counters:")[1], re.M):
    assert counter in {r["name"] for r in of("counter")}, counter
PY
    failures=$((failures + 1))
    echo "FAILED: all formats of show and diff have the same rows"
fi
has "show says what the options were" "options: roi=mark spans=3" "$VIRTSIM" show 1 --db "$work/k.db"
has "so does list runs" "spans=3" "$VIRTSIM" list runs --db "$work/k.db"
ok "diff" "$VIRTSIM" diff 1 2 --db "$work/k.db"
equal "warns of other options" 1 "$(grep -c 'warning: .*the option spans: 3 and none' "$work/err")"
equal "and of other seeds" 1 "$(grep -c 'warning: .*their seed: 1 and 2' "$work/err")"
sqlite3 "$work/k.db" "update provenance set value = '9.9' where run = 2 and key = 'version'"
ok "diff of versions" "$VIRTSIM" diff 1 2 --db "$work/k.db"
equal "warns of other versions" 1 "$(grep -c 'warning: .*their version' "$work/err")"
"$VIRTSIM" run workloads/pointer_chase.lua --set workload.footprint=1MiB --set workload.count=1000 --quiet --db "$work/k.db" >/dev/null
ok "diff of workloads" "$VIRTSIM" diff 1 3 --db "$work/k.db"
equal "warns of other workloads" 1 "$(grep -c 'warning: .*their workload: gups and pointer_chase' "$work/err")"
ok "diff of like runs" "$VIRTSIM" diff 1 1 --db "$work/k.db"
equal "warns of nothing" "" "$(cat "$work/err")"
equal "options are in the digest" 2 "$(for v in 3 4; do sqlite3 "$work/k.db" "update run_option set value = '$v' where option = 'spans'"; "$VIRTSIM" db digest "$work/k.db"; done | sort -u | wc -l)"

# diff: what was set differs, nothing else among the knobs; a run does not differ from itself
equal "diff of a run with itself is empty" 1 "$("$VIRTSIM" diff 1 1 --db "$db" --format csv | wc -l)"
equal "diff names the knob that was set" "knob,,ept.l2_tlb.entries,1536,768," \
    "$("$VIRTSIM" diff 1 2 --db "$db" --format csv | grep '^knob')"
refused "diff of a run that is not there" 2 "no run 9" "$VIRTSIM" diff 1 9 --db "$db"
refused "show needs a number" 2 "run number" "$VIRTSIM" show one --db "$db"
refused "one kind of list at a time: what follows finds rows" 2 "nothing of them is called so" "$VIRTSIM" list machines knobs --db "$db"

# formats: the same cells
for what in knobs accounts operations machines claims; do
    "$VIRTSIM" list $what --format json >"$work/a.json"
    "$VIRTSIM" list $what --format csv >"$work/a.csv"
    "$VIRTSIM" list $what --format md >"$work/a.md"
    checks=$((checks + 1))
    if ! python3 - "$work/a" <<'PY'; then
import csv, json, re, sys
rows = json.load(open(sys.argv[1] + ".json"))
table = list(csv.DictReader(open(sys.argv[1] + ".csv", newline="")))
assert rows and len(rows) == len(table), (len(rows), len(table))
for a, b in zip(rows, table):
    assert list(a) == list(b), (a, b)
    for k, v in a.items():
        same = b[k] == "" if v is None else float(b[k]) == v if isinstance(v, float) else b[k] == str(v)
        assert same, (k, v, b[k])
lines = open(sys.argv[1] + ".md").read().splitlines()
columns = len(rows[0])
assert len(lines) == len(rows) + 2, (len(lines), len(rows))
for line in lines:
    assert len(re.findall(r"(?<!\\)\|", line)) == columns + 1, line
PY
        failures=$((failures + 1))
        echo "FAILED: list $what: json, csv and md hold the same cells"
    fi
done
refused "an unknown format" 2 "table, json, csv or md" "$VIRTSIM" list knobs --format xml

# --seeds: consecutive seeds, a run each, their spread as a sample's
"$VIRTSIM" run workloads/gups.lua $small --db "$work/s.db" --seeds 3 --seed 5 --format csv >"$work/s.csv"
equal "three seeds, three runs" "5 6 7" "$(echo $(sqlite3 "$work/s.db" 'select seed from run order by run'))"
checks=$((checks + 1))
if ! python3 - "$work/s.csv" "$work/s.db" <<'PY'; then
import csv, sqlite3, statistics, sys
db = sqlite3.connect(sys.argv[2])
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
assert any(float(r["sd_ps"]) > 0 for r in rows), "seeds make no difference"
for r in rows:
    x = [a for (a,) in db.execute("select 1.0 * total_ps / n from op where actor = ? and op = ? and n > 0",
                                  (r["actor"], r["op"]))]
    assert len(x) == int(r["seeds"]) == 3, r
    for want, got in ((statistics.mean(x), r["mean_ps"]), (statistics.stdev(x), r["sd_ps"]),
                      (min(x), r["min_ps"]), (max(x), r["max_ps"])):
        assert abs(want - float(got)) <= 1e-6 * max(1, statistics.mean(x)), (r, want)
PY
    failures=$((failures + 1))
    echo "FAILED: --seeds reports mean, sample deviation and extremes over the seeds"
fi

# --epoch: counters in slices of simulated time that add up to the whole
"$VIRTSIM" run workloads/gups.lua $small --db "$work/e.db" --epoch 100us >/dev/null
equal "epochs add up to the counters" 0 "$(sqlite3 "$work/e.db" "select count(*) from counter c where c.actor like 'vcpu%'
    and c.name <> 'sim.line' and c.value <> (select total(value) from epoch e where e.actor = c.actor and e.name = c.name)")"
checks=$((checks + 1))
if [ "$(sqlite3 "$work/e.db" 'select count(distinct epoch) from epoch')" -lt 2 ]; then
    failures=$((failures + 1))
    echo "FAILED: a run of several epochs has several"
fi
equal "an epoch has the asked length" 0 "$(sqlite3 "$work/e.db" 'select count(*) from (select epoch,
    end_ps - lag(end_ps) over (order by epoch) as d from (select distinct epoch, end_ps from epoch)
    where epoch < (select max(epoch) from epoch)) where d <> 100000000')"
refused "an epoch without a unit" 2 "100us" "$VIRTSIM" run workloads/gups.lua $small --db "$work/e.db" --epoch 100

# sweeps over machines
"$VIRTSIM" sweep workloads/gups.lua $small --vary machine=skylake_sp_kvm,skylake_sp_native --db "$work/m.db" >/dev/null
equal "a machine a run" "skylake_sp_kvm skylake_sp_native" "$(echo $(sqlite3 "$work/m.db" 'select machine from run order by run'))"
refused "an impossible point stops the whole sweep" 2 "entries" \
    "$VIRTSIM" sweep workloads/gups.lua $small --vary ept.l2_tlb.entries=1536,1537 --db "$work/none.db"
equal "before its first run" no "$([ -f "$work/none.db" ] && sqlite3 "$work/none.db" 'select count(*) from run where 1' | grep -v '^0$' || echo no)"
refused "an unknown machine among the points" 2 "did you mean 'skylake_sp_native'" \
    "$VIRTSIM" sweep workloads/gups.lua $small --vary machine=skylake_sp_kvm,skylake_sp_nativ --db "$work/none.db"
refused "a point given twice over" 2 "machine" \
    "$VIRTSIM" sweep workloads/gups.lua $small --vary machine= --db "$work/none.db"
finish
