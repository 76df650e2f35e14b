#!/bin/sh
# SPDX-License-Identifier: MIT
# Damaged traces: status 2 when nothing can be simulated, 1 when damage shows later; nothing is stored.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/t.db
trace=$VIRTSIM_HOME/workloads/traces/rowindex.lackey.zst

: >"$work/empty"
refused "zero-length trace" 2 "empty" "$VIRTSIM" replay "$work/empty" --db "$db"
head -c 4096 /dev/urandom | tr -d '\n' >"$work/noise"
refused "unrecognised content" 2 "noise" "$VIRTSIM" replay "$work/noise" --db "$db"
zstd -dcq "$trace" | head -n 20000 >"$work/plain"
head -c 100000 "$trace" >"$work/cut.zst"
refused "a compressed trace cut in half names the place" 1 "cut.zst" "$VIRTSIM" replay "$work/cut.zst" --db "$db"
{ head -n 15000 "$work/plain"; echo " L nonsense"; tail -n 100 "$work/plain"; } >"$work/garbled"
refused "a garbled line names its record" 1 "record" "$VIRTSIM" replay "$work/garbled" --db "$db"
refused "--skip beyond the end" 1 "--skip" "$VIRTSIM" replay "$work/plain" --skip 1e9 --db "$db"
refused "--warmup beyond the end" 1 "--warmup" "$VIRTSIM" replay "$work/plain" --warmup 1e9 --db "$db"
left=$("$VIRTSIM" replay "$work/plain" --skip 1e9 --no-store 2>&1 | sed -n 's/.*reached: \([0-9]*\) more.*/\1/p')
records=$((1000000000 - left))
refused "--skip that leaves nothing" 1 "none of its records is left to measure" "$VIRTSIM" replay "$work/plain" --skip $records --db "$db"
refused "--skip and --warmup that leave nothing" 1 "none of its records is left to measure" "$VIRTSIM" replay "$work/plain" --skip 100 --warmup $((records - 100)) --db "$db"
refused "unknown format" 2 "format" "$VIRTSIM" replay "$work/plain" --trace-format nosuch --db "$db"
if [ -f "$db" ]; then
    equal "failed replays leave no row" 0 "$(sqlite3 "$db" 'select count(*) from run')"
fi
ok "a plain trace replays" "$VIRTSIM" replay "$work/plain" --db "$db"
ok "so does standard input" sh -c "'$VIRTSIM' replay - --db '$db' <'$work/plain'"
gzip -k "$work/plain" && ok "and gzip" "$VIRTSIM" replay "$work/plain.gz" --db "$db"
xz -k "$work/plain" && ok "and xz" "$VIRTSIM" replay "$work/plain.xz" --db "$db"
equal "same accesses, same counts, whatever the container" 1 \
    "$(sqlite3 "$db" "select count(distinct n || ' ' || total_ps) from op where op = 'access.load' and actor = 'vcpu0/guest'")"
printf 'I  00401000,4\nI  00401004,4\n' >"$work/two"
ok "one record is a run" "$VIRTSIM" replay "$work/two" --skip 1 --db "$db"
ok "skip, warmup and limit" "$VIRTSIM" replay "$work/plain" --skip 1000 --warmup 5000 --limit 5000 --db "$db"
equal "the region of interest holds --limit accesses and the rest of an instruction" 1 \
    "$(sqlite3 "$db" "select sum(n) between 5000 and 5002 from op where op like 'access.%' and actor = 'vcpu0/guest' and run = (select max(run) from run)")"
# a trace that touches more than the machine has says which memory and what to set
awk 'BEGIN { for (i = 0; i < 300000; i++) printf " S %010x,8\n", 1073741824 + 4096 * i }' >"$work/wide"
refused "more than a guest has" 2 "set guest.memory=2147483648, and host.memory to twice that" "$VIRTSIM" replay "$work/wide" --set guest.memory=1GiB --set host.memory=8GiB --db "$db"
refused "more than a machine has" 2 "set host.memory=2147483648" "$VIRTSIM" replay "$work/wide" -m skylake_sp_native --set host.memory=1GiB --db "$db"
equal "no run is unbalanced" 0 "$(sqlite3 "$db" 'select count(*) from unbalanced')"
finish
