#!/bin/sh
# SPDX-License-Identifier: MIT
# Where page tables lead beyond memory: a page there is a device's, whose access is carried out once; a table there is
# an error. Likewise addresses that no table translates, and entries with reserved bits.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/n.db
last="run = (select max(run) from run)"
count() { sqlite3 "$db" "select coalesce(sum(n), 0) from op where op like '$1' and actor like '%${2:-}' and $last"; }
completed() { sqlite3 "$db" "select coalesce(sum(n), 0) from op where op in ('access.load', 'access.store') and actor like '%/guest' and $last"; }
counter() { sqlite3 "$db" "select coalesce(sum(value), 0) from counter where name = '$1' and $last"; }

# zeros N, byte VALUE, qword VALUE: bytes of a file
zeros() { head -c "$1" /dev/zero; }
byte() { printf "\\$(printf %03o $(($1 & 255)))"; }
qword() { for i in 0 8 16 24 32 40 48 56; do byte $(($1 >> i)); done; }
# table AT INDEX ENTRY: one recorded table with one entry
table() {
    qword "$1"
    zeros $(($2 * 8))
    qword "$3"
    zeros $((4088 - $2 * 8))
}
# address 0x400000: level 4 and 3 entries 0, level 2 entry 2, level 1 entry 0
tables() { # N LEVEL2 [LEVEL1]: what these entries hold
    printf 'PTS1'
    byte "$1" && zeros 3
    qword 0x1000
    qword 0x100000
    table 0x1000 0 "${4:-0x2007}"
    table 0x2000 0 0x3007
    table 0x3000 2 "$2"
    [ "$1" -lt 4 ] || table 0x4000 0 "$3"
}
head24() {
    printf 'QMT1'
    zeros 3 && byte 24
    qword 1
    zeros 8
}
# record PHYSICAL FLAGS: a load or store of 8 bytes at 0x400000
record() {
    qword 0x400000
    qword "$1"
    byte 1 && zeros 3
    byte 0
    byte "$2"
    byte 3
    byte 0
}
gib16=0x400000000
tib64=0x200000000000 # within 46 bits, above every machine's memory here
(head24 && record 0 4 && record 0 5 && record 0 4) >"$work/three.qmt"
(head24 && record $gib16 0 && record $gib16 1) >"$work/placed.qmt"
tables 4 0x4007 $((gib16 + 7)) >"$work/page.pts"
tables 3 $((gib16 + 7)) >"$work/table.pts"
tables 4 0x4007 $((tib64 + 7)) >"$work/native_page.pts"
tables 3 $((tib64 + 7)) >"$work/native_table.pts"
tables 3 $((0x4007 | 1 << 50)) >"$work/reserved.pts"
tables 4 0x4007 0x5007 0x2087 >"$work/large_at_level_4.pts"

# accesses that the hypervisor emulated
emulated() {
    if [ "$1" = ept ]; then count exit.ept_%; else counter hypervisor.mmio; fi
}
virtual() { # machine, --set or none
    name=$1
    shift
    ok "$name: a page beyond guest memory is a device's" timeout 60 "$VIRTSIM" replay "$work/three.qmt" --tables "$work/page.pts" "$@" --db "$db" --quiet
    equal "$name: each access of it was emulated" 3 "$(emulated $name)"
    equal "$name: and none went to memory" 0 "$(completed)"
    ok "$name: so is one that a record places there" timeout 60 "$VIRTSIM" replay "$work/placed.qmt" "$@" --db "$db" --quiet
    equal "$name: each access of that, too" 2 "$(emulated $name)"
    equal "$name: the books balance" 0 "$(sqlite3 "$db" 'select count(*) from unbalanced')"
    refused "$name: a table beyond guest memory" 1 "a table at guest-physical 0x400000000, beyond guest.memory" timeout 60 "$VIRTSIM" replay "$work/three.qmt" --tables "$work/table.pts" "$@" --db "$db"
    refused "$name: a reserved bit" 1 "reserved bit is set in its entry at level 2" timeout 60 "$VIRTSIM" replay "$work/three.qmt" --tables "$work/reserved.pts" "$@" --db "$db"
}
virtual ept --machine skylake_sp_kvm
# KVM: the first access violates, and leaves an entry that is a misconfiguration
"$VIRTSIM" replay "$work/three.qmt" --tables "$work/page.pts" --set ept.nested_tlb.entries=0 --db "$db" --quiet >/dev/null
equal "one violation of that page" 1 "$(count exit.ept_violation)"
equal "misconfigurations after it" 2 "$(count exit.ept_misconfig)"
virtual npt --machine zen2_rome_kvm
virtual shadow --machine skylake_sp_kvm --set paging.mode=shadow
for at in $gib16 0x20000000000; do # the second: more than stage 2 translates
    (head24 && record $at 0 && record $at 1) >"$work/placed.qmt"
    ok "stage 2: a page at $at is a device's" timeout 60 "$VIRTSIM" replay "$work/placed.qmt" --machine neoverse_n1_kvm --db "$db" --quiet
    equal "stage 2: each access of it was emulated" 2 "$(counter hypervisor.mmio)"
    equal "stage 2: in an exit" 2 "$(count exit.%)"
    equal "stage 2: and none went to memory" 0 "$(completed)"
done

native="--machine skylake_sp_native"
ok "native: a page beyond memory is a device's" timeout 60 "$VIRTSIM" replay "$work/three.qmt" --tables "$work/native_page.pts" $native --db "$db" --quiet
equal "native: each access takes what a device takes" 3 "$(sqlite3 "$db" "select sum(n) from part where account = 'instruction.mmio' and $last")"
equal "native: and none went to memory" 0 "$(completed)"
refused "native: a table beyond memory" 1 "a table at physical 0x200000000000, beyond host.memory" timeout 60 "$VIRTSIM" replay "$work/three.qmt" --tables "$work/native_table.pts" $native --db "$db"
refused "native: a reserved bit" 1 "reserved bit is set in its entry at level 2" timeout 60 "$VIRTSIM" replay "$work/three.qmt" --tables "$work/reserved.pts" $native --db "$db"
refused "native: a large page at level 4" 1 "reserved bit is set in its entry at level 4" timeout 60 "$VIRTSIM" replay "$work/three.qmt" --tables "$work/large_at_level_4.pts" $native --db "$db"

# widths that do not fit, on every kind of machine
load=$VIRTSIM_HOME/workloads/gups.lua
refused "more host memory than addresses" 2 "host.memory" "$VIRTSIM" run "$load" --set ept.physical_bits=36 --set guest.memory=8GiB --set host.memory=128GiB --db "$db"
refused "more guest memory than addresses" 2 "guest.memory" "$VIRTSIM" run "$load" --set ept.physical_bits=32 --set host.memory=4GiB --set guest.memory=8GiB --db "$db"
refused "the same on Arm" 2 "ept.physical_bits = 32" "$VIRTSIM" run "$load" --machine neoverse_n1_native --set ept.physical_bits=32 --set host.memory=8GiB --db "$db"
refused "guest-physical addresses that four levels of EPT do not reach" 2 "host.levels = 5" "$VIRTSIM" run "$load" --set ept.physical_bits=52 --db "$db"
finish
