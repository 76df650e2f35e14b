-- SPDX-License-Identifier: MIT
-- A vCPU of a guest's guest is brought up by another one's INIT and start-up IPI: from a halt with interrupts disabled,
-- and from the middle of its program. Its hypervisor's time for that is hundreds of microseconds.
workload "INIT and start-up IPIs of a guest's guest"
local state = "running"
local INIT, SIPI = 1 << 32 | 0x4500, 1 << 32 | 0x69a -- ICR: to vCPU 1
guest(function(cpu)
  local function after(command, is, why)
    if command then cpu:wrmsr(0x830, command) end
    cpu:compute(1000000)
    if state ~= is then error(why .. ": it is " .. state) end
  end
  after(nil, "down", "it has halted")
  after(SIPI, "down", "a start-up IPI without an INIT is discarded")
  after(INIT, "down", "INIT starts nothing")
  after(INIT, "down", "nor does a second one")
  after(SIPI, "up", "a start-up IPI does")
  after(SIPI, "up", "a second one is discarded")
  after(INIT, "up", "INIT stops what runs")
  cpu:compute(6000000)
  after(SIPI, "up", "for as long as nobody starts it")
  cpu:compute(6000000)
  after(nil, "done", "and then it goes on")
end)
guest(function(cpu)
  state = "down"
  cpu:cli() cpu:hlt()
  state = "up"
  cpu:sti()
  for _ = 1, 5000 do cpu:compute(1000) end
  state = "done"
end)
