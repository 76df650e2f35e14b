#!/bin/sh
# SPDX-License-Identifier: MIT
# The memory of a machine: as large as host.memory says, and only what is written takes memory of the process.
. "$VIRTSIM_HOME/tests/lib.inc"
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

# as large as it says
walk="run $touch --db $db --quiet --set guest.zero_page.clear.taken=0 --machine skylake_sp_native"
# shellcheck disable=SC2086 # words
ok "48 MiB of 64" "$VIRTSIM" $walk --set host.memory=64MiB --set workload.footprint=48MiB
# shellcheck disable=SC2086 # words
refused "72 MiB of 64" 2 "host.memory = 67108864" "$VIRTSIM" $walk --set host.memory=64MiB --set workload.footprint=72MiB
# shellcheck disable=SC2086 # words
ok "1.25 GiB of 1.5" "$VIRTSIM" $walk --set host.memory=1536MiB --set workload.footprint=1280MiB --set guest.page_size=2M
refused "too small for a guest" 2 "guest.memory = 16777216" "$VIRTSIM" run $touch --set host.memory=16MiB --set guest.memory=16MiB --db "$db"
finish
