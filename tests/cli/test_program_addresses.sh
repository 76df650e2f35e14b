#!/bin/sh
# SPDX-License-Identifier: MIT
# Every address that a program may use is its own: what lies there costs what it costs anywhere else.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/a.db
count() { sqlite3 "$db" "select coalesce(sum(value), 0) from counter where name = '$1' and run = (select max(run) from run)"; }
# 16 loads of 16 pages
pages() { for i in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do echo " L ${1}${i}000,8"; done >"$work/t.lk"; }
# shape ADDRESS-WITHOUT-THE-LAST-FOUR-DIGITS OPTION...: what 16 loads of 16 pages from there cost
shape() {
    pages "$1"
    shift
    rm -f "$db"
    timeout 60 "$VIRTSIM" replay "$work/t.lk" --quiet --db "$db" "$@" >"$work/out" 2>&1 || head -2 "$work/out"
    sqlite3 "$db" "with c as (select name, sum(value) as n from counter where run = (select max(run) from run) group by name),
        of(name, place, word) as (values ('ept.walks', 1, ' walks of '), ('ept.walk.refs_guest', 2, ' and '), ('ept.walk.refs_nested', 3, ' references, '),
            ('ept.l1_dtlb.misses', 4, ' misses, '), ('ept.page_faults', 5, ' and '), ('os.page_faults', 6, ' faults, '), ('os.placed', 7, ''))
        select group_concat(coalesce(n, 0) || word, '') from (select * from of left join c using (name) order by place)"
}
x86="0000 0040 10000 11000 12000 13000 13100 1000000 1000020 40000000 60000000 7fffffff"
for first in free fault; do
    for on in skylake_sp_native skylake_sp_kvm "skylake_sp_kvm --set paging.mode=shadow" zen2_rome_kvm; do
        # shellcheck disable=SC2086 # words
        want=$(shape 7f000000 --machine $on --set replay.first_touch=$first)
        for at in $x86; do
            # shellcheck disable=SC2086 # words
            equal "$on, $first: at ${at}0000" "$want" "$(shape $at --machine $on --set replay.first_touch=$first)"
        done
    done
    five="--machine skylake_sp_native --set guest.levels=5 --set replay.first_touch=$first"
    # shellcheck disable=SC2086 # words
    want=$(shape 7f000000 $five)
    for at in 10000 1000000 80000000 fffff00000 ffffffffff; do
        # shellcheck disable=SC2086 # words
        equal "five levels, $first: at ${at}0000" "$(echo "$want" | cut -d, -f2-)" "$(shape $at $five | cut -d, -f2-)"
    done
    for arm in "16 4K 10000 1000000 40000000 60000000 7fffffff 80000000 ffffffff" "16 64K 10000 1000000 60000000 ffffffff" "25 4K 10000 12000 400000 7fffff" "30 4K 10000 20000 3ffff"; do
        # shellcheck disable=SC2086 # words
        set -- $arm
        on="--machine neoverse_n1_native --set guest.t0sz=$1 --set guest.granule=$2 --set guest.page_size=$2 --set replay.first_touch=$first"
        shift 2
        # shellcheck disable=SC2086 # words
        want=$(shape 3000 $on)
        for at; do
            # shellcheck disable=SC2086 # words
            equal "Arm$on: at ${at}0000" "$want" "$(shape $at $on)"
        done
    done
done
# a kernel's own, in the trace of a whole guest
for at in ffff80000000 ffff88800000 ffffc9000000 ffffffff8100; do
    equal "at ${at}0000" "$(shape 7f000000 --machine skylake_sp_kvm | cut -d, -f2-)" "$(shape $at --machine skylake_sp_kvm | cut -d, -f2-)"
done
for at in ffff00000000 ffff80000000 ffff80008000; do
    equal "Arm: at ${at}0000" "$(shape 7f000000 --machine neoverse_n1_kvm | cut -d, -f2-)" "$(shape $at --machine neoverse_n1_kvm | cut -d, -f2-)"
done
# but for the few that the simulated kernel itself has
pages ffff80010000
refused "the kernel's own text" 1 "the machine's own kernel is there" "$VIRTSIM" replay "$work/t.lk" --db "$db"
pages ffff82000000
refused "its map of memory" 1 "the machine's own kernel is there" "$VIRTSIM" replay "$work/t.lk" --set replay.first_touch=fault --db "$db"

# large pages, anywhere
for size in 2M 1G; do
    for on in skylake_sp_native skylake_sp_kvm; do
        large="--machine $on --set guest.page_size=$size --set host.page_size=2M"
        # shellcheck disable=SC2086 # words
        want=$(shape 7f000000 $large)
        for at in 10004 11004 1000000 60000000; do
            # shellcheck disable=SC2086 # words
            equal "$on, pages of $size: at ${at}0000" "$want" "$(shape $at $large)"
        done
    done
done
# regions of programs, in two address spaces, beside a NIC's driver
cat >"$work/at.lua" <<'LUA'
guest(function(cpu)
  cpu:recv { count = 1 }
  local other = cpu:process()
  for _, space in ipairs { 0, other } do
    cpu:switch(space)
    for _, at in ipairs { 0x10000, 0x100000000, 0x110000000, 0x120000000, 0x130000000, 0x200000000000, 0x400000000000, 0x600000000000, 0x7fffffe00000 } do
      local r = cpu:map { at = at, bytes = "64KiB", backing = "touch" }
      cpu:store(r)
      cpu:load(r, 65528)
      cpu:unmap(r)
    end
  end
  cpu:switch(0)
  cpu:send { count = 20 }
end)
LUA
for on in skylake_sp_native skylake_sp_kvm "skylake_sp_kvm --set paging.mode=shadow" zen2_rome_kvm neoverse_n1_kvm; do
    # shellcheck disable=SC2086 # words
    ok "$on: regions where programs want them" "$VIRTSIM" run "$work/at.lua" --machine $on --set ept.verify=1 --quiet --db "$db"
    equal "$on: walks as the tables say" 0 "$(count ept.walk.disagreements)"
    # shellcheck disable=SC2086 # words
    ok "$on: recorded" "$VIRTSIM" run "$work/at.lua" --machine $on --quiet --record "$work/r.vst" --db "$db"
    ok "$on: played" "$VIRTSIM" replay "$work/r.vst" --quiet --db "$db"
    equal "$on: the same" 0 "$(sqlite3 "$db" "select count(*) from (select actor, op, n, total_ps from op where run = (select max(run) from run) except select actor, op, n, total_ps from op where run = (select max(run) - 1 from run))")"
done
finish
