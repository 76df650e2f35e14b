#!/bin/sh
# SPDX-License-Identifier: MIT
# compare: one row an experiment, verdicts as docs/validation.md defines them, a reason outside a claim.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/t.db

refused "an unknown domain" 2 "list claims" "$VIRTSIM" compare --domain nosuch --db "$db"
equal "leaves no database" 0 "$(find "$work" -name 't.db*' | wc -l)"
refused "stored runs of no database" 2 "none.db" "$VIRTSIM" compare --no-run --db "$work/none.db"
ok "claims that lie outside are a result, not an error" "$VIRTSIM" compare --domain nic -j 1 --db "$db"
runs=$(sql 'select count(*) from run')
ok "the reason of each row" "$VIRTSIM" compare --domain nic --no-run --db "$db" --why
equal "every row of the table ends in a reason" 0 "$("$VIRTSIM" compare --domain nic --no-run --db "$db" --format csv 2>/dev/null |
    python3 -c 'import csv, sys; print(sum(not r["reason"] for r in csv.DictReader(sys.stdin)))')"
equal "--no-run runs nothing" "$runs" "$(sql 'select count(*) from run')"
checks=$((checks + 1))
if ! python3 - "$db" "$VIRTSIM_HOME" <<'PY'; then
import csv, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
wanted = {r["claim_id"] for r in csv.DictReader(open(sys.argv[2] + "/results/experiments.csv", newline=""))}
inputs = {r["claim_id"]: r["basis"] for r in csv.DictReader(open(sys.argv[2] + "/results/experiments.csv", newline=""))}
rows = db.execute("""select claim_id, low, high, relation, value, basis, assumed_share, verdict, reason
                     from comparison join claim using (claim_id)""").fetchall()
nic = {c for (c,) in db.execute("select claim_id from claim where domain = 'nic'")}
assert {r[0] for r in rows} <= nic & wanted and rows, "one row an experiment"
for claim, low, high, relation, value, basis, assumed, verdict, reason in rows:
    assert basis == inputs[claim], claim
    low, high = (high if low is None else low), (low if high is None else high)
    if value is None:
        want = "no number"
    elif basis == "calibrated":
        want = "calibrated"
    elif assumed > 0.5 and basis == "predicted":
        want = "illustrative"
    elif relation in ("le", "ge"):
        want = "in range" if (value <= high if relation == "le" else value >= low) else "outside"
    else:
        middle = (low + high) / 2
        near = abs(value - middle) <= 0.1 * abs(middle)
        holds = low <= value <= high if low < high else near
        want = "outside" if not holds else "within 10 %" if near else "in range"
    if basis == "structure" and want in ("within 10 %", "in range"):
        want = "structure"
    assert verdict == want, (claim, value, verdict, want)
    assert ("; outside: " in reason) == (verdict == "outside"), (claim, reason)
    # nine tenths of this vCPU's time are idle: a share of all of it could not exceed one tenth
    assert claim != "hva.net.cpu.sriov" or value < 15 and assumed > 0.15, (value, assumed)
PY
    failures=$((failures + 1))
    echo "FAILED: verdicts follow from value, claim, basis and assumed share"
fi

# every claim has a number or a reason why there is none, on the terminal and on a page
ok "every claim" "$VIRTSIM" compare --domain nic --no-run --db "$db" --all --format csv --page "$work/page.html"
python3 - "$work/out" "$work/page.html" "$VIRTSIM_HOME" "$db" <<'PY' >"$work/said"
import csv, html, re, sqlite3, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
page, home, db = open(sys.argv[2]).read(), sys.argv[3], sqlite3.connect(sys.argv[4])
claims = [r["claim_id"] for r in csv.DictReader(open(home + "/results/documents.csv", newline="")) if r["domain"] == "nic"]
if sorted(r["claim"] for r in rows) != sorted(claims):
    print("not one row a claim")
experiments = {r["claim_id"]: r for r in csv.DictReader(open(home + "/results/experiments.csv", newline=""))}
cells = {re.search(r"<small>(\S+?)[;<]", r).group(1): [html.unescape(re.sub("<[^>]*>", " ", c)) for c in re.findall(r"<td.*?</td>", r)]
         for r in re.findall(r"<tr><td>.*?</tr>", page)}
if sorted(cells) != sorted(claims):
    print("not one row of the page a claim")
for r in rows:
    e, cell = experiments.get(r["claim"]), cells[r["claim"]]
    if not r["reason"] or r["reason"] not in cell[7] or r["verdict"] not in cell[5]:
        print(r["claim"], "has no reason or another one on the page")
    if (r["verdict"] == "not compared") != (e is None) or (r["simulation"] == "") != (e is None):
        print(r["claim"], r["verdict"])
    if e and e["literature"] and not all(i + ":" in cell[2] for i in e["literature"].split(";")):
        print(r["claim"], "lacks its measurements")
    # the guess that nothing changes: of a run beside itself a ratio is 1, a share 100 %, a difference none
    if e and e["baseline_machine"] and e["basis"] == "predicted":
        none = any(word in r["metric"] for word in ("overhead", "reduction", "gain"))
        want = {"ratio": 1, "us": None}.get(r["unit"], 0 if none else 100)
        if r["naive"] == "" or want is not None and abs(float(r["naive"]) - want) > 1e-9:
            print(r["claim"], "naive", r["naive"], want)
    elif r["naive"]:
        print(r["claim"], "a guess of nothing")
print("looked at all")
PY
equal "has a reason, its measurements and a guess to beat" "looked at all" "$(cat "$work/said")"
refused "a page in no folder" 2 "--page $work/none/p.html" "$VIRTSIM" compare --domain nic --db "$work/none.db" --page "$work/none/p.html"
equal "runs nothing" 0 "$(find "$work" -name 'none.db*' | wc -l)"

# the summary is of the rows above it, whatever else is stored
cp "$db" "$work/both.db"
rows() { "$VIRTSIM" compare --domain "$1" --no-run --db "$work/both.db" --format csv | tail -n +2 | wc -l; }
ok "another domain" "$VIRTSIM" compare --domain interrupt -j 1 --db "$work/both.db"
for domain in nic interrupt; do
    equal "the summary counts the rows of $domain" "$(($(rows $domain)))" \
        "$("$VIRTSIM" compare --domain $domain --no-run --db "$work/both.db" | sed '1,/^$/d' | awk '/^ *[0-9]/ { n += $1 } END { print n }')"
done

# the two books agree: what the view lists of a vCPU's time is its line
"$VIRTSIM" run workloads/exit_mix.lua --set workload.count=100000 --quiet --db "$work/mix.db" >/dev/null
equal "vcpu_time sums to each line, whatever was under way when measuring began" 0 "$(sqlite3 "$work/mix.db" "
    select count(*) from op t where op = 'timeline' and actor like 'vcpu%' and total_ps is not
    (select sum(total_ps) from vcpu_time v where v.run = t.run and v.vcpu = t.actor)")"
equal "of two vCPUs" 2 "$(sqlite3 "$work/mix.db" 'select count(distinct vcpu) from vcpu_time')"
# a stored run is used again while it is what a run would be now
home=$work/home
mkdir "$home"
cp -r "$VIRTSIM_HOME/results" "$VIRTSIM_HOME/scripts" "$VIRTSIM_HOME/workloads" "$home"
compare() {
    (cd "$home" && VIRTSIM_HOME=$home "$VIRTSIM" compare --domain nic --db "$db" "$@" >"$work/out" 2>"$work/err")
    echo "$?"
    sql "update provenance set value = '0' where key = 'dirty'" # as if of a clean tree
}
count() { sql 'select count(*) from run'; }
sql "update provenance set value = '0' where key = 'dirty'"
equal "nothing has changed" 0 "$(compare)"
equal "and nothing is run" "$runs" "$(count)"
for w in udp_echo tcp_stream; do echo "-- a comment" >>"$home/workloads/$w.lua"; done
equal "another workload, and no runs" 0 "$(compare --no-run)"
equal "which is said" 1 "$(grep -c 'made of other inputs' "$work/err")"
equal "another workload" 0 "$(compare)"
equal "is run" $((2 * runs)) "$(count)"
sed -i 's/width = { 8,/width = { 4,/' "$home/scripts/lua/nics/x710.lua"
equal "another machine" 0 "$(compare)"
equal "is run" $((3 * runs)) "$(count)"
sql "insert or replace into knob_own select run, path, '64', unit, source, evidence, set_by from knob where path = 'nic.ring.descriptors' and run = (select max(run) from run)"
equal "a run with another knob" 0 "$(compare)"
equal "is run again, alone" $((3 * runs + 1)) "$(count)"
sql "insert into run_option values ((select max(run) from run), 'warmup', '9')"
equal "a run with another option" 0 "$(compare)"
equal "is run again, alone" $((3 * runs + 2)) "$(count)"
equal "and nothing else" 0 "$(compare)"
equal "is" $((3 * runs + 2)) "$(count)"

# what cannot be read is said once, and no run is taken for missing
damage "$db" knob_own
equal "knobs that cannot be read" 1 "$(compare)"
equal "are reported once" "1 1" "$(wc -l <"$work/err") $(grep -c malformed "$work/err")"
equal "and nothing is run" $((3 * runs + 2)) "$(count)"

# an experiment that cannot be run is refused before the first run, as run refuses it
mkdir -p "$work/tree/results"
for d in workloads scripts; do ln -s "$VIRTSIM_HOME/$d" "$work/tree/$d"; done
cp "$VIRTSIM_HOME"/results/*.csv "$work/tree/results/"
sed -i 's/workload.footprint=2MiB/workload.footprin=2MiB/' "$work/tree/results/experiments.csv"
cd "$work/tree" || exit 1
sed -i 's/^hva.f.iotput hva.f.ioutil,/hva.f.ioutil,/' "$work/tree/results/uncompared.csv"
refused "a claim without a reason" 2 "hva.f.iotput has no experiment and no reason" env VIRTSIM_HOME="$work/tree" "$VIRTSIM" compare --domain "$(awk -F, '$1 == "hva.f.iotput" { print $13 }' "$VIRTSIM_HOME/results/documents.csv")" --db "$work/wrong.db"
cp "$VIRTSIM_HOME/results/uncompared.csv" "$work/tree/results/"
refused "a wrong experiment" 2 "workload.footprin'" env VIRTSIM_HOME="$work/tree" "$VIRTSIM" compare --domain translation --db "$work/wrong.db"
ok "leaves no database" test ! -e "$work/wrong.db"

# an experiment may set up to four runs side by side, each with its own settings
cp "$VIRTSIM_HOME"/results/*.csv "$work/tree/results/"
several() {
    python3 - "$VIRTSIM_HOME/results/experiments.csv" "$work/tree/results/experiments.csv" "$@" <<'PY'
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
small = "workload.footprint=1MiB workload.warmup=10 "
short = {"exit_microbench": "workload.count=10 workload.warmup=1", "udp_echo": "workload.packets=20",
         "guest_mix": "workload.instructions=100000"}
for r in rows:
    if r["claim_id"] == "v51.svmcmp.compat":
        r.update(workload="gups", sets=small + "workload.count=10", baseline_machine=sys.argv[3], quantity=sys.argv[5],
                 baseline_sets=";".join(small + s for s in sys.argv[4].split(";") if s))
    elif r["claim_id"] == "v51.model.map":
        r.update(workload="gups", sets=small + "workload.count=10 ept.verify=1")
    elif r["workload"] in short and not r["baseline_machine"]:  # what else the domain runs
        r["sets"] = (r["sets"] + " " + short[r["workload"]]).strip()
with open(sys.argv[2], "w", newline="") as f:
    w = csv.DictWriter(f, rows[0], lineterminator="\n")
    w.writeheader()
    w.writerows(rows)
PY
}
count="(select value from knob where path = 'workload.count' and run = :"
several "skylake_sp_kvm;neoverse_n1_kvm;haswell_ep_native" "workload.count=20;workload.count=30;workload.count=40" \
    "select ${count}run) + 1000 * ${count}base) + 1000000 * ${count}base2) + 1000000000 * ${count}base3)"
ok "four runs" env VIRTSIM_HOME="$work/tree" "$VIRTSIM" compare --domain structure -j 2 --db "$work/four.db"
equal "each as its settings have it" 40030020010 "$(sqlite3 "$work/four.db" "select cast(value as integer) from comparison where claim_id = 'v51.svmcmp.compat'")"
equal "on its machine" "zen2_rome_kvm skylake_sp_kvm neoverse_n1_kvm haswell_ep_native" \
    "$(echo $(sqlite3 "$work/four.db" "select machine from run where workload = 'gups' and point like '%count=_0' order by cast(substr(point, instr(point, 'count=') + 6) as integer)"))"
several "skylake_sp_kvm;neoverse_n1_kvm;haswell_ep_native;haswell_ep_kvm" "" "select :run + :base + :base2 + :base3"
refused "a fifth" 2 "v51.svmcmp.compat: more than 3 baselines" env VIRTSIM_HOME="$work/tree" "$VIRTSIM" compare --domain structure --db "$work/five.db"
finish
