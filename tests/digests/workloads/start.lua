-- SPDX-License-Identifier: MIT
-- A vCPU is brought up by another one's INIT and start-up IPIs: from a halt with interrupts disabled, as a kernel
-- leaves a processor that is offline, and from the middle of its program.
workload "INIT and start-up IPIs"
local state = "running"
local INIT, SIPI = 1 << 32 | 0x4500, 1 << 32 | 0x69a -- ICR: to vCPU 1
guest(function(cpu)
  local function after(command, is, why)
    if command then cpu:wrmsr(0x830, command) end
    cpu:compute(100000)
    if state ~= is then error(why .. ": it is " .. state) end
  end
  after(nil, "down", "it has halted")
  cpu:ipi(1)
  after(SIPI, "down", "a start-up IPI without an INIT is discarded, and RFLAGS.IF holds back what it has")
  after(INIT, "down", "INIT starts nothing")
  cpu:ipi(1)
  after(INIT, "down", "nor does a second one, or an interrupt")
  after(SIPI, "up", "a start-up IPI does")
  after(SIPI, "up", "a second one is discarded")
  after(INIT, "up", "INIT stops what runs")
  cpu:compute(1000000)
  cpu:wrmsr(0x830, SIPI)
  cpu:compute(600000)
  after(nil, "done", "which goes on when it is started")
end)
guest(function(cpu)
  state = "down"
  cpu:cli() cpu:hlt()
  state = "up"
  cpu:sti() cpu:compute(1)
  if cpu:interrupts() ~= 0 then error("an interrupt from before its reset") end
  for _ = 1, 300 do cpu:compute(1000) end
  state = "done"
end)
