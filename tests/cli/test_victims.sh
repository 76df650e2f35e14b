#!/bin/sh
# SPDX-License-Identifier: MIT
# An LLC of victims and hashed indices from the command line: what they change, what is refused.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
small="--set nic.present=false --set workload.count=20000 --no-store --quiet"
refused "victims in an inclusive LLC" 2 "memory.llc.inclusive = false" \
    "$VIRTSIM" run workloads/gups.lua --machine haswell_ep_native --set memory.llc.fill=victim $small
refused "more hashed bits than the index has" 2 "memory.llc.hash_bits = 16" \
    "$VIRTSIM" run workloads/gups.lua --machine skylake_sp_native --set memory.llc.hash_bits=16 $small
refused "slices that do not divide the sets" 2 "memory.llc.slices = 18: the LLC's 32768 sets" \
    "$VIRTSIM" run workloads/gups.lua --machine skylake_sp_native --set memory.llc.slices=18 $small
# ns a load, of a chain over a footprint that L2 and LLC hold together and the LLC alone does not
load() {
    "$VIRTSIM" run workloads/pointer_chase.lua --machine skylake_sp_native --format csv $small --set host.frames=colored \
        --set memory.llc.size=2MiB --set memory.llc.ways=16 --set workload.footprint=2560KiB --set guest.page_size=2M "$@" |
        awk -F, '$2 == "access.load" { print int($5) }'
}
checks=$((checks + 1))
all=$(load) victims=$(load --set memory.llc.fill=victim)
if [ "$victims" -ge 30 ] || [ "$all" -le 50 ]; then
    failures=$((failures + 1))
    echo "FAILED: 2.5 MiB in 1 MiB of L2 and 2 MiB of LLC: $victims ns with victims, $all ns without"
fi
finish
