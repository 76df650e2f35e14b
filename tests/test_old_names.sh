#!/bin/sh
# SPDX-License-Identifier: MIT
# No old name is left where it is wrong: results/renames.csv is the one place that knows it. A name that changed
# everywhere is found anywhere; one that changed on some machines is found where only such machines are named
# (a row of experiments.csv and its reason outside, a section of a page, a paragraph of a script or test, a cell
# of a notebook, a function).
. "$VIRTSIM_HOME/tests/lib.inc"

cat >"$work/names.py" <<'PY'
import csv, json, os, re, subprocess, sys
home, root = sys.argv[1:]
PLACES = ("app", "bench", "cmake", "core", "dev", "docs", "fuzz", "include", "model", "notebooks", "results", "scripts",
          "sim", "tests", "tools", "workloads", "README.md", "CONTRIBUTING.md")
PACKED = (".zst", ".vst", ".gz", ".xz", ".zip", ".bin", ".db", ".pyc")
OWN = ("results/renames.csv", "tests/test_old_names.sh", "tests/cli/test_upgrade.sh",
       "sim/machine/test_software.c")  # the table, and who plants old names

def word(old):
    return re.compile(r"(?<![\w.])" + re.escape(old) + r"(?![\w.]*\w)")

def names_of_today():
    """Of knobs, accounts, operations and counters, and of the groups they are in."""
    out = set()
    for what in ("knobs", "accounts", "operations", "counters"):
        listed = subprocess.run([os.environ["VIRTSIM"], "list", what, "--format", "csv"], env=dict(os.environ, VIRTSIM_HOME=home),
                                capture_output=True, text=True, check=True).stdout
        for row in list(csv.reader(listed.splitlines()))[1:]:
            words = row[0].split(".")
            out |= {".".join(words[:n]) for n in range(2, len(words) + 1)}
    return out

# what was an account and is a knob's name today is not old
today = names_of_today()
table = [r for r in csv.DictReader(open(home + "/results/renames.csv", newline="")) if r["old"] and "*" not in r["new"]]
everywhere = [(r["old"], word(r["old"])) for r in table if not r["where"] and r["old"] not in today]
somewhere = [(r["old"], word(r["old"]), dict(w.split("=") for w in r["where"].split())) for r in table if r["where"]]
machines = sorted(f[:-4] for f in os.listdir(home + "/scripts/lua/machines") if f.endswith(".lua"))
named = re.compile(r"(?<!\w)(" + "|".join(machines) + r")(?!\w)")
knobs = {}

def knob(machine, path):
    """The value of a knob on a machine."""
    if machine not in knobs:
        out = subprocess.run([os.environ["VIRTSIM"], "run", "workloads/gups.lua", "--machine", machine, "--dry-run", "--format", "csv"],
                             cwd=home, env=dict(os.environ, VIRTSIM_HOME=home), capture_output=True, text=True, check=True).stdout
        knobs[machine] = {r[0]: r[1] for r in csv.reader(out.splitlines()) if len(r) > 1}
    return knobs[machine].get(path)

def wrong(text, where, about=None):
    """Old names in a piece of text all of whose machines (or `about`) have another one."""
    about = about or set(named.findall(text))
    for old, pattern, knobs_then in somewhere:
        if about and old in text and pattern.search(text) and all(knob(m, k) == v for m in about for k, v in knobs_then.items()):
            print(f"{where}: {old} on {' '.join(sorted(about))}")

def pieces(name, text):
    if name.endswith(".md"):
        return re.split(r"^#+ ", text, flags=re.M)
    if name.endswith(".ipynb"):
        return ["".join(c["source"]) for c in json.loads(text)["cells"]]
    if name.endswith((".c", ".h", ".cpp")):
        return re.split(r"^}|(?=\bmachine = )", text, flags=re.M)
    # what is said to be refused may name what is not there
    text = "\n".join(l for l in text.replace("\\\n", " ").split("\n") if not l.lstrip().startswith(("refused ", "foreign ")))
    return re.split(r"\n\s*\n", text) + text.split("\n")

for place in PLACES:
    top = os.path.join(root, place)
    for path in [top] if os.path.isfile(top) else [os.path.join(d, f) for d, _, fs in os.walk(top) for f in fs]:
        name = os.path.relpath(path, root)
        if name in OWN or name.endswith(PACKED):
            continue
        text = open(path, encoding="utf-8", errors="replace").read()
        for old, pattern in everywhere:
            if old in text and pattern.search(text):
                print(f"{name}: {old}")
        if place not in ("results", "core", "include") and "generated" not in name:
            for piece in pieces(name, text):
                wrong(piece, name)

rows = {}
if os.path.exists(root + "/results/experiments.csv"):
    for r in csv.DictReader(open(root + "/results/experiments.csv", newline="")):
        rows[r["claim_id"]] = {m for names in (r["machine"], r["baseline_machine"]) for m in names.split(";") if m}
        wrong(r["quantity"] + " " + r["rests_on"], "results/experiments.csv: " + r["claim_id"], rows[r["claim_id"]])
if os.path.exists(root + "/results/outside.csv"):
    for r in csv.DictReader(open(root + "/results/outside.csv", newline="")):
        wrong(r["why"] + " " + r["holds"], "results/outside.csv: " + r["claim_id"], rows.get(r["claim_id"]))
PY
names() { python3 "$work/names.py" "$VIRTSIM_HOME" "$1" | sort -u; }

# that it finds them: one old name in each kind of place, and what is right beside it
t=$work/planted
mkdir -p "$t/docs" "$t/tests" "$t/notebooks" "$t/results" "$t/sim"
printf 'select n from op where op = "handler.cpuid"\n' >"$t/tests/any.sh"
printf '# A\n--machine zen2_rome_kvm: exit.vmcall\n# B\nskylake_sp_kvm beside zen2_rome_kvm: exit.vmcall\n# C\nexit.vmcall\n' >"$t/docs/page.md"
printf 'ok x run w --machine neoverse_n1_kvm\nequal y "exit.ept_violation"\n\nequal z "exit.vmcall"\nrefused a --machine neoverse_n1_kvm exit.vmcall\n' >"$t/tests/arm.sh"
printf '{"cells": [{"source": ["zen3_milan_kvm ", "exit.io_instruction"]}, {"source": ["exit.io_instruction"]}]}' >"$t/notebooks/n.ipynb"
printf 'a() {\n"exit.rdmsr"; machine = "zen2_rome_kvm"; "exit.rdmsr"\n}\nb() {\n"skylake_sp_kvm", "exit.rdmsr"\n}\n' >"$t/sim/a.c"
printf 'claim_id,machine,baseline_machine,quantity,rests_on\nc1,zen2_rome_kvm,,1,exit.vmcall\nc2,skylake_sp_kvm,,1,exit.vmcall\n' >"$t/results/experiments.csv"
printf 'claim_id,why,holds\nc1,,exit.ept_misconfig\nc2,,exit.ept_misconfig\n' >"$t/results/outside.csv"
names "$t" >"$work/found"
equal "what is found" "docs/page.md: exit.vmcall on zen2_rome_kvm
notebooks/n.ipynb: exit.io_instruction on zen3_milan_kvm
results/experiments.csv: c1: exit.vmcall on zen2_rome_kvm
results/outside.csv: c1: exit.ept_misconfig on zen2_rome_kvm
sim/a.c: exit.rdmsr on zen2_rome_kvm
tests/any.sh: handler.cpuid
tests/arm.sh: exit.ept_violation on neoverse_n1_kvm" "$(cat "$work/found")"

equal "no old name is left" "" "$(names "$VIRTSIM_HOME")"
finish
