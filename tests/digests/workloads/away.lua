-- SPDX-License-Identifier: MIT
workload "A page is unmapped while a vCPU of its space runs another process: it flushes when it comes back."
local page, step = nil, 0
guest(function(cpu)
  page = cpu:map { bytes = 4096 } cpu:store(page) step = 1
  while step < 2 do cpu:compute(100) end
  cpu:unmap(page) step = 3
  while step < 4 do cpu:compute(100) end
end)
guest { vcpu = 1, shares = 0, run = function(cpu)
  while step < 1 do cpu:compute(100) end
  cpu:load(page)
  local other = cpu:process() cpu:switch(other, "keep") step = 2
  while step < 3 do cpu:compute(100) end
  cpu:switch(0, "keep") step = 4
end }
