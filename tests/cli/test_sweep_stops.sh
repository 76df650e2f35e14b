#!/bin/sh
# SPDX-License-Identifier: MIT
# A sweep that is stopped goes on where it was, and is then what it had been without; so is one in parts, and two at once.
# VIRTSIM_ALL=1: a thousand points.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
printf 'param { name = "n", default = 10, min = 1, text = "lines" }\nguest(function(cpu, p) local m = cpu:map { bytes = 1 << 20 } cpu:random { region = m, count = p.n, op = "load" } end)\n' >"$work/tiny.lua"
half=15
[ -n "${VIRTSIM_ALL:-}" ] && half=250
last=$((1000 + 2 * half - 1))
all=$((4 * half))
vary="--vary workload.n=1000:$last:+1 --vary ept.l2_tlb.entries=768,1536"
sweep() { "$VIRTSIM" sweep "$work/tiny.lua" "$@"; }
digest() { "$VIRTSIM" db digest "$1"; }
runs() { sqlite3 "$1" 'select count(*) from run' 2>/dev/null || echo 0; }
wait_for() { # wait_for DATABASE RUNS: it has so many, or two minutes are over
    i=0
    while [ "$(runs "$1")" -lt "$2" ] && [ $i -lt 2400 ]; do
        sleep 0.05
        i=$((i + 1))
    done
}

ok "a sweep without a stop" sweep $vary --quiet -j 1 --db "$work/whole.db"
equal "has all points" $all "$(runs "$work/whole.db")"
whole=$(digest "$work/whole.db")

# killed half-way
"$VIRTSIM" sweep "$work/tiny.lua" $vary --quiet -j 2 --db "$work/k.db" >/dev/null 2>&1 &
pid=$!
wait_for "$work/k.db" $half
kill -9 $pid
wait $pid 2>/dev/null
ok "after kill -9 the database is whole" "$VIRTSIM" db check "$work/k.db"
stored=$(runs "$work/k.db")
ok "and holds a part ($stored of $all)" test "$stored" -ge 1 -a "$stored" -lt $all
ok "which --resume goes on from, without the command line" "$VIRTSIM" sweep --resume --quiet -j 2 --db "$work/k.db"
equal "saying what was there" 1 "$(grep -c "$all of $all points stored .*; $stored were there before" "$work/out")"
equal "to the sweep without a stop" "$whole" "$(digest "$work/k.db")"

# Ctrl-C; each point takes long enough that it comes before the last one
slow="--vary workload.n=200000:$((200000 + 2 * half - 1)):+1 --vary ept.l2_tlb.entries=768,1536"
python3 - "$VIRTSIM" "$work" $half $slow <<'PY' || { failures=$((failures + 1)); echo "FAILED: Ctrl-C says how many points are stored, and how to go on"; }
import os, re, signal, sqlite3, subprocess, sys, time
virtsim, work, half = sys.argv[1], sys.argv[2], int(sys.argv[3])
db = work + "/c.db"
p = subprocess.Popen([virtsim, "sweep", work + "/tiny.lua", *sys.argv[4:], "-j", "2", "--db", db], stdout=subprocess.DEVNULL,
                     stderr=subprocess.PIPE, text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
def runs():
    try:
        return sqlite3.connect(f"file:{db}?mode=ro", uri=True).execute("select count(*) from run").fetchone()[0]
    except sqlite3.Error:
        return 0
end = time.time() + 120
while runs() < half // 2 and time.time() < end:
    time.sleep(0.02)
p.send_signal(signal.SIGINT)
text = p.communicate()[1]
assert p.returncode == -signal.SIGINT, p.returncode
found = re.search(r"stopped: (\d+) of (\d+) points are stored in \S+; the same command goes on with the others, or '(.*)'", text)
assert found, text
assert int(found[1]) == runs() > 0 and int(found[2]) == 4 * half, (found[1], runs())
subprocess.run([virtsim if w == "virtsim" else w for w in found[3].split()] + ["--quiet"], check=True, stdout=subprocess.DEVNULL)
PY
checks=$((checks + 1))
ok "the sweep of slow points without a stop" sweep $slow --quiet -j 2 --db "$work/slow.db"
equal "and the advice leads to the same" "$(digest "$work/slow.db")" "$(digest "$work/c.db")"
refused "nothing to go on with" 2 "no such database" "$VIRTSIM" sweep --resume --db "$work/none.db"
refused "another sweep than is there" 2 "no point of this sweep to go on from" sweep --set workload.n=7 --vary ept.l2_tlb.entries=768 --resume --db "$work/k.db"
refused "a name that is not there" 2 "has no such sweep; it has tiny-" "$VIRTSIM" sweep --resume=other --db "$work/k.db"

# two at once
sweep $vary --quiet --db "$work/two.db" >/dev/null 2>"$work/err1" &
sweep $vary --quiet --db "$work/two.db" >/dev/null 2>"$work/err2" || echo "second failed"
wait
equal "the same sweep twice at once stores each point once" $all "$(runs "$work/two.db")"
ok "and leaves the database whole" "$VIRTSIM" db check "$work/two.db"
sweep --vary workload.n=2000:2019:+1 --quiet --db "$work/two.db" >/dev/null 2>&1 &
sweep --vary workload.n=3000:3019:+1 --quiet --db "$work/two.db" >/dev/null 2>&1
wait
equal "different ones at once are both stored" $((all + 40)) "$(runs "$work/two.db")"

# in parts
"$VIRTSIM" sweep "$work/tiny.lua" $vary --print-manifest >"$work/m.lua"
for i in 1 2 3; do
    ok "part $i of 3" "$VIRTSIM" sweep --manifest "$work/m.lua" --index $i/3 --quiet -o "$work/shard-$i.db"
done
ok "the parts are merged" "$VIRTSIM" db merge "$work/parts.db" "$work/shard-1.db" "$work/shard-2.db" "$work/shard-3.db"
equal "to the same as in one piece" "$whole" "$(digest "$work/parts.db")"
ok "merging them again" "$VIRTSIM" db merge "$work/parts.db" "$work/shard-2.db" "$work/shard-1.db"
equal "changes nothing" "$whole" "$(digest "$work/parts.db")"
ok "a part again" "$VIRTSIM" sweep --manifest "$work/m.lua" --index 2/3 --quiet -o "$work/shard-2.db"
equal "runs nothing" $((all * 2 / 3 - all / 3)) "$(runs "$work/shard-2.db")"
refused "a part beyond the last" 2 "--index 4/3" "$VIRTSIM" sweep --manifest "$work/m.lua" --index 4/3 -o "$work/x.db"
sqlite3 "$work/shard-3.db" "update provenance set value = '0.0 elsewhere' where key = 'build'"
ok "a part of another version is merged" "$VIRTSIM" db merge "$work/parts.db" "$work/shard-3.db"
equal "kept apart" $((all + all - all * 2 / 3)) "$(runs "$work/parts.db")"
equal "and named" 1 "$(grep -c 'made by different versions, all are kept: .*0.0 elsewhere' "$work/err")"
ok "a sweep" sweep --vary workload.n=1 --name same --quiet --db "$work/n1.db"
ok "another one of the same name" sweep --vary workload.n=2 --name same --quiet --db "$work/n2.db"
refused "are not merged" 2 "its sweep 'same' is another one" "$VIRTSIM" db merge "$work/n1.db" "$work/n2.db"

# the folder of a cluster, filled by hand
mkdir "$work/bin"
ln -s "$(command -v sh)" "$work/bin/sh"
refused "no Slurm" 2 "there is no sbatch here" env PATH="$work/bin" "$VIRTSIM" sweep --manifest "$work/m.lua" --slurm "$work/job"
mkdir "$work/job"
cp "$work/m.lua" "$work/job/manifest.lua"
echo 3 >"$work/job/parts"
cp "$work/shard-1.db" "$work/shard-2.db" "$work/job"
: >"$work/job/shard-1.done"
gather() { "$VIRTSIM" sweep --manifest "$work/m.lua" --gather "$work/job" --db "$work/g.db" "$@"; }
refused "parts that are not done" 1 "2 of 3 parts are not done: 2, 3" gather
equal "what stands before them is there" $((all / 3)) "$(runs "$work/g.db")"
: >"$work/job/shard-2.done"
: >"$work/job/shard-3.done"
cp "$work/shard-3.db" "$work/job"
refused "parts of different versions" 2 "by 0.0 elsewhere: remove one" gather
rm "$work/job/shard-3.db"
ok "that part anew" "$VIRTSIM" sweep --manifest "$work/m.lua" --index 3/3 --quiet -o "$work/job/shard-3.db"
ok "all parts" gather
equal "are the sweep in one piece" "$whole" "$(digest "$work/g.db")"
ok "gathered again" gather
equal "nothing changes" "$whole" "$(digest "$work/g.db")"

# a full disk half-way
mkdir "$work/full"
if mount -t tmpfs -o size=2m tmpfs "$work/full" 2>/dev/null; then
    ok "with room" "$VIRTSIM" sweep "$work/tiny.lua" --vary workload.n=1:2:+1 --quiet --db "$work/full/t.db"
    refused "a full disk" 1 "full" "$VIRTSIM" sweep "$work/tiny.lua" --vary workload.n=1:60:+1 --quiet -j 2 --db "$work/full/t.db"
    ok "leaves the database whole" "$VIRTSIM" db check "$work/full/t.db"
    ok "with what was stored before" test "$(runs "$work/full/t.db")" -ge 1
    cp "$work/full/t.db" "$work/t.db"
    umount "$work/full"
    ok "and with room it goes on" "$VIRTSIM" sweep "$work/tiny.lua" --vary workload.n=1:60:+1 --quiet -j 2 --db "$work/t.db"
    equal "to the end" 60 "$(runs "$work/t.db")"
else
    left_out full_disk_half_way
fi
finish
