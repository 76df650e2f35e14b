#!/bin/sh
# SPDX-License-Identifier: MIT
# Replays on the oracle machines equal independent counts exactly: valgrind's cachegrind (nine counters in
# three geometries) and a true-LRU data TLB. The project carries two of the traces; the others are in the folder beside it.
# tests/models/test_cachegrind has every trace in every geometry without the program; here the two long ones are
# replayed once each, and all of them with VIRTSIM_ALL (./dev check --all).
. "$VIRTSIM_HOME/tests/lib.inc"
beside=${VIRTSIM_SHARED:-$VIRTSIM_HOME/../shared}/traces/mem
# find NAME: its path in $trace; false if it is not here
find() {
    trace=$VIRTSIM_HOME/tests/traces/mem/$1.lackey.zst
    [ -f "$trace" ] || trace=$beside/$1.lackey.zst
    [ -f "$trace" ]
}
db=$work/o.db

geometry() {
    case $1 in
    g0) set -- 32768 8 32768 8 1048576 16 64 ;;
    g1) set -- 16384 4 8192 2 262144 8 64 ;;
    g2) set -- 4096 1 4096 1 65536 4 32 ;;
    esac
    echo "--set memory.l1i.size=$1 --set memory.l1i.ways=$2 --set memory.l1d.size=$3 --set memory.l1d.ways=$4 --set memory.llc.size=$5 --set memory.llc.ways=$6 --set memory.line=$7"
}

counters() { # of the last run, the names given
    for name in "$@"; do
        sqlite3 "$db" "select value from counter where name = '$name' and actor = 'vcpu0/guest' and run = (select max(run) from run)"
    done | tr '\n' ' ' | sed 's/ $//'
}

cachegrind() { # trace geometry want
    find "$1" || return 0
    "$VIRTSIM" replay "$trace" --machine oracle_cachegrind $(geometry "$2") --db "$db" --quiet >/dev/null || failures=$((failures + 1))
    got=$(counters cpu.fetches memory.l1i.fetch_misses memory.llc.fetch_misses cpu.loads memory.l1d.read_misses memory.llc.read_misses cpu.stores memory.l1d.write_misses memory.llc.write_misses)
    equal "cachegrind $1 $2" "$3" "$got"
    echo "cachegrind $1 $2: want $3 got $got"
}

tlb() { # trace ways(0 = full) want
    find "$1" || return 0
    "$VIRTSIM" replay "$trace" --machine oracle_tlb --set ept.l1_dtlb_4k.ways="$2" --set ept.l1_itlb_4k.ways="$2" --db "$db" --quiet >/dev/null || failures=$((failures + 1))
    got=$(counters ept.l1_dtlb.misses ept.l1_itlb.misses)
    equal "TLB $1 ways $2" "$3" "$got"
    echo "TLB $1 ways $2: want $3 got $got"
}

long() { [ -z "${VIRTSIM_ALL:-}" ] || "$@"; }
cachegrind straddle g0 "50905 526 526 11853 4323 1171 5816 198 132"
cachegrind straddle g1 "50905 538 526 11853 4383 1171 5816 210 132"
cachegrind straddle g2 "50905 1080 913 11853 4647 1291 5816 338 251"
cachegrind chase g0 "827512 528 528 204293 200149 149 2477 404 404"
cachegrind chase g1 "827512 539 528 204293 200218 200139 2477 416 404"
cachegrind chase g2 "827512 1079 884 204293 200421 200220 2477 561 527"
long cachegrind bbsort g0 "6482676 850 844 1702285 7332 267 1053635 2761 1918"
long cachegrind bbsort g1 "6482676 923 844 1702285 32877 267 1053635 6680 1918"
cachegrind bbsort g2 "6482676 236247 1547 1702285 127203 6525 1053635 57966 4295"
long cachegrind sqlq g0 "10771153 15737 4399 3149727 5514 727 1579569 3530 2439"
long cachegrind sqlq g1 "10771153 308472 6301 3149727 189025 1654 1579569 26140 2575"
cachegrind sqlq g2 "10771153 1190920 35503 3149727 453959 16511 1579569 116043 12093"
tlb straddle 0 "39 49"
tlb straddle 4 "39 50"
tlb chase 0 "200288 48"
tlb chase 4 "200283 49"
long tlb bbsort 0 "60 72"
tlb bbsort 4 "63 72"
long tlb sqlq 0 "181 1177"
tlb sqlq 4 "241 2979"
equal "no run is unbalanced" 0 "$(sqlite3 "$db" 'select count(*) from unbalanced')"
finish
