-- SPDX-License-Identifier: MIT
-- A guest that has exits, switches the recording of its branches on, counts events, and has exits.
workload "registers that only lists move"
guest(function(cpu)
  for _ = 1, 20 do cpu:cpuid(0) end
  cpu:wrmsr(0x1d9, 1)
  for _ = 1, 20 do cpu:cpuid(0) end
  cpu:rdmsr(0x680)
  cpu:wrmsr(0x38f, 1)
  cpu:wrmsr(0x1d9, 1)
  for _ = 1, 20 do cpu:cpuid(0) end
end)
