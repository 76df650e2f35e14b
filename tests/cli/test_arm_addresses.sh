#!/bin/sh
# SPDX-License-Identifier: MIT
# Arm's address spaces: two halves with a hole between them, as wide as T0SZ and T1SZ say; pages of every granule.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/a.db
last="run = (select max(run) from run)"
counter() { sqlite3 "$db" "select coalesce(sum(value), 0) from counter where name = '$1' and $last"; }
n1=neoverse_n1

printf '0 7fff00001000\n0 ffff800000001000\n1 ffff800000001000\n0 ffff800000002000\n0 ffffffffffff0000\n' >"$work/kernel.din"
for machine in ${n1}_native ${n1}_kvm; do
    ok "$machine: a kernel's addresses are translated" timeout 60 "$VIRTSIM" replay "$work/kernel.din" --machine $machine --set ept.verify=1 --db "$db" --quiet
    equal "$machine: every walk as the tables say" 0 "$(counter ept.walk.disagreements)"
    equal "$machine: four walks for four pages" 4 "$(counter ept.walk.verified)"
    for hole in 0001000000001000 0200010000000000 fffe800000001000 8000000000000000; do
        printf '0 1000\n0 %s\n' $hole >"$work/hole.din"
        refused "$machine: $hole is in the hole" 1 "neither TTBR0" timeout 60 "$VIRTSIM" replay "$work/hole.din" --machine $machine --db "$db"
    done
    # 39-bit halves, three levels
    narrow="--machine $machine --set guest.t0sz=25 --set guest.t1sz=25"
    printf '0 1000\n0 7fffff1000\n0 ffffff8000001000\n' >"$work/narrow.din"
    ok "$machine: halves of 39 bits" timeout 60 "$VIRTSIM" replay "$work/narrow.din" $narrow --db "$db" --quiet
    printf '0 1000\n0 8000001000\n' >"$work/hole.din"
    refused "$machine: T0SZ = 25 has no bit 39" 1 "neither TTBR0 (39 bits) nor TTBR1 (39 bits)" "$VIRTSIM" replay "$work/hole.din" $narrow --db "$db"
done
load=$VIRTSIM_HOME/workloads/gups.lua
small() { # what makes a workload short: it runs to its end, over all kinds of what it does
    case $1 in
    gups) echo "--set workload.count=20000 --set workload.warmup=20000" ;;
    page_table_edit) echo "--set workload.count=20000 --set workload.warmup=5000 --set workload.footprint=4MiB" ;;
    page_touch) echo "--set workload.footprint=8MiB" ;;
    tlb_shootdown) echo "--set workload.count=40" ;;
    exit_microbench) echo "--set workload.count=50" ;;
    esac
}
off="--set ept.guest_pwc.l2.entries=0 --set ept.guest_pwc.l3.entries=0 --set ept.guest_pwc.l4.entries=0 --set ept.guest_pwc.l5.entries=0 --set workload.footprint=256MiB"
for t in 16 25 28; do
    ok "T0SZ = $t" timeout 60 "$VIRTSIM" run "$load" --machine ${n1}_native --set guest.t0sz=$t --set guest.t1sz=$t --set host.memory=16GiB $off --set workload.count=100000 --set workload.warmup=100000 --db "$db" --quiet
    equal "T0SZ = $t: as many references a walk as levels" "$([ $t = 16 ] && echo 4 || echo 3)" $(($(counter ept.walk.refs_guest) / $(counter ept.walks)))
done
for workload in gups page_table_edit page_touch tlb_shootdown exit_microbench; do
    # shellcheck disable=SC2046 # words
    ok "$workload in 39 bits" timeout 100 "$VIRTSIM" run "$VIRTSIM_HOME/workloads/$workload.lua" --machine ${n1}_kvm --set guest.t0sz=25 --set guest.t1sz=25 $(small $workload) --db "$db" --quiet
done
refused "T0SZ = 31 leaves too little" 2 "guest.t0sz = 31" "$VIRTSIM" run "$load" --machine ${n1}_kvm --set guest.t0sz=31 --db "$db"
refused "a map of memory in too few addresses" 2 "guest.t1sz = 39" "$VIRTSIM" run "$load" --machine ${n1}_kvm --set guest.t0sz=25 --set guest.t1sz=39 --db "$db"
refused "a footprint that does not fit" 2 "programs' addresses end at 0x400000000" "$VIRTSIM" run "$load" --machine ${n1}_kvm --set guest.t0sz=30 --set guest.t1sz=25 --set guest.memory=16GiB --set workload.footprint=9GiB --db "$db"
refused "the 4K granule starts at level 0 with 44 bits only" 2 "at least 44 bits" "$VIRTSIM" run "$load" --machine ${n1}_kvm --set host.sl0=2 --set host.t0sz=24 --set ept.physical_bits=42 --set host.memory=64GiB --db "$db"

# x86: five levels
cat >"$work/high.lua" <<'L'
guest(function(cpu)
  local r = cpu:map { bytes = "64KiB", at = 0x80000000000000 }
  cpu:stride { region = r, stride = 64, op = "store" }
  cpu:load(0x80000000000000)
end)
L
ok "a program beyond 2^47 in five levels" "$VIRTSIM" run "$work/high.lua" --set guest.levels=5 --db "$db" --quiet
refused "but not in four" 1 "below 2^47" "$VIRTSIM" run "$work/high.lua" --db "$db"

# pages of every granule
cat >"$work/sizes.lua" <<'L'
param { name = "page", default = "base", choices = "base|4K|16K|64K|2M|32M|512M|1G", text = "of the region" }
guest(function(cpu, p)
  for _ = 1, 40 do
    local r = cpu:map { bytes = "512MiB", page = p.page }
    cpu:store(r)
    cpu:unmap(r)
  end
end)
L
sizes() { # granule, its pages, the others
    for page in base $2; do
        ok "pages of $page in tables of $1, given back 40 times" timeout 100 "$VIRTSIM" run "$work/sizes.lua" --machine ${n1}_kvm --set guest.granule=$1 --set guest.page_size=$1 --set host.page_size=1G --set workload.page=$page --db "$db" --quiet
    done
    for page in $3; do
        refused "no pages of $page in tables of $1" 2 "this machine's tables have pages of $(echo "$2" | sed 's/ /, /g')" "$VIRTSIM" run "$work/sizes.lua" --machine ${n1}_kvm --set guest.granule=$1 --set guest.page_size=$1 --set workload.page=$page --db "$db"
    done
}
sizes 4K "4K 2M 1G" "16K 64K 32M 512M"
sizes 16K "16K 32M" "4K 64K 2M 512M 1G"
sizes 64K "64K 512M" "4K 16K 2M 32M 1G"
for granule in 16K 64K; do
    for workload in tlb_shootdown page_table_edit page_touch exit_microbench; do
        # shellcheck disable=SC2046 # words
        ok "$workload with tables of $granule" timeout 100 "$VIRTSIM" run "$VIRTSIM_HOME/workloads/$workload.lua" --machine ${n1}_kvm --set guest.granule=$granule --set guest.page_size=$granule $(small $workload) --db "$db" --quiet
    done
done
finish
