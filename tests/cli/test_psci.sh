#!/bin/sh
# SPDX-License-Identifier: MIT
# PSCI: a vCPU that is off runs nothing, whatever interrupts come, until another one turns it on; CPU_SUSPEND is WFI.
# Floating point: the first use after a vCPU's thread got its processor traps, and no later one; SVE's likewise.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
arm="--machine neoverse_n1_kvm --no-store --quiet --format csv"
n() { awk -F, -v a="$1" -v o="$2" '$11 == "op" && $1 == a && $2 == o { print $3 }' "$work/out"; }
counter() { awk -F, -v c="$1" '$11 == "counter" && $12 == c { s += $14 } END { print s + 0 }' "$work/out"; }
cat >"$work/on.lua" <<'EOF'
workload "a vCPU that is off"
local turned_on = false
guest(function(cpu)
  cpu:compute(100000)
  assert(cpu:cpu_on(7) == -2, "there is no vCPU 7")
  assert(cpu:cpu_on(0) == -4, "it is on itself")
  cpu:ipi(1)
  cpu:compute(600000)
  turned_on = true
  assert(cpu:cpu_on(1) == 0, "it was off")
  assert(cpu:cpu_on(1) == -4, "it is being turned on")
end)
guest(function(cpu)
  cpu:cpu_off()
  assert(turned_on, "it runs while it is off")
  cpu:compute(1000)
end)
EOF
for machine in neoverse_n1_kvm neoverse_n1_native; do
    ok "a vCPU is turned off and on, $machine" "$VIRTSIM" run "$work/on.lua" --machine $machine --quiet --db "$work/$machine.db"
    equal "it slept until then, whatever interrupt had come" 1 "$(sqlite3 "$work/$machine.db" "select total(total_ps) > 100e6 from part where actor like 'vcpu1%' and account in ('host.parked', 'os.idle')")"
done
equal "each call leaves its guest by HVC" 5 "$(sqlite3 "$work/neoverse_n1_kvm.db" "select sum(n) from op where op = 'exit.hvc64'")"
cat >"$work/never.lua" <<'EOF'
workload "nobody turns it on"
guest(function(cpu) cpu:compute(1000) end)
guest(function(cpu) cpu:cpu_off() end)
EOF
refused "one that nobody turns on is named" 1 "vCPU 1 waits for another one to turn it on" "$VIRTSIM" run "$work/never.lua" --machine neoverse_n1_kvm --no-store --quiet
micro() { "$VIRTSIM" run workloads/exit_microbench.lua $arm --set workload.count=20 --set workload.warmup=2 "$@"; }
ok "a suspended processor" micro --set workload.reason=cpu_suspend
equal "is woken by its interrupt each time" "20 20" "$(n vcpu0/host exit.hvc64) $(n vcpu0/guest irq)"
ok "SIMD registers after each way to user space" micro --set workload.reason=simd
equal "trap once each" 20 "$(n vcpu0/host exit.fp_asimd)"
cat >"$work/simd.lua" <<'EOF'
workload "SIMD registers, used and used again"
param { name = "registers", default = "simd", choices = "simd|sve", text = "which" }
guest(function(cpu, p) for _ = 1, 50 do cpu:simd(10, p.registers) cpu:hypercall(0) end end)
EOF
ok "registers that stay the guest's" "$VIRTSIM" run "$work/simd.lua" $arm
equal "trap once in all" 1 "$(n vcpu0/host exit.fp_asimd)"
ok "SVE's likewise" "$VIRTSIM" run "$work/simd.lua" $arm --set workload.registers=sve --set el2.cap.sve=256
equal "by a class of their own" 1 "$(n vcpu0/host exit.sve)"
refused "without SVE there are none" 2 "el2.cap.sve = 0" "$VIRTSIM" run "$work/simd.lua" $arm --set workload.registers=sve
refused "vectors have a multiple of 128 bits" 2 "multiple of 128" "$VIRTSIM" run "$work/simd.lua" $arm --set el2.cap.sve=100
# GICv4: what the ITS delivers stops no guest; C1087: 750 ns between two running vCPUs
hop() { "$VIRTSIM" run workloads/ipi_pingpong.lua $arm --set workload.wait=spin --set workload.count=500 "$@"; }
ok "SGIs without GICv4.1" hop
equal "stop the guest" "500" "$(n vcpu0/host exit.irq)"
ok "SGIs with GICv4.1" hop --set gic.direct_injection=v4_1
equal "do not, and their sender leaves" " 500" "$(n vcpu0/host exit.irq) $(n vcpu0/host exit.sys64.write)"
equal "each through the ITS" 1000 "$(counter gic.direct)"
ok "a device's messages need GICv4 alone" "$VIRTSIM" run workloads/udp_echo.lua $arm --set gic.direct_injection=v4 --set workload.packets=50
equal "and arrive" yes "$([ "$(counter gic.direct)" -ge 1 ] && echo yes)"
took=$("$VIRTSIM" run workloads/ipi_pingpong.lua --machine neoverse_n1_kvm --no-store --quiet --set gic.direct_injection=v4_1 --set workload.wait=spin --set workload.count=1000 |
    awk '/^run 1:/ { for (i = 1; i <= NF; i++) if ($i == "ms") print $(i - 1) * 500 }')
equal "an SGI takes what was measured, 750 ns" yes "$(awk -v t="$took" 'BEGIN { print (t > 720 && t < 780 ? "yes" : t) }')"
finish
