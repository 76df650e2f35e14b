#!/bin/sh
# SPDX-License-Identifier: MIT
# A metric is one number of a run, the same by every command and in the database.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/m.db
small="--set workload.count=2000 --set workload.footprint=64MiB"
command -v sqlite3 >/dev/null && command -v python3 >/dev/null || { echo "skipped: sqlite3 or python3 is not installed"; exit 77; }

ok "a run with several vCPUs" "$VIRTSIM" run workloads/tlb_shootdown.lua --quiet --db "$db"
ok "a run with exits" "$VIRTSIM" run workloads/exit_mix.lua --set workload.count=50000 --quiet --db "$db"

# every row of the view is what the program says, and the other way round
python3 - "$VIRTSIM" "$db" <<'PY' >"$work/said"
import json, math, sqlite3, subprocess, sys
virtsim, db = sys.argv[1:]
con = sqlite3.connect(db)
bad = n = 0
for run in (1, 2):
    rows = con.execute("select metric, value, unit from metric where run = ? order by metric", (run,)).fetchall()
    if len({m for m, _, _ in rows}) != len(rows):
        print("a metric twice")
    for i in range(0, len(rows), 32):
        part = rows[i:i + 32]
        args = [a for m, _, _ in part for a in ("--metric", m)]
        out = subprocess.run([virtsim, "show", str(run), "--db", db, "--format", "json", *args], capture_output=True, text=True)
        if out.returncode:
            print(out.stderr)
            continue
        said = json.loads(out.stdout)[0]
        for m, v, u in part:
            s = said[f"{m} [{u}]"]
            n += 1
            if (s is None) != (v is None) or (v is not None and not math.isclose(s, v, rel_tol=1e-9)) or \
                    (isinstance(v, int) and not isinstance(s, int)):
                bad += 1
                print(run, m, "view", v, "program", s)
print("checked" if n > 500 and not bad else f"{bad} of {n} differ")
PY
equal "the view and the program agree" checked "$(cat "$work/said")"

# against the tables themselves
one() { "$VIRTSIM" show "$1" --db "$db" --format csv --metric "$2" | tail -1 | cut -d, -f4; }
near() { # "what" QUERY METRIC RUN
    checks=$((checks + 1))
    want=$(sqlite3 "$db" "$2") got=$(one "$4" "$3")
    awk -v a="$want" -v b="$got" 'BEGIN { d = a - b; d = d < 0 ? -d : d; exit !(a != "" && b != "" && d <= 1e-9 * (a < 0 ? -a : a)) }' ||
        { failures=$((failures + 1)); echo "FAILED: $1: the table says '$want', the metric '$got'"; }
}
near "a mean over vCPUs" "select sum(total_ps) / 1e3 / sum(n) from op where run = 1 and op = 'walk' and actor like 'vcpu%/guest'" op:walk 1
near "of the host" "select sum(total_ps) / 1e3 / sum(n) from op where run = 2 and op = 'walk' and actor like 'vcpu%/host'" op:walk@host 2
near "of one actor" "select p90_ps / 1e3 from op where run = 1 and op = 'walk' and actor = 'vcpu2/guest'" op:walk.p90@vcpu2/guest 1
near "a neutral name" "select sum(n) from op where run = 2 and op = 'exit.vmcall'" op:exit.hypercall.n 2
near "KVM's name" "select sum(total_ps) / 1e3 from op where run = 2 and op = 'exit.wrmsr'" op:MSR_WRITE.total 2
near "a name of several" "select sum(n) from op where run = 2 and op like 'handler.msr.%'" op:handler.msr.n 2
near "a part" "select sum(p.total_ps) / 1e3 / (select sum(n) from op where run = 2 and op = 'exit.cpuid') from part p where run = 2 and op = 'exit.cpuid' and account = 'vmcs.exit.record'" \
    part:exit.cpuid/vmcs.exit.record 2
near "an operation within" "select 1.0 * sum(c.total_ps) / (select sum(total_ps) from op where run = 2 and op = 'exit.cpuid') from child c where run = 2 and op = 'exit.cpuid' and child = 'handler.cpu_id'" \
    part:exit.cpuid/handler.cpu_id.share 2
near "a counter of all" "select sum(value) from counter where run = 1 and name = 'ept.walks'" counter:ept.walks 1
near "a ratio" "select 1.0 * (select sum(n) from op where run = 2 and op = 'walk' and actor like 'vcpu%/guest') / (select sum(n) from op where run = 2 and op = 'access.load' and actor like 'vcpu%/guest')" \
    ratio:op:walk.n/op:access.load.n 2
equal "the parts and children of an operation share all of its time" 1.000000 \
    "$(sqlite3 "$db" "select printf('%.6f', sum(value)) from metric where run = 2 and metric like 'part:exit.cpuid/%.share'")"

# a quantile of several actors lies between theirs
equal "the median over vCPUs is between theirs" 1 "$(sqlite3 "$db" "select (select value from metric where run = 1 and metric = 'op:walk.p50') between min(p50_ps) / 1e3 and max(p50_ps) / 1e3 from op where run = 1 and op = 'walk' and actor like 'vcpu%/guest'")"

# what happened never is 0, what cannot be is empty
equal "no such exit: none of them" 0 "$(one 1 op:exit.rdmsr.n)"
equal "and no mean" "" "$(one 1 op:exit.rdmsr)"
"$VIRTSIM" show 1 --db "$db" --metric op:exit.rdmsr >/dev/null 2>"$work/err"
equal "which is said" 1 "$(grep -c 'op:exit.rdmsr.mean: nothing of it' "$work/err")"

# a column a knob, a column a metric, each with its unit, numbers as numbers
sweep() { "$VIRTSIM" sweep workloads/gups.lua $small --db "$work/s.db" --quiet "$@"; }
sweep --vary ept.l2_tlb.entries=384,768 --vary host.page_size=4K,2M --vary machine=skylake_sp_kvm --metric op:access.load --metric counter:ept.walks --format json >"$work/s.json"
equal "typed columns" "run:int machine:str ept.l2_tlb.entries [entries]:int host.page_size:str simulated_ms:float op:access.load.mean [ns]:float counter:ept.walks [walks]:int" \
    "$(python3 -c "
import json
rows = json.load(open('$work/s.json'))
assert len(rows) == 4 and [r['ept.l2_tlb.entries [entries]'] for r in rows] == [384, 384, 768, 768], rows
print(*[f'{k}:{type(v).__name__}' for k, v in rows[0].items()])")"
equal "and in CSV" 'run,machine,workload.count [accesses],simulated_ms,op:walk.n [count]' "$(sweep --vary workload.count=1000,2e3 --metric op:walk.n --format csv | head -1)"
equal "knobs are numbers in the view" "integer text" "$(sqlite3 "$work/s.db" "select typeof((select value from knob_value where run = 1 and path = 'ept.l2_tlb.entries')) || ' ' || typeof((select value from knob_value where run = 1 and path = 'host.page_size'))")"
equal "seeds are a column where they differ" "1 2" "$("$VIRTSIM" run workloads/gups.lua $small --quiet --seeds 2 --no-store --metric op:walk --format csv | sed 1d | cut -d, -f3 | paste -sd' ')"

# nobody asks: what the workload states, else what happened
equal "what happened" "op:access.load.mean [ns],op:walk.mean [ns],op:walk.n [count]" "$(sed '/^metrics/d' "$VIRTSIM_HOME/workloads/gups.lua" >"$work/plain.lua"; "$VIRTSIM" sweep "$work/plain.lua" $small --quiet --db "$work/p.db" --vary workload.count=1000,1001 --format csv | head -1 | cut -d, -f5-)"
printf 'metrics {\n  "op:exit.cpuid.n", "counter:ept.walks" }\nguest(function(cpu) for _ = 1, 3 do cpu:cpuid() end end)\n' >"$work/w.lua"
equal "what the workload states" "simulated_ms,op:exit.cpuid.n [count],counter:ept.walks [walks]" "$("$VIRTSIM" sweep "$work/w.lua" --quiet --db "$work/p.db" --vary paging.mode=ept,shadow --format csv | head -1 | cut -d, -f4-)"
equal "which its provenance keeps" "op:exit.cpuid.n counter:ept.walks" "$(sqlite3 "$work/p.db" "select distinct value from provenance where key = 'metrics'")"

# bad ones: what, and what would be right, before anything runs
bad() { refused "$1" 2 "$2" "$VIRTSIM" run workloads/gups.lua --no-store --metric "$3"; }
bad "an unknown operation" "did you mean 'walk'" op:wlk
bad "a name without its kind" "did you mean 'op:walk'" walk
bad "a counter without its kind" "did you mean 'counter:ept.walks'" ept.walks
bad "an unknown statistic" "but mean, p50, p90, p99, n and total" op:walk.p95
bad "an unknown account" "did you mean 'memory.l2_hit'" part:walk/memory.l2
bad "a part of nothing" "part:OP/ACCOUNT is needed" part:walk
bad "an unknown counter" "'ept.l2_tlb.misses'" counter:ept.l2_misses
bad "half a ratio" "ratio:A/B of two" ratio:op:walk
bad "both halves are looked at" "unknown operation 'lodd'" ratio:op:wlk/op:lodd
bad "an actor that is none" "@ is followed by an actor" op:walk@
for command in "replay tests/traces/none.trace" "sweep workloads/gups.lua --vary cpu.window=0,1" "show 1 --db $db" "diff 1 2 --db $db"; do
    refused "every command: ${command%% *}" 2 "unknown operation 'wlk'" "$VIRTSIM" $command --metric op:wlk
done
printf 'metrics { "op:walk",\n "op:wlk" }\nguest(function(cpu) end)\n' >"$work/b.lua"
refused "a workload's unknown metric, by its line" 2 "b.lua:1: metrics: op:wlk: unknown operation" "$VIRTSIM" run "$work/b.lua" --no-store
for text in 'metrics { 3 }' 'metrics "op:walk"' 'metrics {}' 'metrics { "op:walk op:irq" }' 'metrics { "op:walk" } metrics { "op:irq" }'; do
    printf '%s\nguest(function(cpu) end)\n' "$text" >"$work/b.lua"
    refused "$text" 2 "b.lua:1" "$VIRTSIM" run "$work/b.lua" --no-store
done
printf 'guest(function(cpu) metrics { "op:walk" } end)\n' >"$work/b.lua"
refused "metrics of a running guest" 1 "belongs to the top level" "$VIRTSIM" run "$work/b.lua" --no-store

# a database of this version without the views gets them when it is written next
sqlite3 "$work/p.db" "drop view metric; drop view knob_value"
ok "a database from before the views" "$VIRTSIM" run "$work/w.lua" --quiet --db "$work/p.db"
equal "has them then" 3 "$(sqlite3 "$work/p.db" "select value from metric where run = (select max(run) from run) and metric = 'op:exit.cpuid.n'")"
finish
