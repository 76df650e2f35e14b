#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The demo behind `./dev demo`: a recorded trace under three paging modes, a VM-exit workload, packets
# through a virtual function, then what the documents say. Runs from any directory.
# usage: tools/demo.sh [DATABASE]      environment: VIRTSIM (the program), VIRTSIM_HOME (its files)
set -euo pipefail
home=$(cd "$(dirname "$0")/.." && pwd)
export VIRTSIM_HOME=${VIRTSIM_HOME:-$home}
virtsim=${VIRTSIM:-$home/build/virtsim}
db=${1:-$home/results/demo.db}
trace=$home/workloads/traces/rowindex.lackey.zst

title() { printf '\n== %s\n' "$*"; }
say() { printf '   %s\n' "$@"; }
typed() { # arguments as one types them in $home
    local word line=""
    for word in "$@"; do
        word=${word#"$home/"}
        case $word in *[!A-Za-z0-9_./=:,+-]*) word="'${word//\'/\'\\\'\'}'" ;; esac
        line+=" $word"
    done
    printf '%s' "${line# }"
}
run() {
    printf '\n$ %s\n' "$(typed "$virtsim" "$@")"
    "$virtsim" "$@"
}

rm -f "$db" "$db-wal" "$db-shm"
mkdir -p "$(dirname "$db")"
printf '\nCommands are shown as they are typed in %s.\n' "$home"

title "1. A recorded program: native, then in a guest with 4 KiB and with 2 MiB pages"
say "The trace holds every memory access of a small program that builds an index (valgrind's lackey)." \
    "The same accesses run on three machines; only the page tables differ."
run replay "$trace" --machine skylake_sp_native --db "$db"
run replay "$trace" --set guest.page_size=4K --set host.page_size=4K --db "$db"
run replay "$trace" --set guest.page_size=2M --set host.page_size=2M --db "$db"

title "   What one TLB miss costs in these three runs"
say "A walk is native in run 1 and two-dimensional in runs 2 and 3. The parts are where the walker's" \
    "references were found: what a nested walk adds is cache and DRAM time, not a constant."
for r in 1 2 3; do run explain walk --run $r --db "$db"; done
if command -v sqlite3 >/dev/null; then
    printf '\n'
    sqlite3 -box "$db" "
        select run, machine, (select value from knob k where k.run = r.run and path = 'guest.page_size') as pages,
               round((end_ps - roi_ps) / 1e9, 3) as ms, n as walks, round(total_ps / 1e3 / n, 1) as ns_a_walk,
               round(100.0 * total_ps / (end_ps - roi_ps), 1) || ' %' as of_the_time
          from run r join op using (run) where op = 'walk' and actor = 'vcpu0/guest' and run <= 3"
fi

title "2. VM exits"
say "A guest that works on 8 MiB and causes exits of many kinds. Its handlers run on the same core and" \
    "evict each other's and the guest's cache lines: compare the CPUID exit here with the hot loop below."
run run "$home/workloads/exit_mix.lua" --db "$db"
run explain exit.cpuid --run 4 --db "$db"
say "" "The same exit alone in a loop, as microbenchmarks measure it:"
run explain exit.cpuid --db "$db"

title "3. Packets through an SR-IOV virtual function"
say "UDP echo: rings, doorbells, DMA through the IOMMU, a posted interrupt, the guest's answer."
run run "$home/workloads/udp_echo.lua" --db "$db"
packets=$("$virtsim" list runs --db "$db" --format csv | awk -F, '$3 == "udp_echo" { n = $1 } END { print n }')
run explain packet.rx --run "$packets" --db "$db"

title "4. Beside the documents"
say "Each row is a number of the two documents and what the simulation says. 'calibrated' numbers were" \
    "inputs and prove nothing; 'illustrative' rests by more than half on assumed numbers and does not" \
    "count; 'contradicted' means that the documents say otherwise elsewhere."
run compare --db "$db"

title "5. The database"
run db check "$db"
say "" "Everything above is in $db, as SQL; docs/results.md describes it. Next:" \
    "  $(typed "$virtsim" list runs --db "$db")" \
    "  $(typed "$virtsim" show 2 --db "$db")" \
    "  $(typed "$virtsim" diff 1 2 --db "$db")"
if command -v sqlite3 >/dev/null; then
    say "operations whose parts do not add up: $(sqlite3 "$db" 'select count(*) from unbalanced')"
fi
printf '\ndatabase: %s\n' "$db"
