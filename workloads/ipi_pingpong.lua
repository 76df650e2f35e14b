-- SPDX-License-Identifier: MIT
workload "Two vCPUs send each other interrupts in turn: each halts until the other's comes and answers it. The round trip is two sendings, two wake-ups and two handlers; irq.delivery says what the messages waited for."

metrics { "op:irq.delivery", "op:irq.delivery.p99", "op:exit.msr.write.n", "op:exit.halt.n" }

param { name = "count", default = 1000, min = 1, max = 10000000, unit = "round trips", text = "round trips that are measured" }
param { name = "warmup", default = 50, unit = "round trips", text = "round trips before the region of interest" }
param { name = "think", default = 0, max = 100000000, unit = "instructions", text = "what each side computes before it answers; longer than the host polls, it lets the other fall asleep" }
param { name = "wait", default = "halt", choices = "halt|spin", text = "how a side waits: HLT, or PAUSE in a loop" }

-- Until this vCPU has handled `n` interrupts. The check and HLT are one step, as CLI; test; STI; HLT
-- is: no interrupt is lost between them.
local function await(cpu, p, n)
  while cpu:interrupts() < n do
    if p.wait == "halt" then cpu:hlt() else cpu:pause() end
  end
end

local function send(cpu, p, other)
  if p.think > 0 then cpu:compute(p.think) end
  cpu:ipi(other)
end

guest(function(cpu, p)
  for i = 1, p.warmup + p.count do
    if i == p.warmup + 1 then cpu:mark("roi") end
    send(cpu, p, 1)
    await(cpu, p, i)
  end
end)

guest(function(cpu, p)
  for i = 1, p.warmup + p.count do
    await(cpu, p, i)
    send(cpu, p, 0)
  end
end)
