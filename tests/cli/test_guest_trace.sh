#!/bin/sh
# SPDX-License-Identifier: MIT
# A recorded guest, replayed over its own page tables: records, events, instructions, walks of the recorded tables
# and data-TLB misses equal independent counts exactly, of a recording that the project carries and of a longer one that may
# be in the folder beside it.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/g.db

counter() {
    sqlite3 "$db" "select value from counter where name = '$1' and actor = '${2:-vcpu0/guest}' and run = (select max(run) from run)"
}
ops() {
    sqlite3 "$db" "select coalesce(sum(n), 0) from op where op = '$1' and run = (select max(run) from run)"
}

# what is wrong with a request
printf 'QMT1\000\000\000\030\002\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000' >"$work/version.qmt"
refused "another version" 2 "version 2" "$VIRTSIM" replay "$work/version.qmt" --db "$db"
printf 'QMT1\000\000\000\030\001\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000' >"$work/head"
printf '\000\020\100\000\000\000\000\000\000\020\000\000\000\000\000\000\001\000\000\000\000\000\003\000' >"$work/load"
cat "$work/head" "$work/load" >"$work/one.qmt"
"$VIRTSIM" replay "$work/one.qmt" --db "$db" --quiet >/dev/null || failures=$((failures + 1))
equal "one load" 1 "$(ops access.load)"
equal "one instruction" 1 "$(counter cpu.instructions)"
equal "its page is placed" 1 "$(counter replay.placed vcpu0)"
refused "tables for a program's trace" 2 "no physical addresses" "$VIRTSIM" replay "$VIRTSIM_HOME/workloads/traces/rowindex.lackey.zst" --tables "$work/one.qmt" --db "$db"
refused "no tables" 2 "begins with PTS1" "$VIRTSIM" replay "$work/one.qmt" --tables "$work/one.qmt" --db "$db"
refused "memory too small" 2 "do not fit" "$VIRTSIM" replay "$work/one.qmt" --set guest.memory=1GiB --db "$db"
(cat "$work/one.qmt" && head -c 10 "$work/load") >"$work/cut.qmt"
refused "a cut recording" 1 "record 2 at byte offset 48" "$VIRTSIM" replay "$work/cut.qmt" --db "$db"

# several processors: a vCPU each, which take turns in the order of the records
printf '\000\020\100\000\000\000\000\000\000\020\000\000\000\000\000\000\001\000\000\000\001\000\003\000' >"$work/other"
(cat "$work/one.qmt" "$work/other") >"$work/two.qmt"
refused "another processor from a pipe" 1 "replayed from a file" sh -c "cat $work/two.qmt | '$VIRTSIM' replay - --db $db"
printf '\000\020\100\000\000\000\000\000\000\020\000\000\000\000\000\000\001\000\000\000\100\000\003\000' >"$work/other"
(cat "$work/one.qmt" "$work/other") >"$work/many.qmt"
refused "too many of them" 1 "processors 0 to 63" "$VIRTSIM" replay "$work/many.qmt" --db "$db"
# processor 3 stores to a line, processor 5 reads it, 100 times; 5 alone goes on
python3 -c "
import struct, sys
w = sys.stdout.buffer
w.write(b'QMT1\0\0\0\30' + struct.pack('<QQ', 1, 0))
rec = lambda cpu, flags, gap, va: w.write(struct.pack('<QQIBBBB', va, va & 0xffffff, gap, cpu, flags, 3, 0))
for i in range(100):
    rec(3, 1, 2, 0x400000 + 64*i)
    rec(5, 0, 3, 0xffff800000400000 + 64*i)
    rec(3, 0x10, 1, 0x1000) if i % 50 == 49 else None
for i in range(20):
    rec(5, 0, 1, 0x500000 + 8*i)" >"$work/order.qmt"
turns() {
    equal "$1: two vCPUs" 2 "$(sqlite3 "$db" "select count(distinct actor) from counter where actor like 'vcpu%/guest' and run = (select max(run) from run)")"
    equal "$1: instructions" "$2 $3" "$(counter cpu.instructions vcpu0/guest) $(counter cpu.instructions vcpu1/guest)"
    equal "$1: stores and loads" "$4 0 0 $5" "$(counter cpu.stores vcpu0/guest) $(counter cpu.loads vcpu0/guest) $(counter cpu.stores vcpu1/guest) $(counter cpu.loads vcpu1/guest)"
}
for m in skylake_sp_kvm skylake_sp_native zen2_rome_kvm; do
    ok "$m" "$VIRTSIM" replay "$work/order.qmt" -m $m --db "$db" --quiet
    turns $m 202 320 100 120
    equal "$m: every line was fetched by the other one before" "100 3" "$(counter memory.llc.read_hits vcpu1/guest) $(counter memory.llc.read_misses vcpu1/guest)"
done
ok "parts count records of all" "$VIRTSIM" replay "$work/order.qmt" --skip 20 --warmup 30 --limit 40 --db "$db" --quiet
turns "a part" 40 60 20 20
ok "a recording of two processors is recorded" "$VIRTSIM" replay "$work/order.qmt" --record "$work/order.vst" --db "$db" --quiet
turns recorded 202 320 100 120
digest() { sqlite3 "$db" "select actor, name, value from counter where run = (select max(run) from run) order by 1, 2" | sha256sum; }
before=$(digest)
ok "and replayed" "$VIRTSIM" replay "$work/order.vst" --db "$db" --quiet
equal "with the same books" "$before" "$(digest)"
ok "two such guests" "$VIRTSIM" replay "$work/order.qmt" "$work/order.vst" --set guest.vms=each --db "$db" --quiet
equal "of two processors each" "320 320" "$(counter cpu.instructions vcpu1/guest) $(counter cpu.instructions vcpu3/guest)"
refused "a processor without a measured part" 2 "processor 3 has no record in the part" "$VIRTSIM" replay "$work/order.qmt" --warmup 202 --db "$db"
refused "tables of one" 2 "recorded on 2 processors" "$VIRTSIM" replay "$work/order.qmt" --tables "$work/one.qmt" --db "$db"
printf '\000\020\100\000\000\000\000\000\000\020\000\000\001\000\000\000\001\000\000\000\000\000\003\000' >"$work/far"
(cat "$work/one.qmt" "$work/far") >"$work/far.qmt"
refused "an address above the recording's memory" 1 "replay.memory" "$VIRTSIM" replay "$work/far.qmt" --set replay.memory=64MiB --db "$db"

laws() { # recording, without .qmt.zst
    guest=$1
    want() { sed -n "s/^$1=//p" "$guest.oracle"; }
    for machine in skylake_sp_native skylake_sp_kvm zen2_rome_kvm; do
        "$VIRTSIM" replay "$guest.qmt.zst" --tables "$guest.pts.zst" --machine $machine --db "$db" --quiet >/dev/null || failures=$((failures + 1))
        equal "$machine: instructions" "$(want sum_gap_instructions)" "$(counter cpu.instructions)"
        for half in kernel user; do
            equal "$machine: $half match" "$(want walk_${half}_match)" "$(counter replay.tables.${half}_match vcpu0)"
            equal "$machine: $half differ" "$(want walk_${half}_mismatch)" "$(counter replay.tables.${half}_differ vcpu0)"
            equal "$machine: $half absent" "$(want walk_${half}_notpresent)" "$(counter replay.tables.${half}_absent vcpu0)"
        done
    done
    "$VIRTSIM" replay "$guest.qmt.zst" --tables "$guest.pts.zst" --machine skylake_sp_native --db "$db" --quiet >/dev/null || failures=$((failures + 1))
    equal "loads and stores, device registers among them" $(($(want loads) + $(want stores))) $(($(ops access.load) + $(ops access.store)))
    equal "moves to another page of instructions" "$(want ev_fetch_page)" "$(ops access.fetch)"
    equal "MOV to CR3 and INVLPG, and that of the recorded tables" $(($(want ev_cr3) + $(want ev_invlpg) + 1)) "$(ops invalidate)"

    tlb() { # ways replay.mov_cr3 want
        "$VIRTSIM" replay "$guest.qmt.zst" --machine oracle_tlb --set ept.l1_dtlb_4k.ways="$1" --set replay.mov_cr3="$2" \
            --set replay.mapping=first --set guest.global_pages=0 --db "$db" --quiet >/dev/null || failures=$((failures + 1))
        equal "data TLB, ways $1, $2" "$(want "$3")" "$(counter ept.l1_dtlb.misses)"
        echo "data TLB, ways $1, MOV to CR3 $2: want $(want "$3") got $(counter ept.l1_dtlb.misses)"
    }
    tlb 0 keep dtlb_fa64_noflush
    tlb 4 keep dtlb_4way64_noflush
    tlb 0 flush dtlb_fa64_flush_on_cr3
    tlb 4 flush dtlb_4way64_flush_on_cr3
}
laws "$VIRTSIM_HOME/tests/traces/guest/boot"
beside=${VIRTSIM_SHARED:-$VIRTSIM_HOME/../shared}/traces/guest/g1
[ ! -f "$beside.qmt.zst" ] || laws "$beside"
equal "no run is unbalanced" 0 "$(sqlite3 "$db" 'select count(*) from unbalanced')"
finish
