#!/bin/sh
# SPDX-License-Identifier: MIT
# Databases of the schema before are read as they are, and made new; names that changed are one table.
. "$VIRTSIM_HOME/tests/lib.inc"
old=$work/old.db
zstd -q -d "$VIRTSIM_HOME/tests/data/schema2.db.zst" -o "$old"
cp "$old" "$work/before.db"
ok "show reads it" "$VIRTSIM" show 1 --db "$old"
equal "with its operations" 1 "$(grep -c '^  exit.cpuid ' "$work/out")"
ok "so does diff" "$VIRTSIM" diff 1 2 --db "$old"
equal "which warns" 1 "$(grep -c 'the option limit: none and 500' "$work/err")"
ok "list" env COLUMNS=200 "$VIRTSIM" list runs --db "$old"
equal "knows its options" 1 "$(grep -c 'limit=500.*warmup=100' "$work/out")"
ok "explain" "$VIRTSIM" explain exit.cpuid --run 1 --db "$old"
refused "it is not written" 2 "virtsim db upgrade" "$VIRTSIM" run workloads/gups.lua --db "$old"
refused "nor merged" 2 "virtsim db upgrade" "$VIRTSIM" db merge "$work/m.db" "$old"
ok "it is made new" "$VIRTSIM" db upgrade "$old" "$work/new.db"
ok "byte for byte, the old one stays as it was" cmp "$old" "$work/before.db"
ok "the new one is whole" "$VIRTSIM" db check "$work/new.db"
equal "and says the same as the old one" "$("$VIRTSIM" db digest "$old")" "$("$VIRTSIM" db digest "$work/new.db")"
for table in run knob op part child counter histogram span charge; do
    # what was two knobs or accounts and is one now is one row
    case $table in
        knob) one="path IN ('vmcs.entry.begin', 'svm.entry.begin')" ;;
        part) one="account IN ('vmcs.entry.begin', 'svm.entry.begin')" ;;
        *) one=0 ;;
    esac
    equal "$table has all its rows" "$(sqlite3 "$old" "select count(*) from $table where not ($one)")" "$(sqlite3 "$work/new.db" "select count(*) from $table")"
done
"$VIRTSIM" show 2 --db "$old" --format csv >"$work/a"
"$VIRTSIM" show 2 --db "$work/new.db" --format csv >"$work/b"
ok "both are shown alike" cmp "$work/a" "$work/b"
equal "no operation is unbalanced" 0 "$(sqlite3 "$work/new.db" 'select count(*) from unbalanced')"
ok "the new one takes runs" "$VIRTSIM" run workloads/gups.lua --set workload.count=100 --quiet --db "$work/new.db"
refused "what is there is not written over" 2 "exists" "$VIRTSIM" db upgrade "$old" "$work/new.db"
refused "what is new already is refused" 2 "newest schema" "$VIRTSIM" db upgrade "$work/new.db" "$work/newer.db"
refused "what is no database is refused" 2 "none.db" "$VIRTSIM" db upgrade "$work/none.db" "$work/newer.db"
head -c 30000 "$old" >"$work/torn.db"
refused "what is torn is refused" 2 "torn.db" "$VIRTSIM" db upgrade "$work/torn.db" "$work/newer.db"
ok "which leaves nothing" test ! -e "$work/newer.db"

# the schema after it, which has options already
zstd -q -d "$VIRTSIM_HOME/tests/data/schema3.db.zst" -o "$work/three.db"
ok "a database of schema 3 is made new" "$VIRTSIM" db upgrade "$work/three.db" "$work/four.db"
equal "with its options" "$(sqlite3 "$work/three.db" "select * from run_option")" "$(sqlite3 "$work/four.db" "select * from run_option")"
equal "and says the same as the old one" "$("$VIRTSIM" db digest "$work/three.db")" "$("$VIRTSIM" db digest "$work/four.db")"

two="'vmcs.exit.detect', 'vmcs.entry.begin', 'svm.exit.detect', 'svm.entry.begin'"
equal "its knobs have their values, under today's names" "$(sqlite3 "$work/three.db" "select run, value, unit, source, evidence, set_by from knob where path not in ($two) order by 1, 2, 3, 4, 5, 6" | sha256sum)" \
    "$(sqlite3 "$work/four.db" "select run, value, unit, source, evidence, set_by from knob where path not in ('vmcs.unexplained', 'svm.unexplained') order by 1, 2, 3, 4, 5, 6" | sha256sum)"
two="'vmcs.exit.detect', 'vmcs.entry.begin'"
equal "and what was two is their sum" "$(sqlite3 "$work/three.db" "select run, sum(value) from knob where path in ($two) group by run")" \
    "$(sqlite3 "$work/four.db" "select run, value from knob where path = 'vmcs.unexplained'")"
for table in run provenance op part child counter histogram span charge; do
    equal "$table is the same" "$(sqlite3 "$work/three.db" "select * from $table" | sha256sum)" "$(sqlite3 "$work/four.db" "select * from $table" | sha256sum)"
done
refused "no places of a program are in it" 2 "--where" "$VIRTSIM" top 1 --db "$work/three.db"

# the last schema in which every knob of a run was a row of a table
zstd -q -d "$VIRTSIM_HOME/tests/data/schema9.db.zst" -o "$work/nine.db"
ok "a database of schema 9 is shown" "$VIRTSIM" show 1 --db "$work/nine.db"
ok "and made new" "$VIRTSIM" db upgrade "$work/nine.db" "$work/ten.db"
ok "which is whole" "$VIRTSIM" db check "$work/ten.db"
equal "and says the same as the old one" "$("$VIRTSIM" db digest "$work/nine.db")" "$("$VIRTSIM" db digest "$work/ten.db")"
for table in run provenance run_option knob evidence_group fact op part child counter histogram span charge note; do
    equal "$table is the same" "$(sqlite3 "$work/nine.db" "select * from $table" | sort | sha256sum)" "$(sqlite3 "$work/ten.db" "select * from $table" | sort | sha256sum)"
done
echo "guest(function(cpu) cpu:hypercall() end)" >"$work/hypercall.lua"
ok "the same again" "$VIRTSIM" run "$work/hypercall.lua" --set host.memory=1GiB --set guest.memory=256MiB --quiet --db "$work/ten.db"
equal "has its knobs by its dictionary" "0 1" "$(sqlite3 "$work/ten.db" "select sum(run = 1) || ' ' || sum(run = 2) from run_dictionary")"

# names: aliases in every database, and a table of what changed
equal "op_alias names what explain takes" "exit.data_abort.fault exit.data_abort.mmio" \
    "$(echo $(sqlite3 "$work/new.db" "select op from op_alias where alias = 'exit.data_abort' order by op"))"

# the table at work: a tree in which some of today's names are new
mkdir -p "$work/tree/results"
for d in workloads scripts docs tools; do ln -s "$VIRTSIM_HOME/$d" "$work/tree/$d"; done
cp "$VIRTSIM_HOME"/results/*.csv "$work/tree/results/"
cat >"$work/tree/results/renames.csv" <<'CSV'
kind,old,new,where
op,exit.cpuid,exit.first,
op,exit.first,exit.identify,
op,exit.rdmsr,exit.msr_read,paging.mode=ept
op,exit.rdtsc,exit.time,cpu.vendor=intel paging.mode=native
op,exit.io_instruction,exit.io,
op,exit.hlt,exit.io,
counter,cpu.loads,,
knob,cpu.gone,,
actor,vcpu0/host,vcpu0/hypervisor,
op,walk,walk.native,paging.mode=native
knob,cpu.clock.mhz,cpu.frequency.mhz,
knob,ept.tlb.entries,ept.l2_tlb.entries,
counter,ept.walks,ept.translations,
account,vmcs.exit.save,vmcs.exit.keep,
CSV
renamed() { VIRTSIM_HOME="$work/tree" "$VIRTSIM" "$@"; }
rows() { sqlite3 "$work/renamed.db" "select count(*) from $1"; }
ok "names that changed twice" renamed db upgrade "$old" "$work/renamed.db"
equal "are found under the last" 1 "$(rows "op where run = 1 and op = 'exit.identify'")"
equal "and no more under the first" 0 "$(rows "(select op from op union select child from child union select op from part union select op from histogram) where op in ('exit.cpuid', 'exit.first')")"
equal "where a condition holds" 1 "$(rows "op where op = 'exit.msr_read'")"
equal "and where it does not, the name stays" 0 "$(rows "op where op = 'walk.native'")"
equal "nor where one of two does" 0 "$(rows "op where op = 'exit.time'")"
equal "what is gone is left out" 0 "$(rows "counter where name = 'cpu.loads'")"
equal "actors, also of children" 0 "$(rows "(select actor from op union select child_actor from child union select actor from counter) where actor = 'vcpu0/host'")"
equal "what is put together is added up" "$(sqlite3 "$old" "select sum(n), sum(total_ps), min(min_ps), max(max_ps) from op where op in ('exit.io_instruction', 'exit.hlt') and run = 1")" \
    "$(sqlite3 "$work/renamed.db" "select n, total_ps, min_ps, max_ps from op where op = 'exit.io' and run = 1")"
equal "and its quantiles are in order" 0 "$(rows "op where n > 0 and (p50_ps < min_ps * 0.99 or p50_ps > p90_ps or p90_ps > p99_ps or p99_ps > max_ps)")"
equal "knobs" 2 "$(rows "knob where path = 'cpu.frequency.mhz'")"
equal "accounts" 0 "$(rows "part where account = 'vmcs.exit.save'")"
ok "the books balance" renamed db check "$work/renamed.db"
ok "an old knob is still taken" renamed run workloads/gups.lua --set workload.count=100 --set ept.tlb.entries=768 --no-store --quiet
"$VIRTSIM" run workloads/gups.lua --dry-run --format csv >"$work/dry" 2>&1
equal "for the new one" 1 "$(renamed run workloads/gups.lua --set ept.tlb.entries=768 --dry-run --format csv | grep -c '^ept.l2_tlb.entries,768,')"
printf 'kind,old,new,where\nknobs,a,b,\n' >"$work/tree/results/renames.csv"
refused "a table that is wrong says where" 2 "renames.csv line 2" env VIRTSIM_HOME="$work/tree" "$VIRTSIM" show 1 --db "$old"
finish
