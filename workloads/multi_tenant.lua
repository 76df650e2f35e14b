-- SPDX-License-Identifier: MIT
workload "Tenants beside each other, each a virtual machine with a virtual function of its own: echoes, of which each touches its own memory too. They share the link, the IOMMU's IOTLB and walkers, the adapter's engines; what one has of them stands under its function (nic0/vf<i>) and its vCPU."

metrics { "op:packet.rx", "op:packet.rx.p99", "op:packet.tx", "op:iommu.translate", "counter:iommu.iotlb.misses", "op:dma.read" }

local tenants = param { name = "tenants", default = 8, min = 1, max = 64, unit = "machines", text = "virtual machines, each with one vCPU and one function" }
param { name = "packets", default = 200, min = 1, unit = "packets", text = "packets of each tenant that are measured" }
param { name = "warmup", default = 40, unit = "packets", text = "packets of each before the region of interest" }
param { name = "bytes", default = 1024, min = 1, max = 9682, unit = "bytes", text = "payload of each answer" }
param { name = "work", default = 400, unit = "instructions", text = "instructions of each packet" }
param { name = "footprint", default = "256KiB", min = 4096, unit = "bytes", text = "memory of each tenant's program" }
param { name = "touches", default = 16, unit = "accesses", text = "random loads from it for each packet" }
local window = param { name = "window", default = 1, min = 1, max = 256, unit = "requests", text = "requests on their way to each tenant" }

defaults { ["guest.vms"] = "each", ["nic.vfs"] = tenants, ["nic.traffic.interval_ns"] = 0, ["nic.traffic.window"] = window }

local ready = 0
for i = 0, tenants - 1 do
  guest { vcpu = i, run = function(cpu, p)
    local heap = cpu:map { bytes = p.footprint }
    local wanted, answer = { count = 1, timeout_ns = 100000000 }, { bytes = p.bytes, count = 1 }
    local function echo(n)
      for _ = 1, n do
        if cpu:recv(wanted) == 0 then error("no packet came for 100 ms", 0) end
        if p.touches > 0 then cpu:random { region = heap, count = p.touches } end
        cpu:compute(p.work)
        cpu:send(answer)
      end
    end
    echo(p.warmup)
    ready = ready + 1
    if ready == tenants then cpu:mark("roi") end
    while ready < tenants do echo(1) end
    echo(p.packets)
  end }
end
