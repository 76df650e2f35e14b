#!/bin/sh
# SPDX-License-Identifier: MIT
# A guest of 4 GiB is simulated in less than 200 MB, its kernel's and its hypervisor's tables included: memory of the
# host grows with what a program touches and with the tables over it, not with the guest.
. "$VIRTSIM_HOME/tests/lib.inc"
not_sanitized "its own memory would be measured"
db=$work/m.db

# peak: the largest resident set, KiB, as the kernel counted it when the run was stored
peak() { sqlite3 "$db" "select cast(value as integer) from provenance where key = 'peak_kib' order by run desc limit 1"; }
run() {
    ok "$1" "$VIRTSIM" run workloads/gups.lua --set guest.memory=4GiB --set workload.footprint=3GiB --set workload.count=2000 --set workload.warmup=2000 $2 --db "$db" --quiet
    equal "$1: within 200 MB" 1 "$(peak | awk '{print ($1 > 0 && $1 * 1024 < 200e6)}')"
}

run "nested paging, all tables of 4K" "--set guest.page_size=4K --set host.page_size=4K"
# 3 GiB in pages of 4 KiB take 6 MiB of tables in each dimension, all of which were written
equal "the tables are there" 1 "$(peak | awk '{print ($1 > 12 * 1024)}')"
run "shadow paging" "--set paging.mode=shadow"
run "bare metal" "--set paging.mode=native"
finish
