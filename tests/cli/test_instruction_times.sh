#!/bin/sh
# SPDX-License-Identifier: MIT
# Law: an instruction takes what was measured of what it does: CPUID by its leaf, a write of CR4 by whether it drops
# translations, INVPCID by its scope. Each part has its own numbers.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/t.db
taken() { sqlite3 "$db" "select coalesce(sum(total_ps), 0) / $2.0 from part where run = (select max(run) from part) and account = '$1' and actor like 'vcpu0%'" |
    sed 's/\.0*$//'; }
run() { # run MACHINE KNOB=VALUE...
    machine=$1
    shift
    ok "flushes on $machine $*" "$VIRTSIM" run "$VIRTSIM_HOME/tests/digests/workloads/flushes.lua" --machine "$machine" --set cpu.clock.mhz=1000 "$@" --db "$db" --quiet
}
for machine in "skylake_sp_native 303" "haswell_ep_native 307" "sandybridge_ep_native 452" "zen2_rome_native 270"; do
    set -- $machine
    run "$1"
    equal "CPUID of leaves 0 and 1 on $1" "$2" "$(taken instruction.cpuid 1000)"
done
run skylake_sp_native --set instruction.cpuid=1000 --set instruction.cpuid.leaf_0=7
equal "each leaf by its own knob" 1007 "$(taken instruction.cpuid 1000)"
run skylake_sp_native --set instruction.mov_cr=11 --set instruction.mov_cr.flush=500 --set guest.global_pages=1
equal "PGE clear and set drop everything, the same value again does not" 1011 "$(taken instruction.mov_cr 1000)"
ok "INVPCID" "$VIRTSIM" run "$VIRTSIM_HOME/tests/digests/workloads/invpcid.lua" --machine skylake_sp_native --set cpu.clock.mhz=1000 --set instruction.invpcid=3 --set instruction.invpcid.all=400 --db "$db" --quiet
equal "types 0 and 1 of a PCID, 2 and 3 of everything" 806 "$(taken instruction.invpcid 1000)"
finish
