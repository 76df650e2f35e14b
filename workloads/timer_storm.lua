-- SPDX-License-Identifier: MIT
workload "A guest whose timer fires all the time, as with thousands of short sleeps: it arms the next deadline in the handler of the last one and works in between."

metrics { "op:exit.timer.n", "op:exit.msr.write.n", "op:exit.interrupt.n" }

param { name = "count", default = 2000, min = 1, max = 10000000, unit = "timers", text = "timers that are measured" }
param { name = "warmup", default = 100, unit = "timers", text = "timers before the region of interest" }
param { name = "period_ns", default = 5000, min = 200, max = 100000000, unit = "ns", text = "from one deadline to the next" }
param { name = "rearm", default = 1, min = 1, max = 1000, unit = "writes", text = "how often the deadline is written before it comes, as when a nearer timer is queued: each may exit" }
param { name = "work", default = 200, min = 1, max = 1000000, unit = "instructions", text = "the program's pieces between two looks at whether the timer has fired" }

guest(function(cpu, p)
  for i = 1, p.warmup + p.count do
    if i == p.warmup + 1 then cpu:mark("roi") end
    local taken = cpu:interrupts()
    for j = p.rearm, 1, -1 do cpu:timer { ns = p.period_ns * j } end
    repeat cpu:compute(p.work) until cpu:interrupts() > taken
  end
end)
