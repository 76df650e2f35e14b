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
count_of() { tr '\n' ' ' <"$2" | grep -o "[0-9]* $1" | grep -o '^[0-9]*' || echo 0; } # count_of WORDS FILE: the number before them

ok "a sweep without a stop" sweep $vary --quiet -j 1 --db "$work/whole.db"
equal "has all points" $all "$(runs "$work/whole.db")"
whole=$(digest "$work/whole.db")
"$VIRTSIM" sweep "$work/tiny.lua" $vary --print-manifest >"$work/m.lua"

# Stopped while it stores. Each point takes long enough that what a transaction takes is not all of them.
slow="--vary workload.n=200000:$((200000 + 2 * half - 1)):+1 --vary ept.l2_tlb.entries=768,1536"
"$VIRTSIM" sweep "$work/tiny.lua" $slow --print-manifest >"$work/slow.lua"
ok "a run that is no point of it" "$VIRTSIM" run "$work/tiny.lua" --quiet --db "$work/begun.db"
cp "$work/begun.db" "$work/slow.db"
ok "the sweep of slow points without a stop" sweep $slow --quiet -j 2 --db "$work/slow.db"
slow_whole=$(digest "$work/slow.db")
cp "$work/begun.db" "$work/k.db"
ok "a quarter of it" "$VIRTSIM" sweep --manifest "$work/slow.lua" --index 1/4 --quiet -j 2 --db "$work/k.db"
ok "kill -9 ends the second half" python3 tests/support/at_commit.py KILL "$work/k.db" \
    "$VIRTSIM" sweep --manifest "$work/slow.lua" --index 2/2 -j 2 --db "$work/k.db"
ok "after kill -9 the database is whole" "$VIRTSIM" db check "$work/k.db"
equal "and holds what was there before" $((1 + half)) "$(runs "$work/k.db")"
ok "which --resume goes on from, without the command line" "$VIRTSIM" sweep --resume --quiet -j 2 --db "$work/k.db"
equal "saying what was there" 1 "$(grep -c "$all of $all points stored .*; $half were there before" "$work/out")"
equal "to the sweep without a stop" "$slow_whole" "$(digest "$work/k.db")"

cp "$work/begun.db" "$work/c.db"
ok "Ctrl-C ends it" python3 tests/support/at_commit.py INT "$work/c.db" "$VIRTSIM" sweep "$work/tiny.lua" $slow -j 2 --db "$work/c.db"
stored=$(($(runs "$work/c.db") - 1))
equal "says how many are stored, and how to go on" 1 \
    "$(grep -c "stopped: $stored of $all points are stored in .*; the same command goes on with the others, or 'virtsim sweep --resume=[^ ]* --db $work/c.db'" "$work/out")"
advice=$(sed -n "s/.* or 'virtsim \(.*\)'$/\1/p" "$work/out")
ok "after what it was about to store ($stored of $all)" test "$stored" -gt 0 -a "$stored" -lt $all
ok "as it advises" "$VIRTSIM" $advice --quiet
equal "it goes on to the sweep without a stop" "$slow_whole" "$(digest "$work/c.db")"
refused "nothing to go on with" 2 "no such database" "$VIRTSIM" sweep --resume --db "$work/none.db"
refused "another sweep than is there" 2 "no point of this sweep to go on from" sweep --set workload.n=7 --vary ept.l2_tlb.entries=768 --resume --db "$work/k.db"
refused "a name that is not there" 2 "has no such sweep; it has tiny-" "$VIRTSIM" sweep --resume=other --db "$work/k.db"

# Two at once. What the database holds besides makes reading it take long, so that the one stores while the other,
# which has begun meanwhile, is still looking at what is there.
cp "$work/begun.db" "$work/two.db"
sqlite3 "$work/two.db" "with recursive c(i) as (select 1 union all select i + 1 from c where i < 600000)
    insert into provenance select 1, printf('note %d', i), '' from c"
sweep $slow --quiet --db "$work/two.db" >"$work/said1" 2>&1 &
i=0
while [ "$(runs "$work/two.db")" -lt 2 ] && [ $i -lt 2400 ]; do # two minutes
    sleep 0.05
    i=$((i + 1))
done
sweep $slow --quiet --db "$work/two.db" >"$work/said2" 2>&1 || echo "second failed"
wait
equal "the same sweep twice at once stores each point once" $((1 + all)) "$(runs "$work/two.db")"
ok "and leaves the database whole" "$VIRTSIM" db check "$work/two.db"
equal "each says what the other one has stored" $all "$(($(count_of 'were there before' "$work/said2") +
    $(count_of 'stored by another sweep meanwhile' "$work/said1") + $(count_of 'stored by another sweep meanwhile' "$work/said2")))"
sweep --vary workload.n=201100:201104:+1 --quiet --db "$work/two.db" >/dev/null 2>&1 &
sweep --vary workload.n=201200:201204:+1 --quiet --db "$work/two.db" >/dev/null 2>&1
wait
equal "different ones at once are both stored" $((1 + all + 10)) "$(runs "$work/two.db")"
sweep --vary workload.n=201100:201104:+1 --name same --quiet --db "$work/name.db" >/dev/null 2>"$work/err1" &
sweep --vary workload.n=201200:201204:+1 --name same --quiet --db "$work/name.db" >/dev/null 2>"$work/err2"
wait
equal "under one name one of them is" 5 "$(runs "$work/name.db")"
equal "and the other is refused" 1 "$(cat "$work/err1" "$work/err2" | grep -c 'another sweep of this name')"

# in parts
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
