-- SPDX-License-Identifier: MIT
workload "A device works in the memory of processes that lack the pages (shared virtual addressing with page requests): what it is refused a translation of it asks the kernel for, which serves it as a fault of the process. Attacks: a device that asks without end, for what is nobody's, and does not care for answers."

metrics { "op:ats.page_request", "op:page_request.serve", "op:page_fault", "op:dma.read", "op:dma.write", "counter:ats.page_requests", "counter:ats.page_requests.groups", "counter:iommu.page_events", "counter:iommu.faults" }

local cores = param { name = "cores", default = 1, min = 1, max = 64, unit = "processors", text = "each with a process and a function of its own" }
param { name = "window", default = "256KiB", min = 4096, unit = "bytes", text = "of the process that the device goes over" }
param { name = "bytes", default = 4096, min = 1, max = 65536, unit = "bytes", text = "of a transfer" }
param { name = "op", default = "write", choices = "read|write", text = "what the device does" }
param { name = "rounds", default = 2, min = 1, unit = "times", text = "over the window, which the process gives back before each" }
param { name = "touched", default = 0, max = 100, unit = "percent", text = "of the pages that the process touches before the device comes" }
param { name = "attack", default = "none", choices = "none|all|flood|partial|stop|nobody|kinds|unbound|failure", text = "flood: more requests than the queue holds; partial: of groups that never end; stop: stop markers; nobody: of PASIDs that are not bound; kinds: as a supervisor, to execute, of what the process does not have or may only read; unbound: of a process that is unbound; failure (not among all): without a PASID, after which the device asks for no page" }
param { name = "messages", default = 3000, min = 1, unit = "messages", text = "of a flood, of groups that never end" }

local function works(cpu, p)
  local page = cpu:page_bytes()
  local heap = cpu:map { bytes = p.window, backing = "touch" }
  cpu:mark("roi")
  local at, pasid = heap:address(), cpu:sva_bind()
  local count = math.max(1, p.window // p.bytes)
  local function over(more)
    local what = { address = at, pasid = pasid, bytes = p.bytes, stride = p.bytes, count = count, op = p.op }
    for k, v in pairs(more or {}) do what[k] = v end
    return cpu:sva_device(what)
  end
  local function is(want, what, got)
    if got ~= want then error(("%s: %d, not %d"):format(what, got, want), 0) end
  end
  local function asks(kind, want, what, more)
    if p.attack ~= kind and not (p.attack == "all" and kind ~= "failure") then return end
    local message = { address = at, pasid = pasid, count = 8, stride = page, op = "write" }
    for k, v in pairs(more) do message[k] = v end
    local got = cpu:sva_pages(message)
    if want then is(want, "groups granted of " .. what, got) end
  end
  for round = 1, p.rounds do
    if round > 1 then cpu:unmap(at, p.window) end
    for k = 0, p.window // page * p.touched // 100 - 1 do cpu:store(at + k * page) end
    is(count, "transfers into the process's memory", over())
  end
  asks("flood", p.messages, "a flood", { count = p.messages, stride = 0 })
  asks("flood", p.messages // 7, "a flood of groups", { count = p.messages, stride = 0, group = 7 })
  asks("partial", 0, "groups that never end", { count = p.messages, group = 0 })
  asks("stop", 0, "stop markers", { op = "stop" })
  for other = 1, 63 do
    if other ~= pasid then asks("nobody", 0, "another PASID", { pasid = other, count = 1 }) end
  end
  asks("nobody", 0, "a PASID beyond the directory", { pasid = 0x8001 })
  asks("kinds", 0, "a supervisor's", { mode = "privileged" })
  asks("kinds", 0, "one to execute", { mode = "execute", op = "read" })
  asks("kinds", 0, "memory that nobody has", { address = 1 << 46 })
  asks("kinds", 0, "addresses that are none", { address = 1 << 52 })
  if p.attack == "all" or p.attack == "kinds" then
    cpu:protect(heap, "r")
    asks("kinds", 0, "pages that may be read", { count = 1 })
    is(0, "writes where the process may read", over { op = "write" })
    cpu:protect(heap, "rw")
  end
  asks("failure", 0, "one without a PASID", { pasid = 0 })
  if p.attack ~= "none" then
    cpu:unmap(at, p.window)
    is(p.attack == "failure" and 0 or count, "transfers after all that", over())
  end
  cpu:sva_unbind(pasid)
  asks("unbound", 0, "a process that is unbound", {})
end

for i = 0, cores - 1 do
  guest { vcpu = i, run = works }
end
