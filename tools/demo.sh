#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The demo behind `./dev demo`: a recorded trace under three paging modes, a VM-exit workload, packets
# through a virtual function, then what the documents say. Runs from any directory.
set -euo pipefail
home=$(cd "$(dirname "$0")/.." && pwd)
export VIRTSIM_HOME=${VIRTSIM_HOME:-$home}
virtsim=${VIRTSIM:-$home/build/virtsim}
db=${1:-$home/results/demo.db}
trace=$(ls "$home"/workloads/traces/*.lackey.zst | head -n 1)

title() { printf '\n== %s\n' "$*"; }
run() {
    local shown="virtsim $*"
    printf '$ %s\n' "${shown//"$home/"/}"
    "$virtsim" "$@"
}

rm -f "$db" "$db-wal" "$db-shm"
mkdir -p "$(dirname "$db")"

title "A recorded trace: native, then nested paging with 4K and with 2M pages"
run replay "$trace" --machine skylake_sp_native --db "$db"
run replay "$trace" --set guest.page_size=4K --set host.page_size=4K --db "$db"
run replay "$trace" --set guest.page_size=2M --set host.page_size=2M --db "$db"

title "What one load costs, natively and in the guest"
run explain access.load --machine skylake_sp_kvm --against skylake_sp_native

title "VM exits"
run run "$home/workloads/exit_mix.lua" --db "$db"
run explain exit.cpuid

title "Packets through a virtual function"
run run "$home/workloads/udp_echo.lua" --db "$db"
run explain packet.rx

title "Beside the documents"
run compare --db "$db"

title "Where it is"
run list runs --db "$db"
if command -v sqlite3 >/dev/null; then
    printf 'operations whose parts do not add up: %s\n' "$(sqlite3 "$db" 'select count(*) from unbalanced')"
fi
printf 'database: %s\n' "$db"
