#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# PAUSE is each part's own, and pause-loop exiting goes by the time between two of them.
. "$VIRTSIM_HOME/tests/lib.inc"

cat >"$work/loop.lua" <<'END'
guest(function(cpu) for _ = 1, 20000 do cpu:pause() end end)
END
exits() { # MACHINE [options]: exits of a loop of PAUSE
    rm -f "$work/r.db"
    "$VIRTSIM" run "$work/loop.lua" --quiet --db "$work/r.db" -m "$@" >/dev/null || echo failed
    sqlite3 "$work/r.db" "select coalesce(sum(n), 0) from op where op like 'exit.pause%'"
}
pause() { sqlite3 "$work/r.db" "select value from knob where path = 'instruction.pause'"; }

# the generations before Skylake delay by about 10 cycles: a spinning guest is told by its pauses
for machine in sandybridge_ep_kvm haswell_ep_kvm broadwell_ep_kvm; do
    n=$(exits $machine)
    equal "$machine: PAUSE takes its own part's cycles" 10 "$(pause)"
    equal "$machine: a loop of PAUSE exits" yes "$([ "$n" -gt 0 ] && echo yes)"
done
# Skylake's is longer than the gap that KVM allows within a loop
equal "skylake_sp_kvm: no loop is seen" 0 "$(exits skylake_sp_kvm)"
equal "skylake_sp_kvm: PAUSE of Skylake" 140 "$(pause)"
# the gap decides: as long as it is a loop, a cycle longer is none (an instruction is half a cycle)
equal "127 cycles apart: a loop" yes "$([ "$(exits skylake_sp_kvm --set instruction.pause=127)" -gt 0 ] && echo yes)"
equal "129 cycles apart: none" 0 "$(exits skylake_sp_kvm --set instruction.pause=129)"
finish
