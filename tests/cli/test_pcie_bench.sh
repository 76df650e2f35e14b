#!/bin/sh
# SPDX-License-Identifier: MIT
# A device's transfers against pcie-bench's measurements of a Haswell host: latency and bandwidth by window and size,
# with the IOMMU and without; and laws of the link that a run can show.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/p.db
cd "$VIRTSIM_HOME" || exit 1
bench() { run_alone workloads/pcie_bench.lua "${machine:-haswell_ep_pciebench}" "$@"; }
latency() { sqlite3 "$db" "select round(total_ps / 1000.0 / n, 2) from op where op = 'dma.read'"; }
rate() { sqlite3 "$db" "select round((select value from counter where name = 'dma_engine.bytes') * 8.0 / (select value from counter where name = 'dma_engine.time'), 2)"; }
count() { sqlite3 "$db" "select coalesce(sum(value), 0) from counter where name = '$1'"; }
near() { awk -v got="$2" -v want="$3" -v most="$4" 'BEGIN { m = 100 * (got - want) / want; exit !(got > 0 && m <= most && m >= -most) }'; }
# naive FIGURE ARGUMENTS...: what one would say without the simulator: a latency is that of the smallest warm window, with
# the IOMMU that without it; a bandwidth is what the link carries beside headers and acknowledgements
naive() {
    figure=$1 size=64 header=22
    shift
    latency=546.7
    for s in "$@"; do
        case $s in
        bytes=*) size=${s#*=} ;;
        op=write) header=26 ;;
        cache=cold) [ "$remapped" = no ] || latency=600 ;;
        esac
    done
    [ "$figure" = latency ] && echo $latency || awk -v b="$size" -v h="$header" 'BEGIN { print 8 * 8 * 128 / 130 * b / (b + h * int((b + 255) / 256)) }'
}
# the median of the absolute errors of a table, in per cent: of column 3 (simulated) or 4 (naive)
median() { awk -F";" -v t="$1" -v c="$2" '$1 == t { e = 100 * ($c - $2) / $2; print e < 0 ? -e : e }' "$work/errors" | sort -n | awk '{ e[NR] = $1 } END { printf "%.1f", NR % 2 ? e[(NR + 1) / 2] : (e[NR / 2] + e[NR / 2 + 1]) / 2 }'; }
# within ID MEASURED PER-CENT WHAT ARGUMENTS...: WHAT is latency or rate
within() {
    row=$1 measured=$2 percent=$3 figure=$4
    shift 4
    ok "$row: $*" bench "$@"
    simulated=$($figure)
    echo "$table;$measured;$simulated;$(naive "$figure" "$@")" >>"$work/errors"
    ok "$row: $simulated within $percent % of $measured" near "$row" "$simulated" "$measured" "$percent"
}
off="pages=2M"
on="iommu.enabled=1"
many="outstanding=64 count=6000"
# fitted: 6P060 (the link's way), 6P063, 6P064, 6P069, 6P070 (the engine), 5I111 to 5I115 (the IOTLB, a miss), 5I127 (walkers)
remapped=no
table=fitted
within 6P060 546.7 1 latency $off
within 6P063 28.14 12 rate $off $many cache=cold window=262144
within 6P064 24.27 12 rate $off $many cache=cold window=262144 op=write
within 6P069 55.04 12 rate $off $many cache=cold window=262144 bytes=512
within 6P070 53.01 12 rate $off $many cache=cold window=262144 bytes=512 op=write
remapped=yes
within 5I111 619.7 4 latency $on cache=cold window=524288
within 5I112 726.1 4 latency $on cache=cold window=1048576
within 5I113 779.4 4 latency $on cache=cold window=2097152
within 5I115 832.1 4 latency $on cache=cold window=67108864 warmup=20000
within 5I127 10.05 12 rate $on $many cache=cold window=67108864 warmup=20000
# not fitted
table="latency by window, IOMMU on"
within 5I109 601.5 4 latency $on cache=cold
within 5I110 603.1 4 latency $on cache=cold window=262144
within 5I114 819.8 4 latency $on cache=cold window=8388608 warmup=20000
within 5I116 550.7 4 latency $on
within 5I118 566.5 4 latency $on window=524288
within 5I119 672.9 4 latency $on window=1048576
within 5I120 726.3 4 latency $on window=2097152
within 5I121 766.2 4 latency $on window=8388608 warmup=20000
remapped=no
table="latency, IOMMU off"
within 6P057 600 4 latency $off cache=cold
within 6P058 600 4 latency $off cache=cold window=1048576
within 6P059 600 4 latency $off cache=cold window=67108864 pages=1G
within 6P061 546.7 4 latency $off window=1048576
table="bandwidth by size, IOMMU off"
within 6P065 42.52 12 rate $off $many cache=cold window=262144 bytes=128
within 6P066 42.36 12 rate $off $many cache=cold window=262144 bytes=128 op=write
within 6P067 46.77 12 rate $off $many cache=cold window=262144 bytes=256
within 6P068 50.49 12 rate $off $many cache=cold window=262144 bytes=256 op=write

# each table of predictions beats the naive guess, and the page says by how much
for table in "latency, IOMMU off" "latency by window, IOMMU on" "bandwidth by size, IOMMU off"; do
    rows=$(grep -c "^$table;" "$work/errors") here=$(median "$table" 3) guess=$(median "$table" 4)
    ok "$table: median error $here %, naive guess $guess %" awk -v a="$here" -v b="$guess" 'BEGIN { exit !(a < b && a <= 10) }'
    ok "$table: as docs/validation.md has it" grep -qF "| $table | $rows | $here | $guess |" docs/validation.md
done

# n bytes of payload are so many packets: MPS 256, MRRS 512, RCB 64, 4 KiB
packets() { # ARGUMENTS: packets up and down of each transfer
    bench $off count=100 warmup=0 order=sequential window=65536 "$@" || echo failed
    echo "$(($(count pcie.tlps_up) / 100)) $(($(count pcie.tlps_down) / 100))"
}
for law in "64 read 1 1" "256 read 1 1" "257 read 1 2" "512 read 1 2" "513 read 2 3" "1500 read 3 6" "256 write 1 0" "257 write 2 0" "1500 write 6 0"; do
    # shellcheck disable=SC2086 # words
    set -- $law
    equal "$1 bytes, $2" "$3 $4" "$(packets bytes="$1" op="$2")"
done
equal "a transfer that begins in the middle of a line and crosses two payloads" "1 3" "$(packets bytes=512 offset=32)"
equal "completions that may be split at 64 reach further into a payload" "1 2" "$(packets bytes=480 offset=96)"
equal "than those that may be split at 128 only" "1 3" "$(packets bytes=480 offset=96 pcie.rcb=128)"
equal "reads are never answered across their request" "2 2" "$(packets bytes=200 pcie.mrrs=128)"

# reads are under way up to the tags, and more tags than that change nothing
bench $off outstanding=64 pcie.tags=1
one=$(latency)
equal "with one tag there is one read at a time" 1 "$(sqlite3 "$db" "select total_ps > 0 from part where account = 'pcie.wait_tag'")"
bench $off outstanding=1
ok "which is as long under way as alone" near x "$(sqlite3 "$db" "select round(total_ps / 1000.0 / n, 2) from op where op = 'dma.read'")" 546.7 1
ok "and waits for the others besides" test "${one%.*}" -gt 600
# gap-free writes at the root port's smallest buffers
ok "credits run out" bench $off op=write outstanding=64 pcie.credits.posted_headers=1
equal "and are waited for" 1 "$(sqlite3 "$db" "select count(*) from part where account = 'pcie.wait_credit' and total_ps > 0")"

# large pages: what 2 MiB entries reach
for machine in haswell_ep_pciebench haswell_ep_kvm; do
    huge=
    [ $machine = haswell_ep_kvm ] && huge="host.page_size=2M"
    # shellcheck disable=SC2086 # words
    ok "$machine: 8 MiB of large pages" bench $on pages=2M $huge window=8388608 warmup=100
    equal "$machine: all of them in the IOTLB" 0 "$(count iommu.iotlb.misses)"
    # shellcheck disable=SC2086 # words
    ok "$machine: without large pages" bench $on pages=2M $huge window=8388608 warmup=100 iommu.superpages=0
    ok "$machine: most transfers miss" test "$(count iommu.iotlb.misses)" -gt 3000
done
machine=

# bad input
refused "a transfer larger than its window" 2 "65536" "$VIRTSIM" run workloads/pcie_bench.lua --set workload.bytes=65537 --no-store
printf 'guest(function(cpu) local r = cpu:map { bytes = 4096 } cpu:dma { region = r, bytes = 64, offset = 4090 } end)\n' >"$work/a.lua"
refused "beyond the region" 1 "inside the region" "$VIRTSIM" run "$work/a.lua" --no-store
printf 'guest(function(cpu) local r = cpu:map { bytes = 65536, backing = "touch" } cpu:dma { region = r } end)\n' >"$work/b.lua"
refused "memory that is not there" 1 "backing" "$VIRTSIM" run "$work/b.lua" --no-store
refused "two pages without an IOMMU" 1 "in one piece" "$VIRTSIM" run workloads/pcie_bench.lua -m haswell_ep_pciebench --set workload.window=65536 --no-store
refused "no NIC" 2 "no NIC" "$VIRTSIM" run workloads/pcie_bench.lua -m skylake_sp_kvm --set nic.present=0 --no-store
ok "a recording of it replays" "$VIRTSIM" run workloads/pcie_bench.lua --set workload.count=50 --record "$work/r.vsr" --quiet --db "$work/r.db"
ok "as it ran" "$VIRTSIM" replay "$work/r.vsr" --quiet --db "$work/r.db"
equal "with the same rows" 1 "$(sqlite3 "$work/r.db" "select count(distinct total_ps) from op where op = 'dma.read'")"
# both ways of the link were measured as one sum, on Haswell: that is derived, each way alone is assumed
link() { # link MACHINE [OPTION...]: knobs of the sum, and what they are by themselves
    rm -f "$work/link.db"
    machine=$1
    shift
    "$VIRTSIM" run workloads/pcie_bench.lua --machine "$machine" --set workload.count=20 --set workload.pages=2M --quiet --db "$work/link.db" "$@" >/dev/null
    sqlite3 "$work/link.db" "select (select count(*) from evidence_group where path in ('pcie.upstream', 'pcie.downstream') and evidence = 'derived') || ' ' ||
        (select group_concat(distinct evidence) from knob where path in ('pcie.upstream', 'pcie.downstream'))"
}
equal "the sum where it was measured" "2 assumed" "$(link haswell_ep_pciebench)"
equal "on another host it is none" "0 assumed" "$(link broadwell_ep_pciebench)"
equal "nor with one of them set" "0 assumed" "$(link haswell_ep_pciebench --set pcie.upstream=250000)"
finish
