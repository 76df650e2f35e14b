#!/bin/sh
# SPDX-License-Identifier: MIT
# Every pair of page-table formats runs from the command line; those that do not exist are refused.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/t.db
gups="run workloads/gups.lua --db $db --set workload.count=20000 --set workload.warmup=0 --set workload.footprint=64MiB --set ept.verify=1"
arm="--set paging.mode=stage2 --set guest.format=arm --set cpu.vendor=arm"
cd "$VIRTSIM_HOME" || exit 1

ok "AMD nested paging" "$VIRTSIM" $gups --set paging.mode=npt --set cpu.vendor=amd --set ept.walk_lines.entries=64
ok "five levels in both dimensions" "$VIRTSIM" $gups --set guest.levels=5 --set host.levels=5 --set vmcs.cap.ept_vpid=0xf01063341c1
ok "Arm, 4K in both stages" "$VIRTSIM" $gups $arm
ok "Arm, 16K under blocks of 32M" "$VIRTSIM" $gups $arm --set guest.granule=16K --set guest.page_size=16K --set host.granule=16K --set host.page_size=32M
ok "Arm, 64K over 4K" "$VIRTSIM" $gups $arm --set guest.granule=64K --set guest.page_size=64K
ok "Arm, 64K in both stages" "$VIRTSIM" $gups $arm --set guest.granule=64K --set guest.page_size=64K --set host.granule=64K --set host.page_size=64K
ok "Arm without a hypervisor" "$VIRTSIM" $gups --set paging.mode=native --set guest.format=arm --set cpu.vendor=arm
equal "no walk disagrees with the tables" "" "$(sqlite3 "$db" "SELECT run, value FROM counter WHERE name = 'ept.walk.disagreements' AND value != 0")"
equal "every walk was looked up again" 7 "$(sqlite3 "$db" "SELECT count(DISTINCT run) FROM counter WHERE name = 'ept.walk.verified' AND value > 0")"

# lines of page tables: as many entries a walk, but found beside the walker (docs/labs/page-walk-caches.md)
k10="run workloads/gups.lua --db $db --set workload.count=200000 --set workload.footprint=64MiB --machine k10_shanghai_kvm --set ept.nested_tlb.entries=0 --quiet"
ok "K10's page walk cache" "$VIRTSIM" $k10
ok "K10 without" "$VIRTSIM" $k10 --set ept.walk_lines.entries=0
equal "lines leave the number of references and shorten the walk" 1 "$(sqlite3 "$db" "SELECT a.hits > 10 * a.n AND a.refs = 24 * a.n AND b.hits = 0 AND b.refs = 24 * b.n AND a.total_ps < 0.9 * b.total_ps FROM
    (SELECT *, (SELECT total(value) FROM counter c WHERE c.run = w.run AND name LIKE 'ept.walk.refs%') AS refs, (SELECT total(value) FROM counter c WHERE c.run = w.run AND name = 'ept.walk_lines.hits') AS hits
     FROM op w WHERE op = 'walk' AND actor = 'vcpu0/guest' AND run = (SELECT max(run) - 1 FROM run)) a,
    (SELECT *, (SELECT total(value) FROM counter c WHERE c.run = w.run AND name LIKE 'ept.walk.refs%') AS refs, (SELECT total(value) FROM counter c WHERE c.run = w.run AND name = 'ept.walk_lines.hits') AS hits
     FROM op w WHERE op = 'walk' AND actor = 'vcpu0/guest' AND run = (SELECT max(run) FROM run)) b")"

refused "stage 2 of x86" 2 "does not go with" "$VIRTSIM" $gups --set paging.mode=stage2
refused "a page the granule does not have" 2 "guest.page_size = 4K" "$VIRTSIM" $gups $arm --set guest.granule=64K
refused "a start level that does not reach" 2 "SL0 = 0" "$VIRTSIM" $gups $arm --set host.sl0=0
refused "more memory than stage 2 translates" 2 "guest.memory" "$VIRTSIM" $gups $arm --set host.t0sz=32
refused "five levels on a part without" 2 "vmcs.cap.ept_vpid" "$VIRTSIM" $gups --set host.levels=5
refused "a log without dirty flags" 2 "ept.accessed_dirty" "$VIRTSIM" $gups --set vmcs.control.pml=1 --set ept.accessed_dirty=0

# one exit for every 512 pages that become dirty; the guest's tables are among them
ok "page-modification log" "$VIRTSIM" run workloads/page_touch.lua --db "$db" --set vmcs.control.pml=1 --set workload.footprint=8MiB
equal "a full log exits" 1 "$(sqlite3 "$db" "SELECT n BETWEEN 4 AND 5 FROM op WHERE op = 'exit.pml_full' AND actor = 'vcpu0/host'")"
finish
