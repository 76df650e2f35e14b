-- SPDX-License-Identifier: MIT
workload "A device works in the memory of processes at their own addresses (shared virtual addressing): each process is bound to it and has a PASID. Pages that the process gives back go out of the IOMMU and the device, too. Attacks: what a PASID does not reach."

metrics { "op:sva.bind", "op:sva.changed", "op:sva.unbind", "op:iommu.translate", "op:dma.read", "counter:iommu.faults" }

local cores = param { name = "cores", default = 1, min = 1, max = 64, unit = "processors", text = "each with a process and a function of its own" }
param { name = "window", default = "256KiB", min = 4096, unit = "bytes", text = "of the process that the device goes over" }
param { name = "bytes", default = 4096, min = 1, max = 65536, unit = "bytes", text = "of a transfer" }
param { name = "op", default = "read", choices = "read|write", text = "what the device does" }
param { name = "rounds", default = 4, min = 1, unit = "times", text = "over the window" }
param { name = "returned", default = 4, unit = "pages", text = "that the process gives back, and touches again, after each round" }
param { name = "attack", default = "none", choices = "none|all|pasid|width|unbound|rights", text = "pasid: of no process here, and of other functions' processes; width: beyond the directory, and beyond the capability; unbound: of a process that is unbound; rights: as a supervisor, to execute, what the process does not have or may only read" }

local function works(cpu, p)
  local page = cpu:page_bytes()
  local heap = cpu:map { bytes = p.window, backing = "populate" }
  cpu:mark("roi")
  local at, pasid = heap:address(), cpu:sva_bind()
  local count = math.max(1, p.window // p.bytes)
  local function over(more)
    local what = { address = at, pasid = pasid, bytes = p.bytes, stride = p.bytes, count = count, op = p.op }
    for k, v in pairs(more or {}) do what[k] = v end
    return cpu:sva_device(what)
  end
  local function reaches(want, what, got)
    if got ~= want then error(("%s: %d of %d transfers reach something"):format(what, got, want), 0) end
  end
  local function nothing(kind, what, more)
    if p.attack == "all" or p.attack == kind then reaches(0, what, over(more)) end
  end
  reaches(count, "the process's own memory", over())
  for _ = 1, p.rounds do
    for k = 0, p.returned - 1 do
      local page_at = at + k * page % p.window
      cpu:unmap(page_at, page)
      cpu:store(page_at)
    end
    reaches(count, "the process's own memory", over())
  end
  for other = 1, 63 do
    if other ~= pasid then nothing("pasid", "another PASID", { pasid = other, count = 1 }) end
  end
  nothing("width", "a PASID beyond the directory", { pasid = 0x8001 })
  nothing("width", "a PASID beyond the directory", { pasid = 0xfffff })
  nothing("rights", "a supervisor's request", { mode = "privileged" })
  nothing("rights", "a request to execute", { mode = "execute", op = "read" })
  nothing("rights", "memory that nobody has", { address = 1 << 46 })
  nothing("rights", "an address that is none", { address = 1 << 52 })
  if p.attack == "all" or p.attack == "rights" then
    cpu:protect(heap, "r")
    reaches(0, "memory that may be read", over { op = "write" })
    reaches(count, "memory that may be read", over { op = "read" })
    cpu:unmap(heap)
    reaches(0, "memory that was given back", over())
  end
  cpu:sva_unbind(pasid)
  nothing("unbound", "a process that is unbound", {})
end

for i = 0, cores - 1 do
  guest { vcpu = i, run = works }
end
