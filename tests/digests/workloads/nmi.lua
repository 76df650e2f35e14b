-- SPDX-License-Identifier: MIT
-- Non-maskable interrupts from one vCPU to another, in pairs: the second one waits for the window.
workload "NMIs of a guest"
guest(function(cpu) for _ = 1, 400 do cpu:compute(500) end cpu:cli() cpu:hlt() end)
guest(function(cpu)
  for _ = 1, 3 do cpu:wrmsr(0x830, 0x400) cpu:wrmsr(0x830, 0x400) cpu:compute(20000) end
  cpu:compute(200000)
  cpu:wrmsr(0x830, 0x400)
end)
