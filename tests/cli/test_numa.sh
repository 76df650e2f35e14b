#!/bin/sh
# SPDX-License-Identifier: MIT
# Memory nodes from the command line: local and remote data, guest tables and EPT.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/t.db
# a small LLC, so that table entries come from DRAM
small="--set memory.nodes=2 --set memory.llc.size=0 --set memory.l2.size=0 --set workload.footprint=64MiB --set workload.count=5000 --set workload.warmup=5000 --set host.tick_hz=0"

line() { sqlite3 "$db" "select total_ps from op where run = $1 and actor = 'vcpu0' and op = 'timeline'"; }
remote() { sqlite3 "$db" "select total(value) from counter where run = $1 and name = 'memory.dram.remote'" | cut -d. -f1; }

for at in "guest.table_node=0" "guest.table_node=1" "host.table_node=1" "host.data_node=1" "cpu.node=1"; do
    # shellcheck disable=SC2086 # words
    ok "$at" "$VIRTSIM" run workloads/gups.lua $small --set "$at" --db "$db"
done
equal "all local: no remote line" 0 "$(remote 1)"
for run in 2 3 4; do
    equal "run $run is slower than all local" 1 "$(($(line $run) > $(line 1)))"
done
equal "remote data: a remote line for each update" 1 "$(($(remote 4) >= 4900))"
# everything lies in node 0 and the vCPU in node 1: each of its DRAM lines is remote
equal "a vCPU elsewhere is slower than any one thing elsewhere" 1 \
    "$(($(line 5) > $(line 2) && $(line 5) > $(line 3) && $(line 5) > $(line 4)))"
# shellcheck disable=SC2086
ok "remote tables natively" "$VIRTSIM" run workloads/gups.lua --machine skylake_sp_native $small --set guest.table_node=1 --db "$db"
equal "native tables are guest.table_node's" 1 "$(($(remote 6) > 0))"
# shellcheck disable=SC2086
ok "everything together elsewhere" "$VIRTSIM" run workloads/gups.lua $small --set guest.table_node=1 --set host.table_node=1 --set host.data_node=1 --set cpu.node=1 --db "$db"
equal "is local" 0 "$(remote 7)"
# shellcheck disable=SC2086
ok "large host pages keep guest tables apart from data" "$VIRTSIM" run workloads/gups.lua $small --set host.page_size=2M --set host.data_node=1 --db "$db"
# shellcheck disable=SC2086
ok "no remote latency" "$VIRTSIM" run workloads/gups.lua $small --set host.page_size=2M --set memory.remote_latency=0 --set host.data_node=1 --db "$db"
equal "its lines are remote all the same" "$(remote 8)" "$(remote 9)"
equal "and cost less" 1 "$(($(line 9) < $(line 8)))"
refused "a node that is not there" 2 "guest.table_node = 1" "$VIRTSIM" run workloads/gups.lua --set guest.table_node=1 --db "$db"
refused "three nodes" 2 "memory.nodes = 3" "$VIRTSIM" run workloads/gups.lua --set memory.nodes=3 --db "$db"
equal "the books balance" 0 "$(sqlite3 "$db" 'select count(*) from unbalanced')"
finish
