-- SPDX-License-Identifier: MIT
-- Non-maskable interrupts on AMD's processors: one to itself, pairs of which the second comes while the handler of the
-- first runs, one to a vCPU that halts.
workload "NMIs behind IRET"
local go, done = false, false
guest(function(cpu)
  cpu:wrmsr(0x830, 0x400)
  go = true
  while not done do cpu:compute(300) end
  cpu:cli()
  cpu:hlt()
end)
guest(function(cpu)
  while not go do cpu:compute(100) end
  cpu:compute(30000)
  for _ = 1, 3 do cpu:wrmsr(0x830, 0x400) cpu:wrmsr(0x830, 0x400) cpu:compute(60000) end
  done = true
  cpu:compute(600000)
  cpu:wrmsr(0x830, 0x400)
end)
