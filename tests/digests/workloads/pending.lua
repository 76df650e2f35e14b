-- SPDX-License-Identifier: MIT
workload "More interrupts than list registers: vCPU 0 sends six to one that has them masked."
local masked, sent = false, false
guest(function(cpu)
  while not masked do cpu:compute(100) end
  for i = 1, 6 do cpu:ipi(1, i) cpu:compute(20000) end
  sent = true
end)
guest(function(cpu)
  cpu:compute(1000) cpu:cli() masked = true
  while not sent do cpu:compute(100) end
  cpu:compute(20000) cpu:sti() cpu:compute(20000)
end)
