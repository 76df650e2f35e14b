-- SPDX-License-Identifier: MIT
workload "Loads at random over a region while the kernel changes its page tables now and then. Under EPT a change costs a store and an invalidation, under shadow paging exits; loads miss the TLB at the cost of two dimensions or of one. The number of changes decides which is cheaper."

param { name = "footprint", default = "64MiB", min = "64KiB", unit = "bytes", text = "bytes the loads are spread over, in the smallest pages of the machine" }
param { name = "count", default = 200000, min = 1000, unit = "accesses", text = "loads that are measured" }
param { name = "warmup", default = 200000, unit = "accesses", text = "loads before the region of interest" }
param { name = "edits", default = 10, min = 0, max = 1000, unit = "edits", text = "changes of page tables for every thousand loads" }
param { name = "pages", default = 1, min = 1, max = 4096, unit = "pages", text = "neighbouring pages of one change (protect, remap); beyond os.flush_ceiling the kernel reloads CR3 instead of dropping them one by one" }
param { name = "edit", default = "protect", choices = "protect|remap|switch", text = "one change: a page loses or regains the right to write; a page is unmapped and mapped anew; another address space and back" }

guest(function(cpu, p)
  local heap = cpu:map { bytes = p.footprint, page = "base" }
  local size = cpu:page_bytes()
  local base, pages = heap:address(), p.footprint // size
  for page = 0, pages - 1 do cpu:store(heap, page * size) end -- every page is dirty and known
  local other = p.edit == "switch" and cpu:process() or nil
  local writable = {}
  local function edit()
    if other then
      cpu:switch(other)
      cpu:switch(0)
      return
    end
    local page = math.random(0, pages - p.pages)
    local at, bytes = base + page * size, p.pages * size
    if p.edit == "protect" then
      writable[page] = writable[page] == false
      cpu:protect(at, bytes, writable[page] and "rw" or "r")
    else
      cpu:unmap(at, bytes)
      cpu:map { bytes = bytes, at = at, page = "base", backing = "populate" }
    end
  end
  local function phase(count)
    for _ = 1, count // 1000 do
      local done = 0
      for i = 1, p.edits do -- spread evenly
        local upto = 1000 * i // p.edits
        cpu:random { region = heap, count = upto - done }
        done = upto
        edit()
      end
      cpu:random { region = heap, count = 1000 - done }
    end
  end
  phase(p.warmup)
  cpu:mark("roi")
  phase(p.count)
end)
