#!/bin/sh
# SPDX-License-Identifier: MIT
# The host's memory management: which pages back a guest's memory.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/t.db
cd "$VIRTSIM_HOME" || exit 1
touch="run workloads/page_touch.lua --db $db --set workload.footprint=32MiB --set guest.page_size=2M --set ept.verify=1"
# (in the guest's own large pages no table lies among them, whose making backs what is around it)
last() { sqlite3 "$db" "SELECT CAST(total(value) AS INTEGER) FROM counter WHERE name = '$1' AND run = (SELECT max(run) FROM run)"; }
exits() { sqlite3 "$db" "SELECT CAST(total(n) AS INTEGER) FROM op WHERE op = 'exit.$1' AND run = (SELECT max(run) FROM run)"; }

# transparent huge pages
for machine in broadwell_ep_kvm "broadwell_ep_kvm --set paging.mode=shadow" zen2_rome_kvm neoverse_n1_kvm; do
    # shellcheck disable=SC2086 # words
    ok "huge pages, $machine" "$VIRTSIM" $touch --machine $machine --set host.page_size=thp
    ok "one backing for each 2 MiB, $machine" test "$(last host.pages.large)" -ge 15 -a "$(last host.pages.large)" -le 16
    equal "no small page, $machine" 0 "$(last host.pages.small)"
    # shellcheck disable=SC2086 # words
    ok "no contiguous frame, $machine" "$VIRTSIM" $touch --machine $machine --set host.page_size=thp --set host.fragmentation=100
    equal "every page small, $machine" "0 8192" "$(last host.pages.large) $(last host.pages.small)"
    # shellcheck disable=SC2086 # words
    ok "both, $machine" "$VIRTSIM" $touch --machine $machine --set host.page_size=thp --set host.fragmentation=50
    ok "both sizes, $machine" test "$(last host.pages.large)" -gt 2 -a "$(last host.pages.small)" -gt 1000
    equal "each is a backing of the handler, $machine" "$(last hypervisor.pages_mapped)" $(($(last host.pages.large) + $(last host.pages.small)))
done
equal "one violation for each" "$(exits data_abort.fault)" $(($(last host.pages.large) + $(last host.pages.small)))
ok "Arm's larger tables" "$VIRTSIM" $touch --machine neoverse_n1_kvm --set host.granule=16K --set host.page_size=thp --set guest.frames=contiguous --set workload.footprint=256MiB
ok "have huge pages of 32 MiB" test "$(last host.pages.large)" -ge 7 -a "$(last host.pages.large)" -le 8
refused "no such page" 2 "host.page_size" "$VIRTSIM" $touch --set host.page_size=huge
equal "no walk disagrees with its tables" 0 "$(sqlite3 "$db" "SELECT count(*) FROM counter WHERE name = 'ept.walk.disagreements' AND value > 0")"

# the dirty log (its laws: sim/host/memory/test_dirty.c)
rounds="run workloads/dirty_rounds.lua --db $db --set workload.footprint=4MiB"
pml="--set host.dirty_log.method=pml --set vmcs.cap.proc2=0x27fff00000000"
total() { sqlite3 "$db" "SELECT total_ps FROM op WHERE actor = 'vcpu0' AND op = 'timeline' AND run = (SELECT max(run) FROM run)"; }
ok "no log" "$VIRTSIM" $rounds
off=$(total)
ok "write protection" "$VIRTSIM" $rounds --set host.dirty_log.method=write_protect
equal "an exit for each page and round" "$(last host.dirty_log.pages)" "$(exits ept_violation)"
protect=$(total)
ok "the processor's log" "$VIRTSIM" $rounds $pml
equal "an exit for each 512 pages" 8 "$(exits pml_full)" # 1024 pages and some tables, four rounds
ok "finds every page" test "$(last host.dirty_log.pages)" -ge 4096
ok "and costs less" test "$off" -lt "$(total)" -a "$(total)" -lt "$protect"
for s in "$pml" "--set host.dirty_log.method=write_protect" "$pml --set host.dirty_log.interval=50"; do
    ok "recorded, $s" "$VIRTSIM" $rounds $s --record "$work/r.vst"
    ok "played, $s" "$VIRTSIM" replay "$work/r.vst" --db "$db" $s
    equal "is the same, $s" 0 "$(sqlite3 "$db" "SELECT count(*) FROM (SELECT actor, op, n, total_ps FROM op WHERE run = (SELECT max(run) FROM run) EXCEPT SELECT actor, op, n, total_ps FROM op WHERE run = (SELECT max(run) - 1 FROM run))")"
done
refused "a processor that does not log" 2 "vmcs.control.pml" "$VIRTSIM" $rounds --set host.dirty_log.method=pml --set vmcs.cap.proc2=0x7fff00000000
refused "AMD's does not" 2 "write_protect" "$VIRTSIM" $rounds $pml --set paging.mode=npt
refused "a log of shadow tables" 2 "paging.mode = shadow" "$VIRTSIM" $rounds --set host.dirty_log.method=write_protect --set paging.mode=shadow
refused "rounds of no log" 2 "host.dirty_log.method" "$VIRTSIM" $rounds --set host.dirty_log.interval=50
refused "a log without flags" 2 "ept.accessed_dirty" "$VIRTSIM" $rounds $pml --set ept.accessed_dirty=0

equal "the books balance" 0 "$(sqlite3 "$db" 'SELECT count(*) FROM unbalanced')"
finish
