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

# KVM makes the window longer at each exit, to the double, and begins anew when the thread has slept
loop() { # PAUSES [then a halt that puts the thread to sleep, and as many again]
    cat >"$work/loop.lua" <<END
guest(function(cpu) for r = 0, ${2:-0} do
  cpu:compute(2000)
  for _ = 1, $1 do cpu:pause() end
  if r < ${2:-0} then cpu:wait { us = 2000 } end
end end)
END
}
counter() { sqlite3 "$work/r.db" "select coalesce(sum(value), 0) from counter where name = '$1'"; }
intel="broadwell_ep_kvm --set instruction.pause=20 --set cpu.ipc=1000" # 20 cycles from one to the next, and a little
still="--set hypervisor.ple_window.grow=1"
near() { [ "$1" -ge $(($2 - 1)) ] && [ "$1" -le $(($2 + 1)) ] && echo near || echo "$1, wanted $2"; }
loop 10000
n=$(exits $intel $still)
equal "a window of 4096 cycles holds about 204 PAUSEs: it exits as often as it passes" near "$(near $((n / 2)) 24)"
equal "half the window: twice as often" near "$(near $(($(exits $intel $still --set vmcs.ple_window=2048) / 4)) 24)"
equal "doubled each time: 4096, 8192, ... 65536 cycles, then the loop ends" 5 "$(exits $intel)"
equal "of which each made it longer" 5 "$(counter hypervisor.ple_window.grown)"
equal "but not beyond the longest" yes "$([ "$(exits $intel --set hypervisor.ple_window.max=8192)" -gt 20 ] && echo yes)"
equal "grow by an amount: 8192 at a time" yes "$(n=$(exits $intel --set hypervisor.ple_window.grow=8192); [ "$n" -gt 5 ] && [ "$n" -lt 9 ] && echo yes)"
equal "0: back to the first" "$(exits $intel $still)" "$(exits $intel --set hypervisor.ple_window.grow=0)"
# AMD counts PAUSEs: the first of a loop loads the count, 3000 count it down, the next one exits; then 6000
amd="zen2_rome_kvm --set instruction.pause=20"
loop 3001
equal "1 and 3000 PAUSEs run" 0 "$(exits $amd)"
loop 3002
equal "one more exits" 1 "$(exits $amd)"
loop 9003
equal "then 1 and 6000 run" 1 "$(exits $amd)"
loop 9004
equal "and the next one exits" 2 "$(exits $amd)"
loop 20999
equal "without growth every 3002nd" 6 "$(exits $amd $still)"
equal "further apart than the threshold: none" 0 "$(exits $amd --set instruction.pause=200)"
loop 20999 1
equal "after a halt that put the thread to sleep the count is 3000 again" 4 "$(exits $amd)"
equal "which is a window made shorter" 1 "$(counter hypervisor.ple_window.shrunk)"
loop 6001 1
equal "from 6000 back to 3000" 2 "$(exits $amd)"
equal "less 1000 of 6000: 5000, which are enough once more" 2 "$(exits $amd --set hypervisor.ple_window.shrink=4000)"
equal "divided by 1 it stays 6000" 1 "$(exits $amd --set hypervisor.ple_window.shrink=1)"
loop 20999
equal "K10 has no filter: KVM lets PAUSE run" 0 "$(exits k10_shanghai_kvm)"
# Arm: YIELD never, WFE where HCR_EL2.TWE is set
equal "YIELD leaves no guest" 0 "$(exits neoverse_n1_kvm --set el2.trap.wfe=1)"
finish
