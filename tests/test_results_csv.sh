#!/bin/sh
# SPDX-License-Identifier: MIT
# Laws of results/*.csv: well-formed, unique ids, English, every reference resolves, every quantity is
# one select over the schema, and no number held out for validation is a source of a machine.
set -eu
command -v python3 >/dev/null || exit 77
root=$(cd "$(dirname "$0")/.." && pwd)
python3 - "$root" <<'PY'
import csv, fnmatch, glob, re, sqlite3, sys

root = sys.argv[1]
bad = []
COLUMNS = {
    "documents": "claim_id document section subject metric condition low high unit relation kind "
                 "decomposition_of domain mechanism testability contradicts manual_note",
    "literature": "id area platform config metric low high unit source use",
    "experiments": "claim_id workload machine sets baseline_machine baseline_sets quantity unit basis "
                   "rests_on reason literature",
    "outside": "claim_id why holds",
    "uncompared": "claims why",
}
CJK = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]")


def number(text):
    try:
        float(text)
        return True
    except ValueError:
        return False


tables = {}
for name, columns in COLUMNS.items():
    path = f"{root}/results/{name}.csv"
    with open(path, encoding="utf-8", newline="") as f:
        text = f.read()
    if CJK.search(text):
        bad.append(f"{name}.csv: not English: {CJK.search(text).group()!r}")
    if "\r" in text:
        bad.append(f"{name}.csv: carriage returns")
    rows = list(csv.reader(text.splitlines(), strict=True))
    if rows[0] != columns.split():
        bad.append(f"{name}.csv: columns are {rows[0]}")
        continue
    tables[name] = {}
    for n, r in enumerate(rows[1:], 2):
        if len(r) != len(rows[0]):
            bad.append(f"{name}.csv:{n}: {len(r)} fields instead of {len(rows[0])}")
            continue
        if r[0] in tables[name]:
            bad.append(f"{name}.csv:{n}: id {r[0]} twice")
        tables[name][r[0]] = dict(zip(rows[0], r))
if bad:
    sys.exit("\n".join(bad))
documents, literature, experiments, outside, uncompared = (tables[n] for n in COLUMNS)

for i, r in documents.items():
    rel, lo, hi = r["relation"], r["low"], r["high"]
    if any(v and not number(v) for v in (lo, hi)):
        bad.append(f"documents {i}: low or high is no number")
    ends = {"eq": (1, 1), "approx": (1, 1), "range": (1, 1), "ge": (1, 0), "le": (0, 1),
            "delta+": None, "delta-": None}
    if rel not in ends:
        bad.append(f"documents {i}: relation {rel}")
    elif ends[rel] and (bool(lo), bool(hi)) != tuple(map(bool, ends[rel])):
        bad.append(f"documents {i}: relation {rel} with low={lo!r} high={hi!r}")
    if lo and hi and number(lo) and number(hi) and float(lo) > float(hi):
        bad.append(f"documents {i}: low above high")
    if r["decomposition_of"] and r["decomposition_of"] not in documents:
        bad.append(f"documents {i}: part of unknown {r['decomposition_of']}")
    for other in filter(None, r["contradicts"].split(";")):
        if other not in documents:
            bad.append(f"documents {i}: contradicts unknown {other}")
        elif i not in documents[other]["contradicts"].split(";"):
            bad.append(f"documents {i}: contradicts {other}, but not the other way round")
for i, r in literature.items():
    if r["use"] not in ("calibrate", "validate"):
        bad.append(f"literature {i}: use {r['use']}")
    if not number(r["low"]) or not number(r["high"]) or not r["source"] or not r["unit"]:
        bad.append(f"literature {i}: a number, unit or source is missing")

db = sqlite3.connect(":memory:")
db.executescript(
    "create table run(run,machine,roi_ps,end_ps);"
    "create table knob(run,path,value);"
    "create table work_rate(run,ipc,utilization,native_run,percent_of_native);"
    "create table op(run,actor,op,n,total_ps,min_ps,max_ps,p50_ps,p90_ps,p99_ps);"
    "create table part(run,actor,op,account,kind,n,total_ps);"
    "create table child(run,actor,op,child_actor,child,n,total_ps);"
    "create table counter(run,actor,name,value,unit);"
    "create table fact(run,name,value,unit,whose,source);")
for i, r in experiments.items():
    if i not in documents:
        bad.append(f"experiments {i}: no such claim")
        continue
    if r["unit"] != documents[i]["unit"]:
        bad.append(f"experiments {i}: unit {r['unit']} but the claim has {documents[i]['unit']}")
    if r["basis"] not in ("calibrated", "predicted", "structure") or not r["reason"]:
        bad.append(f"experiments {i}: basis or reason")
    # what meets a number by itself never counts as a prediction that came true
    if "baseline input" in documents[i]["testability"] and r["basis"] != "calibrated":
        bad.append(f"experiments {i}: a baseline input of the documents is calibrated, not {r['basis']}")
    if documents[i]["kind"] == "structure" and r["basis"] == "predicted":
        bad.append(f"experiments {i}: a claim about structure predicts no number")
    if (r["basis"] == "predicted") != bool(r["rests_on"]):
        bad.append(f"experiments {i}: a prediction, and nothing else, names the operations it rests on")
    if r["basis"] == "predicted" and r["machine"].startswith("document"):
        bad.append(f"experiments {i}: a machine made of the documents' numbers predicts nothing")
    for field in ("sets", "baseline_sets"):
        for s in r[field].replace(";", " ").split():
            if not re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)+=\S+", s):
                bad.append(f"experiments {i}: {field} {s!r} is no PATH=VALUE")
    asked = {m or "1" for m in re.findall(r":base(\d?)\b", r["quantity"])}
    if asked != {str(n + 1) for n, m in enumerate(r["baseline_machine"].split(";")) if m}:
        bad.append(f"experiments {i}: :base, :base2, ... and baseline_machine go together")
    if len(r["baseline_sets"].split(";")) > max(1, len(r["baseline_machine"].split(";"))):
        bad.append(f"experiments {i}: settings of a baseline that is none")
    for lit in filter(None, r["literature"].split(";")):
        if lit not in literature:
            bad.append(f"experiments {i}: no literature row {lit}")
    try:
        if not r["quantity"].lower().startswith("select ") or ";" in r["quantity"]:
            raise sqlite3.Error("not one select")
        got = db.execute(r["quantity"], {"run": 1, "base": 2, "base2": 3, "base3": 4}).fetchall()
        if len(got) > 1 or (got and len(got[0]) != 1):
            raise sqlite3.Error("not one number")
    except sqlite3.Error as e:
        bad.append(f"experiments {i}: {e}")
for i in outside:
    if i not in experiments:
        bad.append(f"outside {i}: no experiment")
    elif experiments[i]["basis"] == "calibrated":
        bad.append(f"outside {i}: a calibrated number has no verdict to explain")
for i, r in uncompared.items():
    kinds = {re.split(r"[ (]", d["testability"])[0] for c, d in documents.items() if c not in experiments}
    for p in i.split():
        if p not in kinds and not any(fnmatch.fnmatchcase(c, p) for c in documents if c not in experiments):
            bad.append(f"uncompared {p}: no claim without an experiment")
    if not r["why"]:
        bad.append(f"uncompared {i}: no reason")
for name in sorted({r["workload"] for r in experiments.values()}):
    have = {p.rsplit("/", 1)[1] for p in glob.glob(f"{root}/workloads/*.lua")}
    if have and name + ".lua" not in have:
        bad.append(f"experiments: no workload {name}")

# An id of a held-out row may be named in a description only where it is called held out.
# Every row that a description or a default cites is there; 5I111-113 and 4T008 to 4T012 are ranges.
ID = r"(?:[1-7][A-Z]|C1)\d{3}"
for path in sorted(glob.glob(f"{root}/scripts/lua/**/*.lua", recursive=True) +
                   glob.glob(f"{root}/model/**/*.def", recursive=True) +
                   glob.glob(f"{root}/sim/**/*.def", recursive=True)):
    with open(path, encoding="utf-8") as f:
        for n, line in enumerate(f, 1):
            cited = re.findall(rf"\b{ID}\b", line)
            for first, last in re.findall(rf"\b({ID})(?:-| to )(?:[1-7][A-Z]|C1)?(\d{{3}})\b", line):
                cited += [f"{first[:2]}{k:03d}" for k in range(int(first[2:]), int(last) + 1)]
            for i in sorted(set(cited) - set(literature)):
                bad.append(f"{path[len(root) + 1:]}:{n}: no literature row {i}")
held = {i for i, r in literature.items() if r["use"] == "validate"}
for path in sorted(glob.glob(f"{root}/scripts/lua/**/*.lua", recursive=True)):
    with open(path, encoding="utf-8") as f:
        for n, line in enumerate(f, 1):
            for i in re.findall(rf"\b{ID}\b", line):
                if i in held and not re.search(r"held out|validat", line, re.I):
                    bad.append(f"{path[len(root) + 1:]}:{n}: {i} is held out for validation")

# The latency staircases are cited by row, NL.<part>.PR.s<bytes>.<size>K or <size>K..<size>K: the PR
# rows calibrate, the RF rows are held out, and "the staircase of a part" would hide which was used.
ROW = re.compile(r"\bNL\.(\w+)\.(\w+)(?:\.s(\d+)(?:\.(\d+)K(?:\.\.(\d+)K)?)?)?")
FULL = re.compile(r"full.?random|random.full|full order|random over (all|the whole)", re.I)
for path in sorted(glob.glob(f"{root}/scripts/lua/**/*.lua", recursive=True) + glob.glob(f"{root}/model/*/*.def")):
    with open(path, encoding="utf-8") as f:
        for n, line in enumerate(f, 1):
            where = f"{path[len(root) + 1:]}:{n}"
            names = re.match(r"\s*calibrated\s*=", line)
            if line.lstrip().startswith(("--", "/*")) or re.search(r"held out|validat", line, re.I):
                continue
            if "native_latency" in line:
                bad.append(f"{where}: native_latency is cited by its rows, NL.<part>.PR.s<bytes>.<size>K")
            if FULL.search(line):
                bad.append(f"{where}: names the full order, which is held out for validation")
            for m in ROW.finditer(line):
                part, order, stride, *sizes = m.groups()
                if order != "PR":
                    bad.append(f"{where}: {m[0]} is held out for validation")
                elif not names and not sizes[0]:
                    bad.append(f"{where}: {m[0]} names no rows")
                for size in filter(None, sizes):
                    i = f"NL.{part}.{order}.s{stride}.{size}K"
                    if literature.get(i, {}).get("use") != "calibrate":
                        bad.append(f"{where}: {i} is no row that calibrates")
if bad:
    sys.exit("\n".join(bad))
print(f"results: {len(documents)} claims, {len(literature)} literature rows, {len(experiments)} experiments")
PY
