#!/bin/sh
# SPDX-License-Identifier: MIT
# What the documentation prints works as printed: README's commands, SQL, Lua, links, names.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$work" || exit 1

# a place where the README's paths exist, and where databases may land
mkdir -p tree/build tree/results
for d in workloads scripts docs notebooks tools tests; do ln -s "$VIRTSIM_HOME/$d" tree/$d; done
cp "$VIRTSIM_HOME"/results/*.csv tree/results/
ln -s "$VIRTSIM" tree/build/virtsim
cd tree || exit 1
export VIRTSIM_HOME_REAL="$VIRTSIM_HOME"

grep '^build/virtsim \|^sqlite3 ' "$VIRTSIM_HOME/README.md" >commands
checks=$((checks + 1))
if [ "$(wc -l <commands)" -lt 10 ]; then
    failures=$((failures + 1))
    echo "FAILED: README prints fewer than 10 commands: did its form change?"
fi
export MPLCONFIGDIR="$work/mpl"
for python in python3 /usr/bin/python3 ""; do # an interpreter with matplotlib
    [ -z "$python" ] || "$python" -c 'import matplotlib, pandas' 2>/dev/null && break
done
[ -n "$python" ] || left_out figures_of_the_readme
# what docs/figures.md prints, too, `tools/gen-docs --check` runs; what needs no database of ours we leave to it
also() { sed -n 's/^virtsim \(plot\|compare\) /\1 /p' "$VIRTSIM_HOME/docs/figures.md" | sed 's/ --db .*//' | grep -qxF -- "$1"; }
while read -r line; do
    words=${line#build/virtsim }
    case $words in "plot "* | "compare --domain exit") if also "${words%% --db*}"; then continue; fi ;; esac
    case $words in "plot "*) [ -n "$python" ] || continue ;; esac
    checks=$((checks + 1))
    if ! sh -c "$line" >out 2>err </dev/null; then
        failures=$((failures + 1))
        echo "FAILED: README: $line"
        head -3 err
    elif [ ! -s out ]; then
        failures=$((failures + 1))
        echo "FAILED: README: nothing is printed by: $line"
    fi
done <commands

# what the README's commands draw is a page for a paper (tests/cli/test_plot.sh looks at such a page)
[ -z "$python" ] || equal "README: a page of six panels" 1 "$(grep -c 'page.pdf: 7.00 x .* in, breakdown .* time .* sweep .* heatmap .* latency .* compare' out)"

# the example of a comparison compares what can be compared
"$VIRTSIM" diff 1 2 >out 2>err
equal "README: diff warns of nothing" "" "$(cat err)"

# every query of docs/results.md finds something in a database that holds the four kinds of runs
db=$work/q.db
small="--quiet --db $db"
"$VIRTSIM" run workloads/exit_mix.lua --set workload.count=100000 $small >/dev/null
"$VIRTSIM" run workloads/exit_mix.lua --set workload.count=100000 --set ept.l2_tlb.entries=768 $small >/dev/null
"$VIRTSIM" run workloads/udp_echo.lua --set workload.packets=50 $small >/dev/null
python3 - "$VIRTSIM_HOME" "$db" "$work" <<'PY' >found
import csv, io, os, re, sqlite3, subprocess, sys
home, db, work = sys.argv[1:]
bad = []
con = sqlite3.connect(db)
queries = re.findall(r"```sql\n(.*?)```", open(home + "/docs/results.md").read(), re.S)
if len(queries) < 8:
    bad.append("docs/results.md: fewer than 8 queries")
for q in queries:
    try:
        if not con.execute(q).fetchall():
            bad.append("docs/results.md: finds nothing: " + q.split("\n")[0])
    except sqlite3.Error as e:
        bad.append(f"docs/results.md: {e}: {q}")
told = open(home + "/docs/results.md").read()
for kind, name in con.execute("select type, name from sqlite_schema where type in ('table', 'view')"):
    if f"`{name}`" not in told:
        bad.append(f"docs/results.md does not name the {kind} {name}")
# the Lua interface: what is registered is documented, and the other way round
text = open(home + "/docs/workloads.md").read()
listed = subprocess.run([os.environ["VIRTSIM"], "list", "requests", "--format", "csv"], capture_output=True, text=True, check=True)
methods = {r["request"] for r in csv.DictReader(io.StringIO(listed.stdout)) if r["method"]}
methods |= set(re.findall(r'\{"(\w+)", (?:cpu_|vs__cpu_)\w+\}', open(f"{home}/sim/lua/workload_cpu.c").read()))
named = set(re.findall(r"cpu:(\w+)[\s({]", text))
for m in sorted(methods ^ named):
    bad.append(f"docs/workloads.md: cpu:{m} is " + ("not documented" if m in methods else "no method"))
for name, page in (("own.lua", "workloads"), ("machine.lua", "adding-a-machine")):
    open(f"{work}/{name}", "w").write(re.search(r"```lua\n(.*?)```", open(f"{home}/docs/{page}.md").read(), re.S).group(1))
# links between the pages
for folder, _, files in os.walk(home + "/docs"):
    for f in files:
        if f.endswith(".md"):
            p = os.path.join(folder, f)
            for link in re.findall(r"\]\(([^)#\s]+)\)", open(p).read()):
                if "://" not in link and not os.path.exists(os.path.join(folder, link)):
                    bad.append(f"{os.path.relpath(p, home)}: no {link}")
for link in re.findall(r"\]\(([^)#\s]+)\)", open(home + "/README.md").read()):
    if not os.path.exists(os.path.join(home, link)):
        bad.append(f"README.md: no {link}")
# the steps of the how-to pages name files that exist
for page in ("adding-a-component", "adding-a-machine", "architecture", "workloads", "results"):
    for path in re.findall(r"`((?:sim|model|include|tools|tests|workloads|scripts|core)/[\w./]+\.\w+)`",
                           open(f"{home}/docs/{page}.md").read()):
        if "NAME." not in path and not os.path.exists(f"{home}/{path}"):  # NAME: the reader's own
            bad.append(f"docs/{page}.md: no {path}")
# what `dev` installs has its line in the table of dependencies, and the other way round
dev = open(home + "/dev").read()
wanted = set(" ".join(re.findall(r'^for_\w+="([^"]*)"', dev, re.M)).split())
listed = {p for row in re.findall(r"^\| (`.*?) \|", open(home + "/docs/dependencies.md").read(), re.M) for p in re.findall(r"`([^`]+)`", row)}
for p in sorted(wanted ^ listed):
    bad.append(f"docs/dependencies.md: {p} " + ("has no line" if p in wanted else "is not installed by dev"))
# links to sections
def anchors(path):
    heads = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```", "", open(path).read(), flags=re.S | re.M), re.M)
    return {re.sub(r"[^a-z0-9 _-]", "", h.lower()).replace(" ", "-") for h in heads}
for p in [home + "/README.md"] + [os.path.join(d, f) for d, _, fs in os.walk(home + "/docs") for f in fs if f.endswith(".md")]:
    for link, part in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", open(p).read()):
        to = os.path.join(os.path.dirname(p), link) if link else p
        if "://" not in link and os.path.exists(to) and part not in anchors(to):
            bad.append(f"{os.path.relpath(p, home)}: no section {part}")
print("\n".join(bad))
PY
equal "documentation agrees with code and database" "" "$(cat found)"
# every command that a page prints is one: runs and replays as far as --dry-run goes, the first combination of a
# sweep, explanations of short runs; what is recorded on the way is there for what follows
python3 - "$VIRTSIM_HOME" >pages <<'PY'
import os, re, subprocess, sys
home = sys.argv[1]
for folder, _, files in sorted(os.walk(home + "/docs")):
    for f in sorted(files):
        if not f.endswith(".md") or "generated" in folder:
            continue
        for line in re.sub(r"\\\n *", "", open(os.path.join(folder, f)).read()).splitlines():
            line = re.sub(r"\s+#.*", "", line.strip())
            words = line.split()
            if re.fullmatch(r"printf '[^']*' >\w+\.lua", line):  # a machine's file, for the command behind it
                subprocess.run(["sh", "-c", line], check=True)
            if line.startswith("virtsim ") and len(words) > 1 and not re.search(r"\b(GUEST|OLD|FILE)\b|[A-Z]\.\.\.", line):
                line = re.sub(r" --db \S+| -j \d+| --svg \S+", "", line[8:]).replace("./mine.lua", "MINE").replace("NAME", "skylake_x_kvm")
                if re.search(r"--(slurm|gather|manifest|index|resume)", line):
                    continue
                # a dry run makes the tables of its guest: of some MiB, as nothing but the knobs is looked at
                line = re.sub(r"footprint=\d+GiB", "footprint=64MiB", line)
                if "gups" in line and "footprint" not in line:
                    line += " --set workload.footprint=64MiB"
                if words[1] == "explain":
                    line += " --no-store --quiet" + (" --set workload.count=1000 --set workload.warmup=1000 --set workload.footprint=16MiB"
                                                          if "gups" in line or "access.load" in line else "")
                elif words[1] in ("run", "replay", "sweep") and "--dry-run" not in line:
                    line += " --set workload.packets=50" if "--record" in line else " --dry-run"
                elif words[1] not in ("run", "replay", "sweep"):
                    continue
                print(os.path.relpath(os.path.join(folder, f), home), line)
PY
while read -r page line; do
    # shellcheck disable=SC2086 # words
    ok "$page: virtsim $line" "$VIRTSIM" $(echo "$line" | sed "s|MINE|$work/machine.lua|")
done <pages
equal "commands of pages" 1 "$([ "$(wc -l <pages)" -ge 30 ] && echo 1)"
ok "the workload of docs/workloads.md" "$VIRTSIM" run "$work/own.lua" $small
ok "the machine of docs/adding-a-machine.md" "$VIRTSIM" run workloads/gups.lua --set workload.count=1000 \
    --set workload.footprint=1MiB --machine "$work/machine.lua" $small
equal "and its knob" 768 "$(sqlite3 "$db" "select value from knob where path = 'ept.l2_tlb.entries' and run = (select max(run) from run)")"
finish
