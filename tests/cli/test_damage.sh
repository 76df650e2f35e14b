#!/bin/sh
# SPDX-License-Identifier: MIT
# Databases that are damaged, locked away or merged, and sweeps that are killed.
. "$VIRTSIM_HOME/tests/lib.inc"
# The folder of the program is left out: pgrep does not see letters that the locale does not have.
program=${VIRTSIM##*/}
trap 'pkill -KILL -f "$program sweep .*$work/"; rm -rf "$work"' EXIT
small="--set workload.count=1000 --set workload.footprint=1MiB --quiet"
count() { sqlite3 "$1" 'select count(*) from run'; }

"$VIRTSIM" run workloads/gups.lua $small --db "$work/a.db" >/dev/null
"$VIRTSIM" run workloads/gups.lua $small --seed 2 --db "$work/a.db" >/dev/null

# merging
refused "a database is not merged into itself" 2 "into itself" timeout 10 "$VIRTSIM" db merge "$work/a.db" "$work/a.db"
ln -s a.db "$work/same.db"
refused "nor under another name" 2 "into itself" timeout 10 "$VIRTSIM" db merge "$work/same.db" "$work/a.db"
refused "a missing source" 2 "missing.db" "$VIRTSIM" db merge "$work/new.db" "$work/a.db" "$work/missing.db"
ok "leaves no database" test ! -e "$work/new.db"
cp "$work/a.db" "$work/compared.db"
sqlite3 "$work/compared.db" "insert into claim values ('c1','d','s','m','c',1,2,'ns','approx','exit','','');
insert into comparison values ('c1',2,1,1.5,'ns','predicted',0.1,'in range','why')"
"$VIRTSIM" db merge "$work/both.db" "$work/a.db" "$work/compared.db"
equal "comparisons are merged, with both of their runs" "c1|4|3" "$(sqlite3 "$work/both.db" 'select claim_id, run, base_run from comparison')"
equal "and their claims" "c1" "$(sqlite3 "$work/both.db" 'select claim_id from claim')"
ok "the merged database is whole" "$VIRTSIM" db check "$work/both.db"
# a source is only read: who writes into it is not waited for, and the commit is in one file
hold "$work/compared.db" immediate
ok "a source that another process writes" timeout 30 "$VIRTSIM" db merge "$work/busy.db" "$work/compared.db"
let_go
equal "is merged as it was" 2 "$(count "$work/busy.db")"
# what is damaged is not called somebody else's
cp "$work/a.db" "$work/head.db"
dd if=/dev/zero of="$work/head.db" bs=1 seek=100 count=60 conv=notrunc 2>/dev/null
refused "a database whose first page is damaged" 2 "head.db: cannot read" "$VIRTSIM" list runs --db "$work/head.db"

# a file that cannot be written: found before the run
cp "$work/a.db" "$work/ro.db"
chmod 444 "$work/ro.db"
if [ ! -w "$work/ro.db" ]; then
    as=""
elif command -v setpriv >/dev/null && [ "$(id -u)" = 0 ]; then
    as="setpriv --reuid=65534 --regid=65534 --clear-groups"
    chmod 755 "$work"
else
    as=none
fi
if [ "$as" != none ] && $as "$VIRTSIM" --version >/dev/null 2>&1; then
    # two hundred million accesses would take longer than this
    refused "a file that cannot be written" 2 "cannot be written" timeout 15 $as "$VIRTSIM" run workloads/gups.lua --set workload.count=200000000 --quiet --db "$work/ro.db"
    refused "nor can compare write it" 2 "ro.db" timeout 15 $as "$VIRTSIM" compare --no-run --db "$work/ro.db"
    ok "but it can be read" $as "$VIRTSIM" show 1 --db "$work/ro.db"
else
    left_out file_that_cannot_be_written
fi

# a damaged file
cp "$work/a.db" "$work/cor.db"
dd if=/dev/urandom of="$work/cor.db" bs=4096 seek=2 count=5 conv=notrunc 2>/dev/null
refused "runs that cannot be read" 1 "malformed" "$VIRTSIM" list runs --db "$work/cor.db"
cp "$work/a.db" "$work/ops.db"
damage "$work/ops.db" op
refused "operations that cannot be shown" 1 "malformed" "$VIRTSIM" show 1 --db "$work/ops.db"
refused "nor compared" 1 "malformed" "$VIRTSIM" diff 1 2 --db "$work/ops.db"
refused "nor explained" 1 "malformed" "$VIRTSIM" explain access.load --run 1 --db "$work/ops.db"

# killed sweeps: `long` would take minutes
long="--set workload.count=100000000 --quiet --vary ept.l2_tlb.entries=768,1536 -j 2"
left() { ls -d "$1"?* 2>/dev/null | wc -l; }
workers() { pgrep -f "$program sweep .*$1" | wc -l; }
# until_workers DATABASE OPERATOR N TENTHS: its workers are as many, or so many tenths of a second are over
until_workers() {
    i=0
    until [ "$(workers "$1")" "$2" "$3" ]; do
        [ $i -lt "$4" ] || return 1
        sleep 0.1
        i=$((i + 1))
    done
}
# they have worked for more than checking the points takes: 0.3 s of a processor, in ticks of 10 ms
busy() { for w in $(pgrep -f "$program sweep .*$1"); do cut -d')' -f2 "/proc/$w/stat"; done 2>/dev/null | awk '$12 + $13 >= 30 { n++ } END { print n + 0 }'; }
started() {
    # seen once: between the check of the points and their run a worker may be replaced
    ok "two workers of ${1##*/} run" until_workers "$1" -ge 3 300
    i=0
    while [ "$(busy "$1")" -lt 2 ] && [ $i -lt 600 ]; do
        sleep 0.1
        i=$((i + 1))
    done
}
gone() {
    until_workers "$1" -eq 0 100
    workers "$1"
}
for signal in TERM INT KILL; do
    d=$work/$signal.db
    # without job control a shell's background processes ignore SIGINT
    if [ $signal = INT ]; then
        python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$VIRTSIM" sweep workloads/gups.lua $long --db "$d" >/dev/null 2>&1 &
    else
        "$VIRTSIM" sweep workloads/gups.lua $long --db "$d" >/dev/null 2>&1 &
    fi
    pid=$!
    started "$d"
    kill -$signal $pid
    wait $pid 2>/dev/null
    equal "SIG$signal is what ended it" "$signal" "$(kill -l $?)"
    equal "after SIG$signal no worker goes on" 0 "$(gone "$d")"
    equal "after SIG$signal nothing is left beside the database" 0 "$(left "$d")"
done
"$VIRTSIM" sweep workloads/gups.lua $small --vary ept.l2_tlb.entries=768,1536 --db "$work/KILL.db" >"$work/out"
equal "a sweep after that says how many it stored" 1 "$(grep -c '2 of 2 points stored' "$work/out")"

# a worker that is killed is named by its values
"$VIRTSIM" sweep workloads/gups.lua $long --db "$work/w.db" >"$work/out" 2>"$work/err" &
pid=$!
started "$work/w.db"
# one that was killed between the check of the points and their run is replaced: until the sweep ends
while kill -0 $pid 2>/dev/null && ! grep -q ") Z" "/proc/$pid/stat" 2>/dev/null; do
    pkill -KILL -P $pid
    sleep 0.2
done
wait $pid
equal "a killed worker fails the sweep" 1 $?
equal "and is named by its values" 1 "$(grep -c 'ept.l2_tlb.entries=768: .*killed' "$work/err")"
equal "none is counted as stored" 1 "$(grep -c '0 of 2 points stored' "$work/out")"

# marks are moments that are kept
printf 'guest(function(cpu) cpu:compute(1000) for i = 1, 3 do cpu:mark("here") cpu:compute(1000) end end)\n' >"$work/m.lua"
"$VIRTSIM" run "$work/m.lua" --db "$work/m.db" --quiet >/dev/null
equal "a mark is stored: how often" 3 "$(sqlite3 "$work/m.db" "select value from counter where name = 'marks.here'")"
equal "and when it first came" 1 "$(sqlite3 "$work/m.db" "select count(*) from counter where name = 'mark.here' and value > 0 and unit = 'ps'")"
finish
