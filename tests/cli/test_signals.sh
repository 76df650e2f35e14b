#!/bin/sh
# SPDX-License-Identifier: MIT
# What a signal that ends the program leaves behind is nothing, whenever it comes; what was there stays whole.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
cat >"$work/end.py" <<'PY'
"""end.py SIGNAL SECONDS FOLDER COMMAND...: 0 when the signal ended it and the folder is as before"""
import os, signal, subprocess, sys, time
number, after, folder = getattr(signal, "SIG" + sys.argv[1]), float(sys.argv[2]), sys.argv[3]
before = sorted(os.listdir(folder))
def default():
    for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, signal.SIG_DFL)
p = subprocess.Popen(sys.argv[4:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=default)
time.sleep(after)
p.send_signal(number)
try:
    p.wait(20)
except subprocess.TimeoutExpired:
    p.kill()
    sys.exit("does not end")
left = [f for f in sorted(os.listdir(folder)) if f not in before]
if p.returncode == 0:
    sys.exit(0)  # it was faster: what it has made is whole
if p.returncode != -number:
    sys.exit(f"ended with {p.returncode}")
if left and not all(f.endswith(".db") for f in left):
    sys.exit(f"left {left}")
for f in left:  # of a sweep that had stored points
    import sqlite3
    if sqlite3.connect(os.path.join(folder, f)).execute("select count(*) from run").fetchone()[0] < 1:
        sys.exit(f"left {f} without a run")
PY
signals="TERM INT HUP QUIT PIPE"
ends() { # "what" COMMAND...: at several moments, each time by another signal
    what=$1
    shift
    for after in $moments; do
        signal=${signals%% *}
        signals="${signals#* } $signal"
        rm -rf "$work/d"
        mkdir "$work/d"
        checks=$((checks + 1))
        if ! python3 "$work/end.py" "$signal" "$after" "$work/d" "$@" 2>"$work/err"; then
            failures=$((failures + 1))
            echo "FAILED: $what, SIG$signal after $after s: $(tail -1 "$work/err")"
        fi
    done
}
long="--set workload.count=20000000 --quiet"
moments="0.005 0.02 0.05 0.1 0.2 0.3"
ends "a recording" "$VIRTSIM" run workloads/exit_microbench.lua --set workload.count=1000000 --no-store --quiet --record "$work/d/x.vst"
ends "a new database" "$VIRTSIM" run workloads/gups.lua $long --db "$work/d/t.db"
ends "a new database in a new folder" "$VIRTSIM" run workloads/gups.lua $long --db "$work/d/new/t.db"
moments="0.02 0.05 0.1 0.2 0.4 0.6"
ends "a sweep" "$VIRTSIM" sweep workloads/gups.lua $long --vary cpu.clock.mhz=2000,3000 -j 2 --db "$work/d/t.db"
ends "a picture" "$VIRTSIM" explain access.load --workload workloads/gups.lua $long --no-store --svg "$work/d/x.svg"
# while it stores: many spans, short simulation
moments="0.1 0.15 0.2 0.25 0.3 0.45"
ends "a run that is stored" "$VIRTSIM" run workloads/gups.lua --set workload.count=100000 --spans 100000 --quiet --db "$work/d/t.db"

# a database that was there keeps its runs
"$VIRTSIM" run workloads/gups.lua --set workload.count=1000 --set workload.footprint=1MiB --quiet --db "$work/kept.db" >/dev/null
for after in 0.1 0.2 0.3 0.4; do
    rm -rf "$work/d"
    mkdir "$work/d"
    cp "$work/kept.db" "$work/d/t.db"
    ok "SIGTERM after $after s of a run into it" python3 "$work/end.py" TERM $after "$work/d" "$VIRTSIM" run workloads/gups.lua --set workload.count=100000 --spans 100000 --quiet --db "$work/d/t.db"
    ok "it is whole" "$VIRTSIM" db check "$work/d/t.db"
    equal "and alone" t.db "$(ls "$work/d")"
done

# a signal that was ignored stays so, as under nohup
checks=$((checks + 1))
trap '' HUP # before it begins: it may begin late
"$VIRTSIM" run workloads/gups.lua --set workload.count=1000000 --quiet --no-store >/dev/null &
pid=$!
trap - HUP
sleep 0.2
kill -HUP $pid
wait $pid
equal "under nohup a hang-up ends nothing" 0 $?

# a file that may not grow further is an error, not a death
checks=$((checks + 1))
( ulimit -f 100; exec "$VIRTSIM" run workloads/gups.lua --set workload.count=100000 --spans 20000 --quiet --db "$work/d/limit.db" ) >/dev/null 2>"$work/err"
equal "a file that may not grow: status" 1 $?
ok "nothing is left of it" test ! -e "$work/d/limit.db"
finish
