#!/bin/sh
# SPDX-License-Identifier: MIT
# compare: one row an experiment, verdicts as docs/validation.md defines them, a reason outside a claim.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/t.db
sql() { sqlite3 "$db" "$1"; }

refused "an unknown domain" 2 "list claims" "$VIRTSIM" compare --domain nosuch --db "$db"
refused "stored runs of no database" 2 "none.db" "$VIRTSIM" compare --no-run --db "$work/none.db"
ok "claims that lie outside are a result, not an error" "$VIRTSIM" compare --domain nic -j 1 --db "$db"
runs=$(sql 'select count(*) from run')
ok "the reason of each row" "$VIRTSIM" compare --domain nic --no-run --db "$db" --why
equal "every row of the table ends in a reason" 0 "$("$VIRTSIM" compare --domain nic --no-run --db "$db" --format csv |
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

# the two books agree: what the view lists of a vCPU's time is its line
"$VIRTSIM" run workloads/exit_mix.lua --set workload.count=100000 --quiet --db "$work/mix.db" >/dev/null
equal "vcpu_time sums to each line, whatever was under way when measuring began" 0 "$(sqlite3 "$work/mix.db" "
    select count(*) from op t where op = 'timeline' and actor like 'vcpu%' and total_ps is not
    (select sum(total_ps) from vcpu_time v where v.run = t.run and v.vcpu = t.actor)")"
equal "of two vCPUs" 2 "$(sqlite3 "$work/mix.db" 'select count(distinct vcpu) from vcpu_time')"
finish
