#!/bin/sh
# SPDX-License-Identifier: MIT
# Tables for people fit where they are read, in the characters that can be shown there.
. "$VIRTSIM_HOME/tests/lib.inc"
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
db=$work/t.db
small="--set workload.count=3000 --quiet --db $db"
ok "a run" "$VIRTSIM" run workloads/exit_mix.lua $small
ok "another" "$VIRTSIM" run workloads/gups.lua $small
ok "points" "$VIRTSIM" sweep workloads/gups.lua $small --vary ept.l2_tlb.entries=384,768 --vary host.page_size=4K,2M

python3 - "$VIRTSIM" "$db" <<'PY' >"$work/said"
import csv, io, os, pty, re, subprocess, sys, unicodedata
virtsim, db = sys.argv[1:]
base = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LC_ALL", "LC_CTYPE", "LANG", "NO_COLOR", "PAGER", "VIRTSIM_PAGER", "LESS")}
kinds = "machines borrows workloads parameters knobs accounts counters operations formats requests claims".split()
commands = [["list", k] for k in kinds] + [["list", "runs", "--db", db], ["show", "1", "--db", db], ["diff", "1", "2", "--db", db],
    ["show", "1", "--db", db, "--metric", "op:walk", "--metric", "counter:ept.walks"],
    ["diff", "1", "2", "--db", db, "--metric", "op:walk"], ["run", "workloads/gups.lua", "--dry-run"],
    ["sweep", "workloads/gups.lua", "--set", "workload.count=100", "--vary", "ept.l2_tlb.entries=384,768", "--quiet", "--db", db + "2",
     "--metric", "op:access.load", "--metric", "part:access.load/memory.llc_hit.share", "--metric", "ratio:op:walk.n/op:access.load.n", "--metric", "op:walk.p99"]]

def say(what):
    print("FAILED:", what)

def run(args, **env):
    p = subprocess.run([virtsim] + args, capture_output=True, text=True, env=base | env)
    if p.returncode:
        say(f"{args}: {p.stderr}")
    return p.stdout

def width(line):
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 0 if unicodedata.combining(c) else 1 for c in line)

narrow = [["explain", "exit.cpuid", "--run", "1", "--db", db], ["explain", "walk", "--tree", "--run", "2", "--db", db]]
for args in narrow:
    if [x for x in run(args, LC_ALL="C.UTF-8", COLUMNS="80").split("\n") if width(x) > 80]:
        say(f"{args}: wider than 80 columns")
    if not run(args, LC_ALL="C").isascii() or "#" not in run(args, LC_ALL="C"):
        say(f"{args}: bars are not ASCII in the C locale")
    if run(args, LC_ALL="C.UTF-8").isascii():
        say(f"{args}: bars are ASCII in a UTF-8 locale")

for args in commands:
    for columns in ("50", "80", "132", "200", None):
        out = run(args, LC_ALL="C.UTF-8", **({"COLUMNS": columns} if columns else {}))
        over = [x for x in out.split("\n") if width(x) > int(columns or 80)]
        if not columns: # in a pipe a sentence is one line, and a table as wide as one of 80 columns
            at_80 = " ".join(run(args, LC_ALL="C.UTF-8", COLUMNS="80").split())
            over = [x for x in over if x not in at_80]
        if not out.strip() or over:
            say(f"{args} in {columns} columns: {len(over)} lines are wider, such as {over[:1]}")
        if any(x != x.rstrip() for x in out.split("\n")):
            say(f"{args}: blanks at the end of lines")
    if not run(args, LC_ALL="C").isascii():
        say(f"{args}: more than ASCII in the C locale")
    if not run(args, LANG="de_DE.ISO-8859-1").isascii():
        say(f"{args}: more than ASCII in a locale of one byte")

# a sentence in a pipe can be searched for; on paper of some width it is folded
stored = ["run", "workloads/gups.lua", "--set", "workload.count=100", "--quiet", "--db", os.path.join(os.path.dirname(db), "a name that does not fit into a line of eighty columns.db")]
for env, lines in (({}, 1), ({"COLUMNS": "80"}, 2)):
    found = re.search(r"^stored as run .*?adds\s+the\s+counters$", run(stored, LC_ALL="C.UTF-8", **env), re.M | re.S)
    if not found or len(found[0].split("\n")) < lines or (lines == 1 and "\n" in found[0]):
        say(f"a sentence with {env}: {found and found[0]}")

# what is folded is all there: each name on one line, each meaning when its lines are put together
for kind, column in (("knobs", "meaning"), ("accounts", "meaning"), ("operations", "meaning"), ("machines", "description")):
    rows = list(csv.DictReader(io.StringIO(run(["list", kind, "--format", "csv"]))))
    table = run(["list", kind], COLUMNS="132", LC_ALL="C.UTF-8")
    lines = table.split("\n")
    first = list(rows[0])[0]
    lost = [r[first] for r in rows if not any(x.startswith(r[first]) for x in lines)]
    words = set(re.split(r"\s+", table))
    lost += [w for r in rows for w in r[column].split() if len(w) < 12 and w not in words]
    if lost:
        say(f"list {kind}: {lost[:3]} are lost")

# wide characters take two columns, and a machine file may say anything
wide = os.path.join(os.path.dirname(db), "wide.lua")
with open(wide, "w", encoding="utf-8") as f:
    f.write('workload "\u754c"\nparam { name = "n", default = 1, unit = "\u754c\u754c\u754c", text = "' + "\u4e16\u754c " * 40 + '\u00b5s \u2026" }\nguest(function(cpu) cpu:compute(10) end)\n')
out = run(["run", wide, "--dry-run"], LC_ALL="C.UTF-8", COLUMNS="60")
if [x for x in out.split("\n") if width(x) > 60]:
    say("wide characters are counted as narrow ones")

# a terminal: its width, its pager, its colours
bare = re.compile("\033\\[1?m")
script = os.path.join(os.path.dirname(db), "sized.sh")
with open(script, "w") as f:
    f.write('stty cols "$1"; shift; exec "$@"\n')

def sized(columns, args, **env):
    pid, fd = pty.fork()
    if not pid:
        os.execvpe("sh", ["sh", script, str(columns), virtsim] + args, base | {"TERM": "xterm", "LC_ALL": "C.UTF-8", "PAGER": "cat"} | env)
    got = b""
    while True:
        try:
            more = os.read(fd, 65536)
        except OSError:
            break
        if not more:
            break
        got += more
    os.waitpid(pid, 0)
    return got.decode().replace("\r\n", "\n")

for columns in (64, 110):
    lines = [bare.sub("", x) for x in sized(columns, ["list", "accounts"]).split("\n")]
    if max(map(width, lines)) > columns or max(map(width, lines)) < columns - 12:
        say(f"a terminal of {columns} columns: lines have up to {max(map(width, lines))}")
if "\033[1m" not in sized(80, ["list", "formats"]):
    say("headings stand out on a terminal")
for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
    if "\033[" in sized(80, ["list", "formats"], **env):
        say(f"{env}: escapes are printed")
mark = "sed s/^/PAGED:/"
if "PAGED:account" not in sized(80, ["list", "accounts"], PAGER=mark, NO_COLOR="1"):
    say("PAGER is not used")
if "PAGED:run 1" not in sized(80, ["show", "1", "--db", db], PAGER="false", VIRTSIM_PAGER=mark, NO_COLOR="1"):
    say("VIRTSIM_PAGER does not come before PAGER")
for env in ({"VIRTSIM_PAGER": "", "PAGER": mark}, {"VIRTSIM_PAGER": "cat", "PAGER": mark}):
    if "PAGED:" in sized(80, ["list", "formats"], **env):
        say(f"{env}: paged all the same")
if "FRX" not in sized(80, ["list", "formats"], PAGER="cat >/dev/null; echo $LESS"):
    say("less is not told to end by itself")
if "QR" not in sized(80, ["list", "formats"], PAGER="cat >/dev/null; echo $LESS", LESS="QR"):
    say("the reader's own LESS is lost")
if "PAGED:" in sized(80, ["list", "formats", "--format", "csv"], PAGER=mark):
    say("CSV is paged")
if "PAGED:" in run(["list", "formats"], PAGER=mark):
    say("a pipe is paged")
if "\033" in run(["list", "formats"]):
    say("a pipe has escapes")
print("done")
PY
equal "tables fit, in every width, locale and on a terminal" done "$(cat "$work/said")"

# list KIND WORD...: by parts of names before their insides before texts, the same rows in every format
names() { "$VIRTSIM" list "$@" --format csv | sed 1d | cut -d, -f1; }
equal "a component" "$(names knobs | grep -cE '(^|\.)ept(\.|$)')" "$(names knobs ept | wc -l)"
equal "a structure's knobs" "ept.l2_tlb.entries ept.l2_tlb.index ept.l2_tlb.large_pages ept.l2_tlb.latency ept.l2_tlb.policy ept.l2_tlb.ways" "$(names knobs ept.l2_tlb. | head -6 | paste -sd' ')"
equal "a part of a name" "$(names knobs | grep -c 'entries')" "$(names knobs entries | grep -c .)"
equal "several words" "ept.l2_tlb.ways" "$(names knobs ways l2_tlb)"
equal "inside a name" "$(names machines | grep -c 'lake_sp')" "$(names machines lake_sp | grep -c .)"
equal "in a text" 1 "$(names workloads kvm-unit-tests | grep -c exit_microbench)"
equal "whatever the case" "$(names machines zen)" "$(names machines ZEN)"
"$VIRTSIM" list knobs ept.l2_tlb.entries >"$work/one"
equal "one alone says all that is known" "knob default bounds unit evidence meaning source" "$(awk '{ print $1 }' "$work/one" | paste -sd' ')"
refused "a word that finds nothing, nearly a name" 2 "did you mean 'ept.l2_tlb.entries'" "$VIRTSIM" list knobs ept.l2_tlb.entrys
refused "a word that finds nothing" 2 "nothing of them is called so" "$VIRTSIM" list machines zzzz
equal "then nothing is printed" 0 "$(wc -c <"$work/out")"
equal "what it is comes before its id" "what" "$("$VIRTSIM" list claims | awk 'NR == 1 { print $1 == "subject" ? "what" : $1 }')"
finish
