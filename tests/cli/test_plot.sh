#!/bin/sh
# SPDX-License-Identifier: MIT
# A figure is drawn of the rows that are stored, looks the same every time and everywhere, and is what a journal takes.
# A figure that cannot be drawn leaves nothing, and a message that says why.
. "$VIRTSIM_HOME/tests/lib.inc"
command -v python3 >/dev/null || { echo "skipped: python3 is not installed"; exit 77; }
export HOME="$work" MPLCONFIGDIR="$work/mpl"
db=$work/f.db
plot() { "$VIRTSIM" plot "$@" --db "$db"; }

"$VIRTSIM" explain exit.cpuid --against haswell_ep_kvm --quiet --db "$db" >/dev/null
"$VIRTSIM" sweep "$VIRTSIM_HOME/workloads/pointer_chase.lua" --set workload.footprint=64MiB --set workload.count=2000 \
    --set workload.warmup=2000 --vary ept.nested_tlb.entries=0,16 --vary ept.guest_pwc.l2.entries=0,8,32 --seeds 3 --name chase \
    --metric op:walk --format csv --quiet --db "$db" >"$work/sweep.csv"

# what is wrong with a request is known before anything is drawn
refused "no kind" 2 "a kind of figure is needed" plot -o "$work/n.svg"
refused "an unknown kind" 2 "did you mean 'heatmap'" plot heatmpa -o "$work/n.svg"
refused "no file" 2 "-o FILE.svg" plot sweep
refused "a file that is no figure" 2 "a name that ends in .svg" plot sweep -o "$work/n.txt"
refused "no folder" 2 "No such file or directory" plot sweep -o "$work/none/n.svg"
mkdir "$work/folder.svg"
refused "a folder" 2 "Is a directory" plot sweep -o "$work/folder.svg"
refused "an option of another kind" 2 "--of does not go with sweep" plot sweep --of walk -o "$work/n.svg"
refused "a query and a file" 2 "--sql does not go with --csv" plot curve --csv a --sql b -o "$work/n.svg"
refused "a query and knobs" 2 "--x does not go with --sql" plot sweep --sql "select 1" --x a -o "$work/n.svg"
refused "a width" 2 "single or double" plot sweep --width wide -o "$work/n.svg"
refused "a height" 2 "0.5 to 20" plot sweep --height 0 -o "$work/n.svg"
refused "a sweep and numbers" 2 "no run numbers go with it" plot time 3 --sweep chase -o "$work/n.svg"
refused "words for runs" 2 "a run number, or A-B" plot time all -o "$work/n.svg"
refused "no database" 2 "no such database" "$VIRTSIM" plot sweep -o "$work/n.svg" --db "$work/none.db"
refused "all of it at once" 2 "did you mean 'latency'" plot latncy --width wide -o "$work/n.txt"
equal "three mistakes, three lines" 3 "$(grep -c '^virtsim: ' "$work/err")"
VIRTSIM_PYTHON=$work/no-python
export VIRTSIM_PYTHON
refused "no matplotlib" 2 "apt-get install python3-matplotlib python3-pandas" plot sweep -o "$work/n.svg"
unset VIRTSIM_PYTHON
equal "nothing is left" 0 "$(find "$work" -name 'n.*' | wc -l)"

for python in python3 /usr/bin/python3 ""; do
    [ -n "$python" ] || { left_out figures; finish; exit; }
    "$python" -c 'import matplotlib, pandas' 2>/dev/null && break
done

# in one process: each a request as the command hands it on, and the words of its refusal
"$python" - "$db" "$work/n.svg" <<'PY' >"$work/said"
import os, sys
sys.path.insert(0, os.environ["VIRTSIM_HOME"] + "/notebooks")
import virtsim_db as vs, virtsim_plot
sql = lambda q: dict(kind="sweep", sql=q)
for request, words in (
    (dict(kind="breakdown", runs=[1], of="exit.hlt"), "no run has an operation exit.hlt"),
    (dict(kind="sweep", metric="op:walkk"), "did you mean op:walk.mean"),
    (dict(kind="sweep", metric="walk"), "op:NAME, part:OP/ACCOUNT"),
    (dict(kind="sweep", metric="ratio:op:walk"), "ratio:A/B needs two metrics"),
    (dict(kind="sweep", metric="op:walk@host"), "op:walk.mean of an actor host"),
    (dict(kind="sweep", metric="op:walk@"), "@ is followed by an actor"),
    (dict(kind="sweep", x="ept.nested_tlb.entrys"), "did you mean ept.nested_tlb.entries"),
    (dict(kind="heatmap", x="ept.l2_tlb.ways"), "they vary ept.guest_pwc.l2.entries, ept.nested_tlb.entries"),
    (dict(kind="sweep", runs=[1, 2]), "no knob differs"),
    (dict(kind="breakdown", by="colour"), "phase, account, component"),
    (dict(kind="compare"), "no comparison is stored"),
    (dict(kind="curve"), "no curve is stored"),
    (dict(kind="time", sweep="chaser"), "did you mean chase"),
    (sql("select run as x from run"), "the query has no y"),
    (sql("select run as x, machine as y from run"), "no number"),
    (sql("select run as x, null as y from run"), "NULL"),
    (sql("selec"), "syntax error"),
    (dict(kind="time", sql="with n(i) as (select 1 union all select i + 1 from n where i < 99) select i as bar, 1 as part, 1 as value from n"), "99 bars"),
    (sql("with n(i) as (select 1 union all select i + 1 from n where i < 99) select i as x, 1 as y, i as series from n"), "99 lines"),
    (sql("delete from run"), "readonly"),
    (sql("select run as x, seed as y from run where 0"), "the query has no rows"),
    (dict(kind="curve", csv=sys.argv[2] + ".csv"), "No such file"),
    ([dict(kind="time"), dict(kind="latency", runs=[1], of="walk")], "has no walk"),
):
    try:
        virtsim_plot.draw(dict(db=sys.argv[1], output=sys.argv[2], panels=request if isinstance(request, list) else [request]))
        print("drawn:", request)
    except (vs.BadRequest, vs.NoRows) as e:
        if words not in str(e):
            print(request, "says", e)
print("all asked")
PY
equal "every refusal says what would be right" "all asked" "$(cat "$work/said")"
# of an actor: the number that the program itself gives
metrics="op:walk@vcpu0/guest op:walk.p99@vcpu0/guest part:walk/memory.l1_hit.share@vcpu0/guest
    part:access.load/walk.n@vcpu?/guest counter:ept.walks@* ratio:op:walk.n@vcpu0/guest/op:access.load.n@vcpu0/guest"
# shellcheck disable=SC2086,SC2046 # words, none of them a file
"$VIRTSIM" show 3 --db "$db" --format csv $(printf ' --metric %s' $metrics) | awk -F, 'NR == 2 { for (i = NF - 5; i <= NF; i++) printf "%.6g\n", $i }' >"$work/shown"
equal "six metrics" 6 "$(grep -c '[1-9]' "$work/shown")"
# shellcheck disable=SC2086
"$python" - "$db" $metrics <<'PY' >"$work/said"
import os, sys
sys.path.insert(0, os.environ["VIRTSIM_HOME"] + "/notebooks")
import virtsim_db as vs
from virtsim_metric import metric
for name in sys.argv[2:]:
    print("%.6g" % metric(vs.Database(sys.argv[1]), name, [3])[0][3])
PY
equal "a metric of an actor is what show says" "$(cat "$work/shown")" "$(cat "$work/said")"
equal "nothing is left" 0 "$(find "$work" -name 'n.*' | wc -l)"
equal "nor is anything lost" 20 "$(python3 -c "import sqlite3; print(sqlite3.connect('$db').execute('select count(*) from run').fetchone()[0])")"
echo mine >"$work/kept.svg"
refused "a figure that is not drawn" 2 "no run 99" plot time 99 -o "$work/kept.svg"
equal "does not take another's place" mine "$(cat "$work/kept.svg")"
refused "a place where none can be written" 1 "/proc/n.svg" plot sweep -o /proc/n.svg

# every kind that --help names, and several on one page
ok "a comparison" "$VIRTSIM" compare --domain interrupt --db "$db"
cat >"$work/kinds" <<'KINDS'
breakdown 1 2 --of exit.cpuid
time 3-20 --by account
sweep --x ept.guest_pwc.l2.entries --metric op:walk
heatmap --metric ratio:op:walk.n/op:access.load.n
latency 3 20 --of walk
curve --sql 'select 1 as x, 2 as y union select 2, 1'
compare --domain interrupt
KINDS
equal "every kind is drawn here" "$("$VIRTSIM" plot --help | sed -n '/KIND is one of/,/^RUN/s/^  \([a-z]*\) .*/\1/p' | sort | tr '\n' ' ')" \
    "$(cut -d' ' -f1 "$work/kinds" | sort | tr '\n' ' ')"
printf 'font.size: 30\naxes.facecolor: pink\nsavefig.dpi: 30\n' >"$work/matplotlibrc"
mkdir -p "$work/a" "$work/b"
all=$(sed 's/$/ +/' "$work/kinds" | tr '\n' ' ' | sed 's/ + $//')
ok "a page of all kinds" eval "plot $all --width double -o $work/a/page.pdf"
equal "which says what it has drawn" 1 "$(grep -c "page.pdf: 7.00 x .* in, breakdown of [1-9].* compare of [1-9]" "$work/out")"
settings="TZ=Asia/Tokyo LC_ALL=C.UTF-8 SOURCE_DATE_EPOCH=86400 MATPLOTLIBRC=$work/matplotlibrc"
ok "and again" eval "$settings plot $all --width double -o $work/b/page.pdf"
ok "the same bytes, whatever the user's settings are" cmp "$work/a/page.pdf" "$work/b/page.pdf"
ok "and as SVG" eval "$settings plot breakdown 1 2 --of exit.cpuid -o $work/b/breakdown.svg"
"$python" - "$db" "$work/a" "$work/kinds" <<'PY' >"$work/said"
import os, shlex, sys
sys.path.insert(0, os.environ["VIRTSIM_HOME"] + "/notebooks")
import virtsim_plot
for line in open(sys.argv[3]):
    kind, *words = shlex.split(line)
    numbers = [w for w in words if w[0].isdigit() and words[words.index(w) - 1][:2] != "--"]
    runs = [r for w in numbers for r in range(int(w.split("-")[0]), int(w.split("-")[-1]) + 1)]
    said = dict(zip([w[2:] for w in words if w[:2] == "--"], [words[i + 1] for i, w in enumerate(words) if w[:2] == "--"]))
    for end in ("svg",):
        virtsim_plot.draw(dict(db=sys.argv[1], output=f"{sys.argv[2]}/{kind}.{end}", panels=[dict(said, kind=kind, **({"runs": runs} if runs else {}))]))
    print(kind)
PY
ok "the same bytes as without" cmp "$work/a/breakdown.svg" "$work/b/breakdown.svg"
equal "each kind alone" "$(cut -d' ' -f1 "$work/kinds")" "$(cat "$work/said")"

"$python" - "$work/a" <<'PY' >"$work/said"
import glob, os, re, sys
sys.path.insert(0, os.environ["VIRTSIM_HOME"] + "/notebooks")
from virtsim_style import COLOURS, PALE, WIDTH
def luminance(rgb):  # as the colour-blind see it, too: lightness alone tells neighbours apart
    return sum(w * ((c / 12.92) if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4) for w, c in zip((0.2126, 0.7152, 0.0722), rgb))
for path in sorted(glob.glob(sys.argv[1] + "/*.pdf")):
    name, data = os.path.basename(path), open(path, "rb").read()
    fonts = re.findall(rb"/Type /Font(?!D).*?>>", data, re.S)
    embedded = len(re.findall(rb"/FontFile2 ", data))
    if b"/Subtype /Type3" in data or not fonts or not embedded:
        print(name, "fonts are not embedded as TrueType")
    width = float(re.search(rb"/MediaBox \[ 0 0 ([0-9.]+)", data).group(1)) / 72
    if abs(width - WIDTH["double" if "page" in name else "single"]) > 0.01:
        print(name, "is", width, "inches wide")
    if re.search(rb"/(CreationDate|ModDate)", data):
        print(name, "has a date")
for path in sorted(glob.glob(sys.argv[1] + "/*.svg")):
    name, text = os.path.basename(path), open(path).read()
    if "<text" in text or "font-family" in text:
        print(name, "has text that another font could be put in for")
    if re.search(r"<dc:date>|20\d\d-\d\d-\d\d", text):
        print(name, "has a date")
    if abs(float(re.search(r'width="([0-9.]+)pt"', text).group(1)) / 72 - WIDTH["double" if "page" in name else "single"]) > 0.01:
        print(name, "is of another width")
    used = {c.lower() for c in re.findall(r"(?:fill|stroke): (#[0-9a-fA-F]{6})", text)}
    grey = {c for c in used if c[1:3] == c[3:5] == c[5:7]}
    if used - grey - {c.lower() for c in COLOURS} - {PALE.lower()}:
        print(name, "has colours of its own:", used - grey)
shades = [luminance([int(c[i:i + 2], 16) / 255 for i in (1, 3, 5)]) for c in COLOURS[:-1]]
for a, b in zip(shades, shades[1:]):
    if (max(a, b) + 0.05) / (min(a, b) + 0.05) < 1.2:
        print("neighbouring colours are of one lightness")
print("looked at", len(glob.glob(sys.argv[1] + "/*.[sp][vd][gf]")))
PY
equal "journals take it: widths, fonts, colours, no dates" "looked at 8" "$(cat "$work/said")"

# what is drawn is what is stored
ok "a curve" "$VIRTSIM" curve "$VIRTSIM_HOME/workloads/gups.lua" --structure ept.l2_tlb --set workload.footprint=4MiB \
    --set workload.count=2000 --set workload.warmup=2000 --quiet --format csv --db "$db"
cp "$work/out" "$work/curve.csv"
"$python" - "$db" "$work/sweep.csv" "$work/curve.csv" <<'PY' >"$work/said"
import csv, os, sqlite3, sys
sys.path.insert(0, os.environ["VIRTSIM_HOME"] + "/notebooks")
import virtsim_db as vs
db, con = vs.connect(sys.argv[1]), sqlite3.connect(sys.argv[1])
one = lambda q: con.execute(q).fetchone()[0]
for by in ("phase", "account", "component"):
    bars = vs.rows(db, "breakdown", runs=[1, 2], of="exit.cpuid", by=by).groupby("bar")["value"].sum()
    for run, ns in zip((1, 2), bars[[m for (m,) in con.execute("select machine from run where run < 3 order by run")]]):
        assert abs(ns / one(f"select total_ps / 1e3 / n from op where run = {run} and op = 'exit.cpuid'") - 1) < 1e-9, by
walk = vs.rows(db, "breakdown", runs=[3], of="access.load", by="account")
assert abs(walk["value"].sum() / one("select total_ps / 1e3 / n from op where run = 3 and op = 'access.load'") - 1) < 1e-9
assert "memory.l1_hit" in set(walk["part"]), "walks inside a load are taken apart"
times = vs.rows(db, "time", by="operation")
ms = one("select total_ps / 1e9 from op where run = 3 and op = 'timeline' and actor = 'vcpu0'")
assert abs(times.groupby("bar", sort=False)["value"].sum().iloc[0] / ms - 1) < 1e-9
assert abs(vs.rows(db, "time", share=True).groupby("bar")["value"].sum() - 100).max() < 1e-6
for metric in ("op:walk", "part:walk/memory.l1_hit", "counter:ept.walks"):
    lines = vs.rows(db, "sweep", x="ept.guest_pwc.l2.entries", series="ept.nested_tlb.entries", metric=metric)
    full = metric + (".mean" if metric[0] != "c" else "")
    for r in lines.itertuples():
        values = [v for (v,) in con.execute(
            "select m.value from metric m join knob a using (run) join knob b using (run) where metric = ? and a.path = 'ept.guest_pwc.l2.entries'"
            " and b.path = 'ept.nested_tlb.entries' and a.value = ? and b.value = ?", (full, str(int(r.x)), r.series))]
        assert len(values) == 3 == r.seeds, values
        assert abs(r.y - sum(values) / 3) <= 1e-9 * r.y
    cells = vs.rows(db, "heatmap", x="ept.guest_pwc.l2.entries", y="ept.nested_tlb.entries", metric=metric)
    assert sorted(cells["value"].round(6)) == sorted(lines["y"].round(6))
said = {(int(r["ept.guest_pwc.l2.entries [entries]"]), int(r["ept.nested_tlb.entries [entries]"])): float(r["op:walk.mean [ns] ci95"])
        for r in csv.DictReader(open(sys.argv[2], newline=""))}
for r in vs.rows(db, "sweep", sweep="chase", x="ept.guest_pwc.l2.entries", metric="op:walk").itertuples():
    assert abs((r.high - r.low) / 2 - said[r.x, r.series]) < 2e-3 * said[r.x, r.series], "the interval is the sweep's own"
stored, printed = vs.rows(db, "curve"), vs.rows(None, "curve", csv=sys.argv[3])
assert len(stored) > 20 and sorted(map(tuple, stored.round(6).values)) == sorted(map(tuple, printed.round(6).values))
assert stored["y"].max() <= 100 and stored["x"].max() == one("select max(entries) from curve")
hist = vs.rows(db, "latency", runs=[3], of="walk")
assert hist["n"].sum() == one("select sum(n) from op where run = 3 and op = 'walk'")
assert len(vs.rows(db, "compare", all=True)) == one("select count(distinct claim_id) from comparison")
print("as stored")
PY
equal "what is drawn is what is stored" "as stored" "$(cat "$work/said")"
finish
