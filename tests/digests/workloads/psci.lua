-- SPDX-License-Identifier: MIT
-- A processor is turned off and on again, the other one suspends itself; both use SIMD registers, and SVE's.
workload "PSCI and first uses of SIMD registers"
param { name = "count", default = 5, min = 1, max = 100000, text = "rounds" }
param { name = "registers", default = "simd", choices = "simd|sve", text = "which registers are used" }
guest(function(cpu, p)
  for i = 1, p.count do
    cpu:compute(400000)
    cpu:cpu_on(1, i % 2 == 0 and "smc" or "hvc")
    cpu:cpu_on(1)
    cpu:timer { us = 20 }
    cpu:cpu_suspend(i % 2 == 0 and "smc" or "hvc")
    cpu:simd(100, p.registers)
    cpu:simd(100, p.registers)
  end
end)
guest(function(cpu, p)
  for _ = 1, p.count do
    cpu:cpu_off()
    cpu:simd(10, p.registers)
    cpu:compute(1000)
  end
end)
