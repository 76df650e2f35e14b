-- SPDX-License-Identifier: MIT
workload "As many small packets as a function carries: sent, received or forwarded (each that came is sent on). What a packet costs by itself and what a batch shares: doorbells, interrupts, descriptors."

metrics { "counter:nic.tx_packets", "counter:nic.rx_packets", "counter:nic.doorbells", "counter:nic.interrupts", "op:packet.tx", "op:packet.rx" }

local does = param { name = "op", default = "forward", choices = "send|receive|forward", text = "what the program does" }
param { name = "packets", default = 4000, min = 1, unit = "packets", text = "packets that are measured" }
param { name = "warmup", default = 500, unit = "packets", text = "packets before the region of interest" }
local batch = param { name = "batch", default = 32, min = 1, max = 256, unit = "packets", text = "packets that share a doorbell, and a turn of the program" }
local bytes = param { name = "bytes", default = 18, min = 1, max = 9682, unit = "bytes", text = "payload of what is sent, and unless nic.traffic.bytes says otherwise of what arrives: 18 fill the shortest frame, of 64 bytes with its headers (42) and its check (4)" }
param { name = "work", default = 0, unit = "instructions", text = "instructions of the program for each packet" }
local window = param { name = "window", default = 256, min = 1, max = 256, unit = "packets", text = "forward, receive: packets under way, the next one when one has come back; not where nic.traffic.interval_ns is set" }

local queues = param { name = "queues", default = 1, min = 1, max = 16, unit = "queues", text = "pairs of queues of the function (nic.queues), each with a vCPU" }
local flows = param { name = "flows", default = 1, min = 1, max = 1024, unit = "flows", text = "clients' flows that packets belong to, each of which stays on one queue; a queue has to get some" }

defaults { ["nic.queues"] = queues, ["nic.traffic.flows"] = flows, ["nic.traffic.interval_ns"] = does == "receive" and 1 or 0, ["nic.traffic.window"] = does == "forward" and math.max(window, batch) or 0, ["nic.traffic.bytes"] = bytes, ["nic.traffic.delay_ns"] = 1000 }

-- packets that all vCPUs together have done; what they are to reach, first warm-up, then measured ones
local done, goal, measured = 0, 0, false

local function serve(cpu, p)
  local wanted, out = { timeout_ns = 10000000 }, { bytes = p.bytes }
  local function turn(n)
    if p.op ~= "send" then
      wanted.count = n
      n = cpu:recv(wanted)
    end
    if n == 0 then return 0 end
    cpu:compute(p.work * n)
    if p.op ~= "receive" then
      out.count = n
      cpu:send(out)
    end
    return n
  end
  local function many()
    while done < goal do
      local before, n = done, turn(math.min(p.batch, goal - done))
      if n == 0 and done == before then error("no packet came for 10 ms: does the machine have a NIC, and is its traffic on?", 0) end
      done = done + n
    end
  end
  goal = math.max(goal, p.warmup)
  many()
  if not measured then
    measured, done, goal = true, 0, p.packets
    cpu:mark("roi")
  end
  many()
end

for i = 0, queues - 1 do
  guest { vcpu = i, run = serve }
end
