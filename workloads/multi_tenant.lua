-- SPDX-License-Identifier: MIT
workload "Tenants beside each other, each a virtual machine with a virtual function of its own: echoes, of which each touches its own memory too. They share the link, the IOMMU's IOTLB and walkers, the adapter's engines; what one has of them stands under its function (nic0/vf<i>, with several queues nic0/vf<i>/q<j>) and its vCPUs."

metrics { "op:packet.rx", "op:packet.rx.p99", "op:packet.tx", "op:iommu.translate", "counter:iommu.iotlb.misses", "op:dma.read" }

local tenants = param { name = "tenants", default = 8, min = 1, max = 64, unit = "machines", text = "virtual machines, each with one function" }
local queues = param { name = "queues", default = 1, min = 1, max = 16, unit = "queues", text = "pairs of queues of each function, and vCPUs of each machine, one for each pair; tenants times queues are 64 at most" }
local flows = param { name = "flows", default = queues == 1 and 1 or 8 * queues, min = 1, max = 256, unit = "flows", text = "clients of each tenant, each a flow that receive-side scaling keeps on one queue" }
param { name = "packets", default = 200, min = 1, unit = "packets", text = "packets of each tenant that are measured" }
param { name = "warmup", default = 40, unit = "packets", text = "packets of each before the region of interest" }
param { name = "bytes", default = 1024, min = 1, max = 9682, unit = "bytes", text = "payload of each answer" }
param { name = "work", default = 400, unit = "instructions", text = "instructions of each packet" }
param { name = "footprint", default = "256KiB", min = 4096, unit = "bytes", text = "memory of each vCPU's program" }
param { name = "touches", default = 16, unit = "accesses", text = "random loads from it for each packet" }
local window = param { name = "window", default = 1, min = 1, max = 256, unit = "requests", text = "requests that each client has on their way; of a tenant's clients together 256 at most" }

if tenants * queues > 64 then error(("workload.tenants = %d with workload.queues = %d: %d vCPUs, and a machine has 64 at most"):format(tenants, queues, tenants * queues), 0) end
if window * flows > 256 then error(("workload.window = %d with workload.flows = %d: %d requests on their way to each tenant, and there are 256 at most"):format(window, flows, window * flows), 0) end

defaults { ["guest.vms"] = "each", ["guest.vcpus"] = queues, ["nic.vfs"] = tenants, ["nic.queues"] = queues, ["nic.traffic.flows"] = flows, ["nic.traffic.interval_ns"] = 0, ["nic.traffic.window"] = window * flows }

-- a tenant's packets are those of all its vCPUs together; it goes on until all tenants have had their warm-up
local ready = 0

local function serve(tenant)
  return function(cpu, p)
    local heap = cpu:map { bytes = p.footprint }
    local wanted, answer = { count = 1, timeout_ns = 100000000 }, { bytes = p.bytes, count = 1 }
    local function look()
      if not tenant.warm and tenant.done >= p.warmup then
        tenant.warm = true
        ready = ready + 1
        if ready == tenants then cpu:mark("roi") end
      end
    end
    local function echo()
      local before = tenant.done
      if cpu:recv(wanted) == 0 then
        if tenant.done == before then error("no packet came for 100 ms", 0) end
        return
      end
      if p.touches > 0 then cpu:random { region = heap, count = p.touches } end
      cpu:compute(p.work)
      cpu:send(answer)
      tenant.done = tenant.done + 1
      look()
    end
    look()
    while ready < tenants do echo() end
    tenant.goal = tenant.goal or tenant.done + p.packets
    while tenant.done < tenant.goal do echo() end
  end
end

for i = 0, tenants - 1 do
  local tenant = { done = 0 }
  for j = 0, queues - 1 do
    guest { vcpu = i * queues + j, run = serve(tenant) }
  end
end
