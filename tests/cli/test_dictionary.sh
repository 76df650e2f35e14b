#!/bin/sh
# SPDX-License-Identifier: MIT
# Laws of the dictionaries of knobs: what the program declares of them is in a database once, a run stores what is
# otherwise, and table knob has all of it. Each run sees its own dictionary, whichever build made it.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/r.db
small="--set host.memory=1GiB --set guest.memory=256MiB --quiet"
cat >"$work/w.lua" <<'LUA'
param { name = "n", default = 1, min = 1, text = "loads" }
guest(function(cpu, p) local m = cpu:map { bytes = 65536 } cpu:random { region = m, count = p.n, op = "load" } end)
LUA
sql() { sqlite3 "$db" "$1"; }
knobs() { sqlite3 "$1" "select * from knob where run = $2 order by path"; }
ok "a run" "$VIRTSIM" run "$work/w.lua" $small --db "$db"
ok "and one with other knobs" "$VIRTSIM" run "$work/w.lua" $small --set workload.n=2 --set ept.l2_tlb.entries=768 --db "$db"
equal "share a dictionary" "2 1" "$(sql "select count(*) || ' ' || count(distinct dictionary) from run_dictionary")"
equal "it is the only one" 1 "$(sql "select count(distinct dictionary) from knob_declared")"
equal "which says nearly all" 1 "$(sql "select max(n) < 100 from (select count(*) n from knob_own group by run)")"
for run in 1 2; do
    equal "run $run has every knob once" "$(sql "select count(distinct path) || ' ' || count(distinct path) from knob")" "$(sql "select count(*) || ' ' || count(distinct path) from knob where run = $run")"
done
"$VIRTSIM" run "$work/w.lua" $small --dry-run --format csv 2>/dev/null | awk -F, 'NR > 1 { print $1 "|" $2 }' | sort >"$work/want"
sql "select path || '|' || value from knob where run = 1" | sort >"$work/is"
ok "as they are printed" cmp "$work/want" "$work/is"
equal "diff tells what differs" "ept.l2_tlb.entries workload.n" "$(echo $("$VIRTSIM" diff 1 2 --db "$db" --format csv 2>/dev/null | awk -F, '$1 == "knob" { print $3 }'))"

# machines that have other knobs have another dictionary, and so has a program that declares others
ok "an Arm machine" "$VIRTSIM" run "$work/w.lua" $small -m neoverse_n1_kvm --db "$db"
equal "has its own" 2 "$(sql "select count(distinct dictionary) from run_dictionary")"
equal "without what it does not have" 0 "$(sql "select count(*) from knob where run = 3 and path glob 'vmcs.*'")"
cp "$db" "$work/other.db" # as another build would have stored it
sqlite3 "$work/other.db" "update knob_declared set source = 'another build', value = value || '0', dictionary = dictionary + 2 where path not glob 'cpu.*';
    update knob_declared set dictionary = dictionary + 2 where path glob 'cpu.*'; update run_dictionary set dictionary = dictionary + 2"
knobs "$work/other.db" 1 >"$work/before"
ok "a run of this one beside it" "$VIRTSIM" run "$work/w.lua" $small --db "$work/other.db"
knobs "$work/other.db" 1 >"$work/after"
ok "leaves its knobs as they were" cmp "$work/before" "$work/after"
equal "and has this program's" "$(knobs "$db" 1 | cut -d'|' -f2-)" "$(knobs "$work/other.db" 4 | cut -d'|' -f2-)"
equal "each its own" 0 "$(knobs "$work/other.db" 4 | grep -c 'another build')"

# databases that are put together
ok "both into one" "$VIRTSIM" db merge "$work/all.db" "$db" "$work/other.db"
ok "is whole" "$VIRTSIM" db check "$work/all.db"
for run in 1 2 3; do
    equal "run $run of the first" "$(knobs "$db" $run)" "$(knobs "$work/all.db" $run)"
    equal "run $run of the second" "$(knobs "$work/other.db" $run | cut -d'|' -f2-)" "$(knobs "$work/all.db" $((run + 3)) | cut -d'|' -f2-)"
done
equal "has each dictionary once" 4 "$(sqlite3 "$work/all.db" "select count(distinct dictionary) from knob_declared")"
ok "again the first, alone" "$VIRTSIM" db merge "$work/copy.db" "$db"
equal "says the same" "$("$VIRTSIM" db digest "$db")" "$("$VIRTSIM" db digest "$work/copy.db")"

# a sweep, whose points come from other processes
ok "points of two machines" "$VIRTSIM" sweep "$work/w.lua" $small -j 2 --vary machine=neoverse_n1_kvm,skylake_sp_kvm --vary workload.n=1:3:+1 --db "$work/sweep.db"
equal "have two dictionaries" "6 2" "$(sqlite3 "$work/sweep.db" "select count(*) || ' ' || count(distinct dictionary) from run_dictionary")"
equal "and all knobs" "$(knobs "$db" 3 | grep -v '|workload' | cut -d'|' -f2-6)" "$(knobs "$work/sweep.db" 1 | grep -v '|workload' | cut -d'|' -f2-6)"
ok "is whole" "$VIRTSIM" db check "$work/sweep.db"

# a dictionary that is lost is found missing
sqlite3 "$work/sweep.db" "delete from knob_declared where dictionary = (select dictionary from run_dictionary where run = 1)"
refused "a run without what is declared" 1 "findings" "$VIRTSIM" db check "$work/sweep.db"
# a run's knobs go with it
sql "pragma foreign_keys = on; delete from run where run = 2"
equal "none of a run that is deleted" 0 "$(sql "select (select count(*) from knob where run = 2) + (select count(*) from run_dictionary where run = 2)")"
finish
