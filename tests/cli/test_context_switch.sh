#!/bin/sh
# SPDX-License-Identifier: MIT
# A switch is the kernel's path, another address space and what is evicted: each shows in the run time by itself.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
db=$work/t.db
# turn KIND settings...: ps of a turn
turn() {
    kind=$1
    shift
    "$VIRTSIM" run workloads/context_switch.lua --machine skylake_sp_native --set "workload.kind=$kind" --set workload.switches=400 "$@" --quiet --db "$db" >/dev/null
    sqlite3 "$db" "select (end_ps - roi_ps) / 400 from run order by run desc limit 1"
}
alone=$(turn none) thread=$(turn thread) process=$(turn process)
equal "a thread's switch takes time, a process's more" 1 "$([ "$alone" -lt "$thread" ] && [ "$thread" -lt "$process" ] && echo 1)"
equal "another address space is a MOV to CR3 each" 400 "$(sqlite3 "$db" "select sum(n) from part where run = 3 and account = 'instruction.mov_cr'")"
equal "which threads do without" "" "$(sqlite3 "$db" "select sum(n) from part where run = 2 and account = 'instruction.mov_cr'")"
small=$(($(turn thread --set workload.footprint=8KiB) - $(turn none --set workload.footprint=8KiB)))
equal "where both fit the first-level cache, a switch is its path: 860 instructions at two a cycle" 1 \
    "$(awk -v d="$small" 'BEGIN { want = 860 / 2 / 2.6 * 1000; print (d > want * 0.95 && d < want * 1.05) }')"
equal "without a path it is nothing" 1 "$(awk -v a="$(turn thread --set workload.footprint=8KiB --set workload.path=0)" -v b="$(turn none --set workload.footprint=8KiB)" 'BEGIN { print (a - b < b * 0.01 && b - a < b * 0.01) }')"
many=$(($(turn process --set workload.footprint=512KiB --set guest.pcid=0) - $(turn process --set workload.footprint=512KiB --set guest.pcid=1)))
equal "without PCIDs a process finds its translations gone" 1 "$([ "$many" -gt 100000 ] && echo 1)"
finish
