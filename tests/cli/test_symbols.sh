#!/bin/sh
# SPDX-License-Identifier: MIT
# Costs by symbol and line of the traced program, and what other programs read of them.
. "$VIRTSIM_HOME/tests/lib.inc"
for tool in cc objdump callgrind_annotate strip; do
    command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
cd "$work" || exit 1
cat >prog.c <<'C'
static int a[64];
__attribute__((noinline)) int hot(int i)
{
    a[i & 63] += i;
    return a[i & 63];
}
__attribute__((noinline)) int cold(int i)
{
    return i * 3 + a[3];
}
int main(void)
{
    int s = 0;
    for (int i = 0; i < 1000; i++) {
        s += hot(i);
    }
    return s + cold(s);
}
C
cc -O1 -g -no-pie -o exec prog.c && cc -O1 -g -fPIE -pie -o pie prog.c && cc -O1 -no-pie -o plain prog.c &&
    cc -O1 -g -no-pie -Wl,-Ttext-segment=0x70000000 -o far prog.c || { echo "skipped: no position-dependent programs here"; exit 77; }
cp exec stripped && strip stripped

# a lackey trace of: _start, main, hot 300 times (each time another page), cold
cat >trace.py <<'PY'
import re, subprocess, sys
exe, base = sys.argv[1], int(sys.argv[2], 0)
code, name = {}, None
for line in subprocess.run(["objdump", "-d", "--no-show-raw-insn", exe], capture_output=True, text=True).stdout.splitlines():
    if m := re.match(r"^[0-9a-f]+ <(\w+)>:", line):
        name = m[1]
        code[name] = []
    elif (m := re.match(r"^\s+([0-9a-f]+):", line)) and name:
        code[name].append(int(m[1], 16))
def run(function, data):
    at = code[function]
    for i, x in enumerate(at):
        print(f"I  {x + base:08x},{at[i + 1] - x if i + 1 < len(at) else 1}")
        if data and i == 1:
            print(f" L {data:08x},4")
run("_start", 0)
run("main", 0)
for k in range(300):
    run("hot", 0x10000000 + k % 64 * 4096)
run("cold", 0x20000000)
PY
python3 trace.py exec 0 >exec.lackey
python3 trace.py pie 0x5555000 >pie.lackey
db=t.db
ok "a trace of a program" "$VIRTSIM" replay exec.lackey --where --spans 8 --quiet --db $db
ok "of one that lies anywhere, named at once" "$VIRTSIM" replay pie.lackey --elf pie --spans 8 --set cpu.window=64 --quiet --db $db
ok "of two, an address space each" "$VIRTSIM" replay exec.lackey exec.lackey --where --quiet --db $db
top() { "$VIRTSIM" top "$@" --db $db --format csv 2>"$work/err"; }
books() { sqlite3 $db "select total(total_ps) from $1 where run = $2 and $3" | sed 's/\.0$//'; }
sum() { awk -F, 'NR > 1 { ps += $4 } END { printf "%d\n", ps }'; }

equal "the loads are hot's, and cold's" "hot 300 cold 1" "$(echo $(top 1 --elf exec --of access.load | awk -F, 'NR > 1 { print $2, $3 }'))"
equal "of line 4 and line 9" "4 300 9 1" "$(echo $(top 1 --elf exec --by line --of access.load | sed -n 's/.*prog.c:\([0-9]*\),\([0-9]*\),.*/\1 \2/p'))"
equal "walks by symbol add up to the operation" "$(books op 1 "op = 'walk'")" "$(top 1 --elf exec --of walk | sum)"
equal "time by line adds up to the line" "$(books op 1 "op = 'timeline' and actor = 'vcpu0'")" "$(top 1 --elf exec --by line --of total | sum)"
equal "where it was loaded is found" "hot 300 cold 1" "$(echo $(top 2 --by symbol --of access.load | awk -F, 'NR > 1 { print $2, $3 }'))"
equal "and said" 1 "$(grep -c 'loaded at 0x5555000' "$work/err")"
equal "or given" "hot 300 cold 1" "$(echo $(top 2 --elf pie@0x5555000 --of access.load | awk -F, 'NR > 1 { print $2, $3 }'))"
equal "address spaces are apart" "vcpu0 300 vcpu1 300" "$(echo $(top 3 --elf exec --of access.load | awk -F, '$2 == "hot" { print $1, $3 }' | sort))"
ok "without DWARF there are symbols" "$VIRTSIM" top 1 --db $db --elf plain
equal "which is said" 1 "$(grep -c 'symbols only' "$work/err")"
refused "but no lines" 2 "compile with -g" "$VIRTSIM" top 1 --db $db --elf plain --by line
refused "nothing of a stripped one" 2 "stripped" "$VIRTSIM" top 1 --db $db --elf stripped
refused "another program" 2 "is not the program of run 1" "$VIRTSIM" top 1 --db $db --elf far
refused "another place" 2 "is not the program of run 2" "$VIRTSIM" top 2 --db $db --elf pie@0x7000000
refused "one that may lie anywhere and fits nowhere" 2 "@0xBASE" "$VIRTSIM" top 1 --db $db --elf pie
refused "no program" 2 "prog.c" "$VIRTSIM" top 1 --db $db --elf prog.c
refused "no file" 2 "none" "$VIRTSIM" top 1 --db $db --elf none
refused "nor at the replay" 2 "prog.c: " "$VIRTSIM" replay exec.lackey --elf prog.c --quiet --no-store
refused "no program was named" 2 "--elf FILE" "$VIRTSIM" top 1 --db $db --by symbol
printf 'guest(function(cpu) local m = cpu:map { bytes = "1MiB" } cpu:random { region = m, count = 100 } end)\n' >w.lua
ok "a workload" "$VIRTSIM" run w.lua --where --quiet --db $db
refused "which has no instructions" 2 "no addresses of instructions" "$VIRTSIM" top 4 --db $db --elf exec

# callgrind's own program reads the export, and finds the books' sums
ok "callgrind" "$VIRTSIM" top 1 --db $db --elf exec --export callgrind -o cg.out
ok "is read" callgrind_annotate cg.out
totals() { grep 'PROGRAM TOTALS' "$work/out" | sed 's/([^)]*)//g; s/,//g; s/PROGRAM.*//' | tr -s ' '; }
in_books() {
    echo "$(books op $1 "op = 'timeline' and actor in ('vcpu0', 'vcpu1')") $(books op $1 "op = 'walk'") $(books part $1 "kind = 'work' and account like 'memory.dram_row%'") $(books op $1 "op like 'exit.%'") $(books op $1 "op like 'access.%'")"
}
equal "with the books' sums" "$(in_books 1)" "$(echo $(totals))"
equal "and the source's lines" 1 "$(grep -c 'a\[i & 63\] += i' "$work/out")"
ok "of instructions without a program" "$VIRTSIM" top 3 --db $db --by ip --export callgrind -o cg.out
ok "too" callgrind_annotate cg.out
equal "with the same sums" "$(in_books 3)" "$(echo $(totals))"
ok "of a workload's regions" "$VIRTSIM" top 4 --db $db --export callgrind -o cg.out
ok "as well" callgrind_annotate cg.out
equal "and sums" "$(in_books 4)" "$(echo $(totals))"

# spans for viewers
for run in 1 2; do
    ok "chrome, run $run" "$VIRTSIM" top $run --db $db --export chrome -o chrome.json
    ok "speedscope" "$VIRTSIM" top $run --db $db --export speedscope -o speed.json
    python3 - $db $run >said <<'PY'
import json, sqlite3, sys
db, run = sqlite3.connect(sys.argv[1]), sys.argv[2]
spans = sorted(db.execute("select actor, op, start_ps, total_ps from span where run = ? and total_ps > 0", (run,)))
chrome = json.load(open("chrome.json"))
names = {e["pid"]: e["args"]["name"] for e in chrome["traceEvents"] if e["ph"] == "M"}
drawn = sorted((names[e["pid"]], e["name"], round(e["ts"] * 1e6), round(e["dur"] * 1e6)) for e in chrome["traceEvents"] if e.get("cat") == "operation")
if drawn != spans:
    print("chrome does not draw the spans")
charges = sum(round(e["dur"] * 1e6) for e in chrome["traceEvents"] if e.get("cat") == "charge")
if not charges:
    print("chrome draws no charges")
speed = json.load(open("speed.json"))
need = {"$schema": str, "shared": dict, "profiles": list}  # required by the file format's schema
if any(not isinstance(speed.get(k), t) for k, t in need.items()) or speed["$schema"] != "https://www.speedscope.app/file-format-schema.json":
    print("speedscope: not by its schema")
count = {}
for p in speed["profiles"]:
    if p["type"] != "evented" or p["unit"] not in ("nanoseconds", "microseconds") or not isinstance(p["name"], str):
        print("speedscope: a profile is not by the schema")
    last, stack = p["startValue"], []
    for e in p["events"]:
        if e["at"] < last or e["at"] > p["endValue"]:
            print("speedscope: events are not in the order of time")
        last = e["at"]
        name = speed["shared"]["frames"][e["frame"]]["name"]
        if e["type"] == "O":
            stack.append(name)
            count[name] = count.get(name, 0) + 1
        elif not stack or stack.pop() != name:
            print("speedscope: what closes is not what is open")
    if stack:
        print("speedscope: something stays open")
for op in {s[1] for s in spans}:
    if count.get(op) != sum(s[1] == op for s in spans):
        print("speedscope does not draw every", op)
PY
    equal "both are as their formats want them, and whole" "" "$(cat said)"
done
refused "a run without spans says what to run" 2 "--spans" "$VIRTSIM" top 3 --db $db --export chrome
refused "a folder that is not there" 2 "No such file" "$VIRTSIM" top 1 --db $db --export chrome -o no/where.json
refused "an unknown format" 2 "speedscope" "$VIRTSIM" top 1 --db $db --export perf

# a sweep that is written down keeps the program, and where it lies; a manifest's lies beside it
"$VIRTSIM" sweep "$VIRTSIM_HOME/workloads/traces/rowindex.lackey.zst" --limit 1000 --elf pie@0x4000000 --vary cpu.clock.mhz=2000:1000:/2 --print-manifest >kept.lua
ok "the manifest runs" "$VIRTSIM" sweep --manifest kept.lua --db kept.db --quiet
equal "each point knows the program" "2 $work/pie@0x4000000" "$(sqlite3 kept.db "select count(*) || ' ' || max(value) from provenance where key = 'elf'")"
mkdir -p beside && cp exec beside/
printf 'input("%s")\nlimit(1000)\nelf("exec")\nvary("cpu.clock.mhz", 1000, 2000)\n' "$VIRTSIM_HOME/workloads/traces/rowindex.lackey.zst" >beside/m.lua
ok "a program beside its manifest" "$VIRTSIM" sweep --manifest beside/m.lua --db beside.db --quiet
equal "is that one" "$work/beside/exec" "$(sqlite3 beside.db "select distinct value from provenance where key = 'elf'")"
finish
