#!/bin/sh
# SPDX-License-Identifier: MIT
# A wrong request: exit status 2, one clear message that says where and what would be right.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/t.db
small="--set workload.count=1000 --set workload.footprint=1MiB"

refused "no command" 2 "usage" "$VIRTSIM"
refused "unknown command" 2 "did you mean 'sweep'" "$VIRTSIM" sweeep
refused "unknown machine" 2 "did you mean 'skylake_sp_kvm'" "$VIRTSIM" run workloads/gups.lua --machine skylake_sp_kvn --db "$db"
refused "unknown knob" 2 "did you mean 'ept.l2_tlb.entries'" "$VIRTSIM" run workloads/gups.lua --set ept.l2_tlb.entrys=4 --db "$db"
refused "knob out of bounds names the bounds" 2 "cpu.clock.mhz" "$VIRTSIM" run workloads/gups.lua --set cpu.clock.mhz=0 --db "$db"
refused "a choice names its values" 2 "native|" "$VIRTSIM" run workloads/gups.lua --set paging.mode=sideways --db "$db"
refused "no such workload" 2 "nothere.lua" "$VIRTSIM" run nothere.lua --db "$db"
refused "a workload nearly named" 2 "did you mean 'workloads/gups.lua'" "$VIRTSIM" run workloads/gup.lua --db "$db"
refused "a workload named without its folder" 2 "did you mean 'workloads/gups.lua'" "$VIRTSIM" run gups --db "$db"
mkdir "$work/mine" && cp "$VIRTSIM_HOME/workloads/gups.lua" "$work/mine/first.lua"
refused "a workload of one's own, nearly named" 2 "did you mean '$work/mine/first.lua'" "$VIRTSIM" run "$work/mine/frist.lua" --db "$db"
refused "a workload named like none" 2 "'virtsim list workloads' names" "$VIRTSIM" run workloads/zzzzzzzz.lua --db "$db"
refused "nor does its folder exist" 2 "'virtsim list workloads' names" "$VIRTSIM" run nowhere/gups.lua --db "$db"
refused "the workload of a sweep, nearly named" 2 "did you mean 'workloads/gups.lua'" "$VIRTSIM" sweep workloads/gup.lua --vary guest.page=4K,2M --db "$db"
refused "no such trace" 2 "nothere.zst" "$VIRTSIM" replay nothere.zst --db "$db"
refused "one operation at a time" 2 "'walk' is given already" "$VIRTSIM" explain walk exrta --db "$db"
equal "and that is all" 1 "$(wc -l <"$work/err")"
printf 'L 1000,8\n' >"$work/one.lk"
refused "an unknown trace format" 2 "did you mean 'lackey'" "$VIRTSIM" replay "$work/one.lk" --trace-format lakey --no-store
refused "an unknown domain" 2 "did you mean 'exit'" "$VIRTSIM" compare --domain exits --db "$work/c.db"
refused "the beginning of a machine's name" 2 "did you mean 'skylake_x_kvm', 'skylake_sp_kvm'" "$VIRTSIM" run workloads/gups.lua --machine skylake --db "$db"
refused "the parts of a knob's name" 2 "'ept.l1_dtlb_4k.entries'" "$VIRTSIM" run workloads/gups.lua --set ept.l1_dtlb.entries=4 --db "$db"
refused "a parameter's name begun" 2 "did you mean 'workload.footprint'" "$VIRTSIM" run workloads/gups.lua --set workload.foo=4K --db "$db"
refused "a kind of thing to list begun" 2 "did you mean 'knobs'" "$VIRTSIM" list knob
refused "unknown operation" 2 "did you mean 'exit.cpuid'" "$VIRTSIM" explain exit.cupid --db "$db"
"$VIRTSIM" run workloads/gups.lua --set workload.count=1000 --db "$work/one.db" --quiet >/dev/null
refused "no such run" 2 "virtsim list runs" "$VIRTSIM" show 7 --db "$work/one.db"
refused "footprint larger than guest memory" 2 "guest.memory" "$VIRTSIM" run workloads/gups.lua --set guest.memory=64MiB --set workload.footprint=1GiB --db "$db"
refused "footprint that leaves no room for the guest's tables" 2 "set guest.memory=134217728" "$VIRTSIM" run workloads/gups.lua --set guest.memory=64MiB --set workload.footprint=64MiB --db "$db"
refused "and where pages are populated" 2 "set guest.memory=134217728" "$VIRTSIM" run workloads/page_touch.lua --set guest.memory=64MiB --set workload.footprint=64MiB --db "$db"
refused "a point whose values have no room" 2 "more than the 4000 characters" "$VIRTSIM" sweep workloads/gups.lua $small --vary "machine=$(printf '%05000d' 1)" --db "$db"
refused "an impossible point is refused before the first run" 2 "ept.l2_tlb" "$VIRTSIM" sweep workloads/gups.lua $small --vary ept.l2_tlb.entries=1536,1537 --db "$db"

# all mistakes of one request together
"$VIRTSIM" run workloads/gups.lua --set a.b=1 --set cpu.clock.mhz=0 --machine nosuch --db "$db" 2>"$work/err"
equal "all mistakes are reported together" 3 "$(grep -c '^virtsim:' "$work/err")"

printf 'guest(function(cpu, p)\n  cpu:load(\n' >"$work/syntax.lua"
refused "Lua syntax error names file and line" 2 "syntax.lua:" "$VIRTSIM" run "$work/syntax.lua" --db "$db"
printf 'guest(function(cpu, p)\n  local r = cpu:map { bytes = 4096 }\n  error("boom")\nend)\n' >"$work/runtime.lua"
refused "Lua runtime error names file and line" 1 "runtime.lua:3" "$VIRTSIM" run "$work/runtime.lua" --db "$db"
printf 'guest(function(cpu, p)\n  for i = 1, 6000 do cpu:wait { us = 3600000000 } end\nend)\n' >"$work/long.lua"
refused "a run longer than its clock can say" 1 "at most 100 days" "$VIRTSIM" run "$work/long.lua" --db "$db"
printf 'guest(function(cpu, p)\n  io.open("/etc/passwd")\nend)\n' >"$work/io.lua"
refused "the sandbox has no io" 1 "io.lua:2" "$VIRTSIM" run "$work/io.lua" --db "$db"
{
    for i in $(seq 60); do echo "param { name = 'p$i', default = $i, unit = 'number', text = 'one of many' }"; done
    echo "param { name = 'bad', default = 'no number', text = 'none' }"
} >"$work/params.lua"
refused "a parameter that is none, after sixty good ones" 2 "params.lua:61: param: default" "$VIRTSIM" run "$work/params.lua" --db "$db"
printf 'x = 1\n' >"$work/none.lua"
refused "a script without a guest" 2 "no guest" "$VIRTSIM" run "$work/none.lua" --db "$db"
: >"$work/empty.lua"
refused "an empty script" 2 "empty" "$VIRTSIM" run "$work/empty.lua" --db "$db"

# a failed run is not stored
if [ -f "$db" ]; then
    equal "failed runs leave no row" 0 "$(sqlite3 "$db" 'select count(*) from run')"
fi
# a request that is refused leaves no database; what is wrong with its database is in the same report
none() { equal "$1: leaves no database" 0 "$(find "$work" -name 'new*' | wc -l)"; }
refused "no such workload" 2 "unknown workload" "$VIRTSIM" run workloads/nope.lua --db "$work/new/new.db"
none "run"
refused "no such trace" 2 "nope.lackey" "$VIRTSIM" replay nope.lackey --db "$work/new.db"
none "replay"
refused "no such domain" 2 "nope" "$VIRTSIM" compare --domain nope --db "$work/new.db"
none "compare"
refused "no such knob" 2 "no.such" "$VIRTSIM" run workloads/gups.lua --set no.such=1 --seeds 2 --db "$work/new.db"
none "run of seeds"
refused "a run that fails" 1 "boom" "$VIRTSIM" run "$work/runtime.lua" --db "$work/new/new.db"
none "a run that fails"
refused "a guest that asks for too much" 2 "guest.memory" "$VIRTSIM" run workloads/gups.lua --set guest.memory=64MiB --set workload.footprint=1GiB --db "$work/new.db"
none "a guest that asks for too much"
refused "an explanation that fails" 1 "boom" "$VIRTSIM" explain walk --workload "$work/runtime.lua" --db "$work/new.db"
none "an explanation that fails"
refused "a name that no file can have" 2 "too long" "$VIRTSIM" run "$work/runtime.lua" --db "$work/$(printf '%0300d' 1).db"
refused "a file is no folder" 2 "give another --db" "$VIRTSIM" run "$work/runtime.lua" --db "$work/runtime.lua/new.db"
ok "the first run makes it" "$VIRTSIM" run workloads/gups.lua $small --seeds 2 --quiet --db "$work/made/t.db"
equal "with its folder" 2 "$(sqlite3 "$work/made/t.db" 'select count(*) from run')"
refused "no such workload and no such folder: the folder" 2 "no/such/folder" "$VIRTSIM" run workloads/nope.lua --db "$work/no/such/folder/x.db"
equal "and the workload" 1 "$(grep -c 'unknown workload' "$work/err")"
echo "no database" >"$work/text.db"
refused "no such workload and no database: the database" 2 "text.db" "$VIRTSIM" run workloads/nope.lua --db "$work/text.db"
equal "both are said" 2 "$(wc -l <"$work/err")"
: >"$work/blank.db"
refused "an empty file is a new database" 2 "unknown workload" "$VIRTSIM" run workloads/nope.lua --db "$work/blank.db"
equal "only the workload is wrong" 1 "$(wc -l <"$work/err")"

# the spread of seeds: of two, their distance over the root of 2, however long they are
printf 'guest(function(cpu) cpu:wait { us = 5e6 } cpu:random { region = cpu:map { bytes = "8MiB" }, count = 100 } end)\n' >"$work/long.lua"
"$VIRTSIM" run "$work/long.lua" --seeds 2 --db "$work/long.db" --quiet --format csv >"$work/spread"
apart=$(sqlite3 "$work/long.db" "select cast((max(total_ps) - min(total_ps)) / sqrt(2) as int) from op where op = 'timeline' and actor = 'vcpu0'")
equal "the spread is that of the samples" "$apart" "$(awk -F, '$1 == "vcpu0" && $2 == "timeline" { printf "%d", $5 }' "$work/spread")"
equal "of a line of seconds" 1 "$(awk -F, '$1 == "vcpu0" && $2 == "timeline" && $4 > 5e12 && $5 > 0' "$work/spread" | wc -l)"
finish
