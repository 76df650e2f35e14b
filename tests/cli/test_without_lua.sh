#!/bin/sh
# SPDX-License-Identifier: MIT
# A program without Lua (-DVIRTSIM_WITHOUT=lua) runs the shipped machines, hypervisors and kernels from the tables that
# the build made of their files: a recording and a trace have the same rows there.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
bare=${VIRTSIM%/*}/virtsim_without_lua
[ -x "$bare" ] || { echo "no $bare: skipped"; exit 77; }

if command -v nm >/dev/null; then
    equal "nothing of Lua is linked" 0 "$(nm "$bare" | grep -c ' [TtUW] \(lua\|luaL\)_')"
fi
same() { # same WHAT ARGUMENT...: rows of both programs' runs
    what=$1
    shift
    rm -f "$work/with.db" "$work/bare.db"
    ok "$what" "$VIRTSIM" "$@" --db "$work/with.db" --quiet
    ok "$what, without Lua" "$bare" "$@" --db "$work/bare.db" --quiet
    for table in op part child counter histogram knob; do
        for db in with bare; do
            sqlite3 "$work/$db.db" "select * from $table order by 1, 2, 3, 4, 5" >"$work/$db.$table"
        done
        ok "$what: the same rows of $table" cmp -s "$work/with.$table" "$work/bare.$table"
    done
    ok "$what: there are some" test -s "$work/bare.part"
}
for machine in skylake_sp_kvm zen3_milan_kvm neoverse_n1_kvm skylake_sp_xen; do
    for workload in udp_echo page_touch; do
        ok "$workload on $machine is recorded" "$VIRTSIM" run "workloads/$workload.lua" --machine $machine --record "$work/r.vst" --no-store --quiet
        same "$workload on $machine" replay "$work/r.vst"
    done
done
same "a trace" replay workloads/traces/rowindex.lackey.zst --limit 5000 --machine cascadelake_kvm --set guest.page_fault.handle.instructions=901
equal "the machines are the same" "$("$VIRTSIM" list machines --format csv)" "$("$bare" list machines --format csv)"
equal "and the programs" "$("$VIRTSIM" list programs --format csv)" "$("$bare" list programs --format csv)"

# ---- files are not looked at
mkdir -p "$work/home/results"
cp results/*.csv "$work/home/results"
"$bare" replay "$work/r.vst" --db "$work/home.db" --quiet >/dev/null
equal "as they were when it was built" "$(sqlite3 "$work/home.db" "select sum(total_ps) from op")" \
    "$(VIRTSIM_HOME=$work/home "$bare" replay "$work/r.vst" --db "$work/none.db" --quiet >/dev/null 2>&1; sqlite3 "$work/none.db" "select sum(total_ps) from op")"

# ---- what needs Lua says so
printf 'return { base = "skylake_sp_kvm" }\n' >"$work/mine.lua"
refused "a workload" 2 "built without Lua: workloads are Lua; 'virtsim replay'" "$bare" run workloads/gups.lua --no-store
refused "a machine of one's own" 2 "mine.lua: this program was built without Lua" "$bare" replay workloads/traces/rowindex.lackey.zst --machine "$work/mine.lua" --no-store
refused "an expression" 2 "let: this program was built without Lua" "$bare" sweep workloads/traces/rowindex.lackey.zst --let ept.l2_tlb.ways=4 --vary ept.l2_tlb.entries=512,1024 --db "$work/none.db"
finish
