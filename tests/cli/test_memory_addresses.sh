#!/bin/sh
# SPDX-License-Identifier: MIT
# Of the memory of a machine only what is written takes memory, and addresses, of the process.
. "$VIRTSIM_HOME/tests/lib.inc"
not_sanitized "a sanitizer reserves terabytes of addresses, so that nothing starts within a limit"
db=$work/m.db
cd "$VIRTSIM_HOME" || exit 1
touch=workloads/page_touch.lua
# limited KIB command...: with so much address space
limited() { (ulimit -v "$1" && shift && exec "$@"); }
digest() { sqlite3 "$db" "SELECT actor, op, n, total_ps FROM op WHERE run = (SELECT max(run) FROM run) UNION ALL SELECT actor, name, value, 0 FROM counter WHERE run = (SELECT max(run) FROM run)" | cksum; }

for machine in skylake_sp_kvm skylake_sp_native zen2_rome_kvm neoverse_n1_kvm; do
    run="run $touch --machine $machine --set workload.footprint=8MiB --set host.memory=64GiB --db $db --quiet"
    # shellcheck disable=SC2086 # words
    ok "$machine: 64 GiB" "$VIRTSIM" $run
    all=$(digest)
    # shellcheck disable=SC2086 # words
    ok "$machine: 64 GiB in 300 MB of address space" limited 300000 "$VIRTSIM" $run
    equal "$machine: the same books" "$all" "$(digest)"
done
ok "64 TiB, with a NIC" limited 300000 "$VIRTSIM" run workloads/udp_echo.lua --set host.memory=64TiB --set ept.physical_bits=46 --db "$db" --quiet
# every access has a page table of its own
awk 'BEGIN { for (i = 0; i < 60000; i++) printf " L 1%06x00000,8\n", 2 * i }' >"$work/wide.lk"
refused "the tables of what it reads do not fit" 1 "this process gets no more memory" limited 200000 "$VIRTSIM" replay "$work/wide.lk" --db "$db"
finish
