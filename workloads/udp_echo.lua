-- SPDX-License-Identifier: MIT
workload "UDP echo through a virtual function: waits for packets, reads each, answers each. Latency by requests that wait for their answers (window), throughput and CPU use by those that come at a rate (rate)."

metrics { "op:packet.rx", "op:packet.rx.p99", "op:packet.tx", "op:dma.write", "op:iommu.translate", "op:exit.interrupt.n" }

param { name = "packets", default = 2000, min = 1, unit = "packets", text = "packets that are measured" }
param { name = "warmup", default = 200, unit = "packets", text = "packets before the region of interest" }
local batch = param { name = "batch", default = 1, min = 1, max = 256, unit = "packets", text = "packets wanted before the program goes on" }
param { name = "bytes", default = 64, min = 1, max = 9682, unit = "bytes", text = "payload of each answer" }
param { name = "work", default = 400, unit = "instructions", text = "instructions of the network stack and the program for each packet" }
local window = param { name = "window", default = 1, min = 1, max = 256, unit = "requests", text = "closed loop: requests on their way to each function, the next one when one has been answered; not where rate or nic.traffic.interval_ns is set" }
local rate = param { name = "rate", default = 0, max = 100000000, unit = "1/s", text = "open loop: requests a second, answered or not; 0: as window says" }
local queues = param { name = "queues", default = 1, min = 1, max = 16, unit = "queues", text = "pairs of queues of the function (nic.queues), each served by a vCPU that answers what comes to it" }
local flows = param { name = "flows", default = 1, min = 1, max = 1024, unit = "flows", text = "clients' flows that requests belong to; each stays on one queue, and a queue that no flow comes to waits for timeout_us" }
param { name = "timeout_us", default = 1000, min = 1, unit = "us", text = "the program gives up when nothing comes for so long" }

defaults { ["nic.traffic.interval_ns"] = rate > 0 and math.max(1000000000 // rate, 1) or 0, ["nic.traffic.window"] = math.max(window, batch), ["nic.queues"] = queues, ["nic.traffic.flows"] = flows }

-- what all vCPUs together are to have answered, first in the warm-up, then with the measured ones
local goal, measured = 0, false

local function serve(cpu, p)
  local loop = { batch = p.batch, work = p.work, bytes = p.bytes, timeout_ns = p.timeout_us * 1000 }
  local function echo(total)
    loop.total = total
    local answered = cpu:serve(loop)
    return answered >= total and answered
  end
  local warm = echo(p.warmup)
  if warm and not measured then
    measured, goal = true, warm + p.packets
    cpu:mark("roi")
  end
  if warm and echo(goal) then return end
  error("no packet came for " .. p.timeout_us .. " us: does the machine have a NIC, and is its traffic on?", 0)
end

for i = 0, queues - 1 do
  guest { vcpu = i, run = serve }
end
