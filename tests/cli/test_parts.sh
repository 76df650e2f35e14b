#!/bin/sh
# SPDX-License-Identifier: MIT
# --skip, --warmup and --limit: in records, which finish their instruction, or in instructions; for every trace of
# several. --threads and --shares: traces in one address space.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/p.db
count() { # counter, vCPU (all): of the last run
    sqlite3 "$db" "select coalesce(sum(value), 0) from counter where run = (select max(run) from run) and name = '$1' and actor like '${2:-vcpu%}/guest'"
}
replay() { "$VIRTSIM" replay "$@" --quiet --db "$db"; }

# ChampSim: 500 instructions with one load and one store each
python3 -c "
import struct, sys
for i in range(500):
    sys.stdout.buffer.write(struct.pack('<QBB2B4B2Q4Q', 0x400000 + 4*i, 0, 0, 0, 0, 0, 0, 0, 0, 0x50000000 + 8*i, 0, 0x40000000 + 8*i, 0, 0, 0))" >"$work/c.champsim"
# lackey: 300 instructions, every third with a load and a store
awk 'BEGIN { for (i = 0; i < 300; i++) { printf "I  %08x,4\n", 4198400 + 4 * i; if (i % 3 == 0) printf " L %08x,8\n S %08x,8\n", 1073741824 + 64 * i, 1342177280 + 64 * i } }' >"$work/l.lk"
# a whole guest: 7 instructions for each load, whose store follows as part of the last of them
python3 -c "
import struct, sys
w = sys.stdout.buffer
w.write(b'QMT1\0\0\0\30' + struct.pack('<QQ', 1, 0))
for i in range(200):
    a = 0x400000 + 64*i
    w.write(struct.pack('<QQIBBBB', a, a, 7, 0, 0, 3, 0))
    w.write(struct.pack('<QQIBBBB', a, a, 0, 0, 1, 3, 0))" >"$work/g.qmt"

for trace in c.champsim l.lk; do
    for n in 1 2 3 4 5 100 101; do
        ok "$trace: --limit $n" replay "$work/$trace" --limit $n
        r=$(($(count cpu.instructions) + $(count cpu.loads) + $(count cpu.stores)))
        equal "$trace: --limit $n: the number, and the rest of an instruction" 1 $((r >= n && r < n + 3))
        equal "$trace: --limit $n: loads and stores are of whole instructions" "$(count cpu.loads)" "$(count cpu.stores)"
    done
done
for trace in c.champsim l.lk g.qmt; do
    ok "$trace: --limit 100i" replay "$work/$trace" --limit 100i
    equal "$trace: --limit 100i" 100 "$(count cpu.instructions)"
    ok "$trace: all options in instructions" replay "$work/$trace" --skip 17i --warmup 23i --limit 55i
    equal "$trace: the warm-up is not measured" 55 "$(count cpu.instructions)"
    equal "$trace: stores come with their loads" "$(count cpu.loads)" "$(count cpu.stores)"
done
ok "in both units" replay "$work/c.champsim" --skip 100i --warmup 300 --limit 601
equal "601 records after 100 instructions and 300 records" 201 "$(count cpu.instructions)"
refused "instructions of a trace that has none" 1 "--limit 5i counts instructions; it has no instructions" sh -c "printf ' L 40000000,8\n' | '$VIRTSIM' replay - --limit 5i --db $db"
refused "more warm-up than there is" 1 "300 of 301 warm-up instructions" sh -c "exec '$VIRTSIM' replay $work/l.lk --warmup 301i --db $db 2>&1 | sed 's/: [0-9]* of/: 300 of/' >&2; exit 1"
refused "instructions of a workload" 2 "counts accesses" "$VIRTSIM" run workloads/gups.lua --warmup 10i --db "$db"
refused "neither number nor unit" 2 "100i" replay "$work/l.lk" --limit 10x

# several: one whose accesses take long, one of a single line; each is measured as if it were alone
awk 'BEGIN { for (i = 0; i < 400; i++) printf " L %08x,8\n", 1073741824 + 8192 * i }' >"$work/slow.lk"
awk 'BEGIN { for (i = 0; i < 400; i++) printf " L 50000000,8\n" }' >"$work/fast.lk"
head -n 10 "$work/fast.lk" >"$work/t2.lk"
for order in "slow fast" "fast slow" "fast slow fast"; do
    # shellcheck disable=SC2086 # words
    set -- $order
    files=$(for t in $order; do echo "$work/$t.lk"; done)
    for options in "--warmup 100 --limit 200" "--warmup 100" "--skip 50 --warmup 150" "--skip 100 --limit 33" "--warmup 399"; do
        # shellcheck disable=SC2086
        ok "$order: $options" replay $files $options
        case $options in
        "--warmup 100 --limit 200" | "--skip 50 --warmup 150") want=200 ;;
        "--warmup 100") want=300 ;;
        "--warmup 399") want=1 ;;
        *) want=33 ;;
        esac
        for i in $(seq 0 $(($# - 1))); do
            equal "$order: $options: vCPU $i" $want "$(count cpu.loads "vcpu$i")"
        done
    done
done
ok "two of different lengths" replay "$work/t2.lk" "$work/slow.lk" --skip 3
equal "how many records of each were measured is stored" 7+397 "$(sqlite3 "$db" "select value from provenance where key = 'records' and run = (select max(run) from run)")"
printf ' L 50000000,8\n' >"$work/short.lk"
refused "a short one among several names itself" 1 "short.lk: ends within --warmup" replay "$work/slow.lk" "$work/short.lk" --warmup 10
refused "skipped altogether" 1 "short.lk: ends before --skip" replay "$work/slow.lk" "$work/short.lk" --skip 10
refused "nothing behind the warm-up" 1 "short.lk: ends with" replay "$work/slow.lk" "$work/short.lk" --warmup 1
printf ' L 50000000,8\n L 5000' >"$work/cut.lk"
refused "cut off" 1 "cut.lk: line 2" replay "$work/slow.lk" "$work/cut.lk"
ok "recorded" replay "$work/slow.lk" "$work/fast.lk" --warmup 100 --limit 50 --record "$work/two.vst"
digest() { sqlite3 "$db" "select actor, name, value from counter where run = (select max(run) from run) order by 1, 2" | sha256sum; }
before=$(digest)
ok "and replayed" replay "$work/two.vst"
equal "with the same books" "$before" "$(digest)"
ok "a recording that ends early" replay "$work/short.lk" --record "$work/short.vst"
refused "has no part that is measured" 1 "short.vst: none of it is measured" replay "$work/two.vst" "$work/short.vst"

# threads
awk 'BEGIN { for (i = 0; i < 2048; i++) printf " L %08x,8\n", 1073741824 + 64 * i }' >"$work/t.lk"
t=$work/t.lk
for m in skylake_sp_kvm skylake_sp_native; do
    ok "$m: alone" replay "$t" -m $m
    one=$(count memory.llc.read_misses)
    ok "$m: two processes" replay "$t" "$t" -m $m
    equal "$m: two processes have memory of their own" 1 $(($(count memory.llc.read_misses) > one * 3 / 2))
    ok "$m: two threads" replay "$t" "$t" --threads -m $m
    equal "$m: two threads have the same" 1 $(($(count memory.llc.read_misses) < one * 3 / 2))
    ok "$m: two processes of two threads" replay "$t" "$t" "$t" "$t" --shares 1=0,3=2 -m $m
    equal "$m: twice as much for two processes" 1 $(($(count memory.llc.read_misses) > one * 3 / 2 && $(count memory.llc.read_misses) < one * 5 / 2))
done
ok "recorded threads" replay "$t" "$t" --threads --record "$work/threads.vst"
before=$(digest)
ok "replayed threads" replay "$work/threads.vst"
equal "are threads again" "$before" "$(digest)"
for bad in "0=0 own_address" "1=1 own_address" "2=0 no_such" "1=7 no_such" "0=1 higher" "1=0,1=0 twice" "1 list" "1=0, list" "1=0;3=2 list" "a=b list" "1=0x list"; do
    refused "--shares ${bad% *}" 2 "$(echo "${bad#* }" | tr _ ' ')" replay "$t" "$t" --shares "${bad% *}"
done
refused "--shares of a chain" 2 "say 2=0" replay "$t" "$t" "$t" --shares 1=0,2=1
refused "both" 2 "give one of the two" replay "$t" "$t" --shares 1=0 --threads
refused "of a workload" 2 "belong to replay" "$VIRTSIM" run workloads/gups.lua --threads --db "$db"
refused "of machines of their own" 2 "different machines" replay "$t" "$t" --threads --set guest.vms=each
refused "of a recording" 2 "it says itself" replay "$work/threads.vst" --threads
refused "of a whole guest" 2 "whole guest" replay "$work/g.qmt" "$t" --threads
equal "no run is unbalanced" 0 "$(sqlite3 "$db" 'select count(*) from unbalanced')"
finish
