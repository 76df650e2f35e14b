#!/bin/bash
# SPDX-License-Identifier: MIT
# No result changes unseen: the quick subset of tests/digests/runs.txt has the committed hashes; and tools/digests
# sees one changed number, names its row, and lets through what results/renames.csv renames and nothing else.
. "$VIRTSIM_HOME/tests/lib.inc"
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
digests=$VIRTSIM_HOME/tools/digests
only=(--only '^exits@skylake_sp_kvm$')

# A program that runs the real one, then changes the database as $work/change.sql says.
cat >"$work/changed" <<'SH'
#!/bin/sh
"$VIRTSIM" "$@" || exit
for arg in "$@"; do case $arg in --db=*) sqlite3 "${arg#--db=}" <"$(dirname "$0")/change.sql" ;; esac; done
SH
chmod +x "$work/changed"
changed() { # SQL, RENAMES: compares the program with its changed self
    echo "$1" >"$work/change.sql"
    printf 'kind,old,new,where\n%s' "$2" >"$work/renames.csv"
    "$digests" "${only[@]}" --program "$work/changed" --old "$VIRTSIM" --old-home "$VIRTSIM_HOME" --rows \
        --renames "$work/renames.csv"
}

ok "equal programs do not differ" changed "select 1" ""
refused() { # "what" "row" SQL RENAMES: seen, with this row
    checks=$((checks + 1))
    if changed "$3" "$4" >"$work/out" 2>&1 || ! grep -qF -- "$2" "$work/out"; then
        failures=$((failures + 1))
        echo "FAILED: $1"
        head -5 "$work/out"
    fi
}
cpuid="where op = 'exit.cpuid'"
rename="update op set op = 'exit.id' $cpuid; update part set op = 'exit.id' $cpuid; update histogram set op = 'exit.id' $cpuid;
    update child set op = 'exit.id' $cpuid; update child set child = 'exit.id' where child = 'exit.cpuid'"
refused "one event more is seen" "+ op|vcpu0/host|exit.cpuid|7|" "update op set n = n + 1 $cpuid" ""
refused "a counter is seen" "counter|vcpu0" "update counter set value = value + 1 where name = (select max(name) from counter where actor = 'vcpu0')" ""
refused "a part that is gone is seen" "- part|vcpu0/host|exit.cpuid|" "delete from part $cpuid" ""
refused "a bucket is seen" "- histogram|vcpu0/host|exit.cpuid|" "delete from histogram $cpuid" ""
refused "a name no one renamed is seen" "+ op|vcpu0/host|exit.id|6|" "$rename" ""
ok "a renamed one is not" changed "$rename" "op,exit.cpuid,exit.id,"
ok "nor where its knobs are" changed "$rename" "op,exit.cpuid,exit.id,cpu.vendor=intel"
refused "but it is elsewhere" "+ op|vcpu0/host|exit.id|6|" "$rename" "op,exit.cpuid,exit.id,cpu.vendor=amd"
refused "under a new name a number still counts" "+ op|vcpu0/host|exit.id|7|" "$rename; update op set n = n + 1 where op = 'exit.id'" "op,exit.cpuid,exit.id,"
ok "one name that became two is added up" changed "insert into op select run, actor, 'exit.one', n - 2, total_ps - 5, 0, 0, 0, 0, 0 from op $cpuid;
    insert into op select run, actor, 'exit.two', 2, 5, 0, 0, 0, 0, 0 from op $cpuid; delete from op $cpuid;
    update part set op = 'exit.one' $cpuid; update histogram set op = 'exit.two' $cpuid;
    update child set op = 'exit.one' $cpuid; update child set child = 'exit.two' where child = 'exit.cpuid'" \
    "op,exit.cpuid,exit.one,
op,exit.cpuid,exit.two,"
new="insert into counter select run, 'vcpu0', 'host.fresh', 3, '' from run"
refused "a counter that is new is seen" "+ counter|vcpu0|host.fresh" "$new" ""
ok "unless the table says so" changed "$new" "counter,,host.fresh,"
ok "a counter of nothing is none" changed "insert into counter select run, 'vcpu0', 'host.fresh', 0, '' from run" ""

# Times that do not add up fail whatever the hashes are.
echo "update op set total_ps = total_ps + 1 $cpuid" >"$work/change.sql"
"$digests" "${only[@]}" --program "$work/changed" >"$work/odd" 2>&1
equal "times that do not add up are seen" 1 $?
ok "and named" grep -qF "unbalanced: exits@skylake_sp_kvm: vcpu0/host exit.cpuid" "$work/odd"

if [ -z "${VIRTSIM_DIGESTS_FOLLOW:-}" ]; then # .ci/run: those of every run follow the tests
    "$digests" --check --quick >"$work/out" 2>&1
    equal "the quick subset's rows are those of tests/digests/expected.txt (tools/digests --check --quick)" 0 $?
    [ "$failures" -eq 0 ] || tail -n 20 "$work/out"
fi

# No result depends on what calls the agents: where there are several, and with VIRTSIM_ALL in all runs of the subset.
# (A build without SystemC refuses sim.kernel=systemc.)
several=(--only 'shootdown|ipi|echo|traces|interrupts|reach')
[ -z "${VIRTSIM_ALL:-}" ] || several=()
if "$VIRTSIM" run "$VIRTSIM_HOME/workloads/gups.lua" --set workload.count=10 --set sim.kernel=systemc --no-store --quiet >/dev/null 2>"$work/err" ||
    ! grep -q VIRTSIM_WITHOUT "$work/err"; then
    "$digests" --check --quick "${several[@]}" --set sim.kernel=systemc >"$work/out" 2>&1
    equal "SystemC and the plain kernel give the same rows" 0 $?
    [ "$failures" -eq 0 ] || tail -n 20 "$work/out"
fi
finish
