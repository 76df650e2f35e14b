#!/bin/sh
# SPDX-License-Identifier: MIT
# Workloads of several vCPUs: same seed same digest, balanced books, every way of delivery.
. "$VIRTSIM_HOME/tests/lib.inc"
small="--set workload.count=40 --set workload.warmup=5"

for w in ipi_pingpong tlb_shootdown; do
    for how in "" "--set vmcs.control.posted_interrupts=0" "--machine skylake_sp_native" "--set sim.quantum=10us" "--set host.tick_hz=1000"; do
        # shellcheck disable=SC2086 # words
        for n in 1 2; do
            ok "$w $how" "$VIRTSIM" run "workloads/$w.lua" $small $how --seed 3 --db "$work/$n.db"
        done
    done
done
equal "same seed, same bytes" "$("$VIRTSIM" db digest "$work/1.db")" "$("$VIRTSIM" db digest "$work/2.db")"
equal "the books balance" 0 "$(sqlite3 "$work/1.db" 'select count(*) from unbalanced')"
equal "each of five runs shot three vCPUs down forty times" 5 \
    "$(sqlite3 "$work/1.db" "select count(*) from counter where name = 'os.shootdown.targets' and actor = 'vcpu0' and value = 120")"
equal "and waited for them" 5 \
    "$(sqlite3 "$work/1.db" "select count(*) from part where account = 'os.shootdown_wait' and total_ps > 0")"
ok "by hypercall" "$VIRTSIM" run workloads/tlb_shootdown.lua $small --set guest.shootdown=hypercall --db "$work/1.db"
ok "idle targets by hypercall" "$VIRTSIM" run workloads/tlb_shootdown.lua $small --set guest.shootdown=hypercall --set workload.targets=idle --db "$work/1.db"
ok "by broadcast" "$VIRTSIM" run workloads/tlb_shootdown.lua $small --machine neoverse_n1_kvm --db "$work/1.db"
equal "whose books balance" 0 "$(sqlite3 "$work/1.db" 'select count(*) from unbalanced')"
ok "targets that are idle" "$VIRTSIM" run workloads/tlb_shootdown.lua $small --set workload.targets=idle --db "$work/1.db"
ok "waiting in a loop" "$VIRTSIM" run workloads/ipi_pingpong.lua $small --set workload.wait=spin --db "$work/1.db"
cat >"$work/kick.lua" <<'EOF'
guest(function(cpu)
    local r = cpu:map { bytes = 64 * 4096 }
    cpu:stride { region = r, count = 512 }
    for i = 1, 400 do
        cpu:compute(700 + (i * 37) % 1500)
        cpu:unmap(r:address() + (i % 64) * 4096, 4096)
        cpu:load(r, (i % 64) * 4096)
    end
end)
guest { vcpu = 1, shares = 0, run = function(cpu)
    for i = 1, 400 do
        cpu:compute(500 + (i * 53) % 2000)
        cpu:wait { ns = 300 }
    end
end }
EOF
ok "a kick that finds its target halted" "$VIRTSIM" run "$work/kick.lua" --set guest.shootdown=hypercall --db "$work/k.db"
equal "which is parked, in root mode, not idle in its guest" 0 \
    "$(sqlite3 "$work/k.db" "select count(*) from part where account = 'os.idle' and actor like 'vcpu1/%' and total_ps > 0")"
equal "with balanced books" 0 "$(sqlite3 "$work/k.db" 'select count(*) from unbalanced')"
printf 'guest(function(cpu) cpu:hlt() end)\n' >"$work/h.lua"
refused "a halt that nothing ends" 1 "never comes" "$VIRTSIM" run "$work/h.lua" --db "$work/1.db"
refused "and says who waits for what" 1 "vCPU 0 waits for an interrupt or a packet" "$VIRTSIM" run "$work/h.lua" --db "$work/1.db"
# each takes rights away with its interrupts disabled, and the other's shootdown cannot reach it
cat >"$work/cross.lua" <<'LUA'
local region, ready = {}, 0
local function run(me) return function(cpu)
  region[me] = cpu:map { bytes = 4096, page = "base" }
  cpu:store(region[me])
  while not (region[0] and region[1]) do cpu:compute(1000) end
  cpu:load(region[0]) cpu:load(region[1])
  ready = ready + 1
  while ready < 2 do cpu:compute(1000) end
  cpu:cli()
  cpu:protect(region[me], 4096, "r")
  cpu:sti()
end end
guest(run(0))
guest { vcpu = 1, shares = 0, run = run(1) }
LUA
for who in "vCPU 0, its interrupts disabled, waits for vCPU 1 to drop translations" "vCPU 1, its interrupts disabled, waits for vCPU 0 to drop translations"; do
    refused "who waits for whom" 1 "$who" "$VIRTSIM" run "$work/cross.lua" --db "$work/1.db"
done
finish
