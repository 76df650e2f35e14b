-- SPDX-License-Identifier: MIT
workload "A device, or the driver that programs it, tries what nobody has given it: addresses beyond its memory, a buffer that was taken away, writing to what it may only read, interrupts of others. Counters say what reached something."

metrics { "counter:dma_engine.transfers", "counter:dma_engine.refused", "counter:iommu.faults", "counter:iommu.interrupt_faults" }

param { name = "attack", default = "all", choices = "all|beyond|unmapped|readonly|interrupts", text = "what it tries" }
param { name = "verdict", default = "report", choices = "report|nothing", text = "nothing: the run fails if any of it reaches something" }
param { name = "count", default = 256, min = 1, unit = "transfers", text = "of each attack" }
param { name = "first", default = "1TiB", unit = "bytes", text = "beyond: where it begins" }
param { name = "stride", default = "509MiB", min = 64, unit = "bytes", text = "beyond: from one address to the next" }
param { name = "wait_us", default = 0, unit = "us", text = "unmapped: from the buffer's unmapping to the attack" }

guest(function(cpu, p)
  local page = cpu:page_bytes()
  local heap = cpu:map { bytes = page, backing = "populate" }
  local buffer = cpu:dma_map(heap, nil, "both")
  if cpu:device { address = buffer } == 0 then error("the device does not reach the buffer that it was given", 0) end
  cpu:dma_unmap(heap)
  cpu:mark("roi")
  local function try(what, make)
    if p.attack ~= "all" and p.attack ~= what then return end
    local reached = make()
    if p.verdict == "nothing" and reached > 0 then error(("%s: %d attacks reached something"):format(what, reached), 0) end
  end
  try("beyond", function()
    return cpu:device { address = p.first, count = p.count, stride = p.stride } +
           cpu:device { address = p.first, count = p.count, stride = p.stride, op = "write" }
  end)
  try("readonly", function()
    local at = cpu:dma_map(heap, nil, "to_device")
    local reached = cpu:device { address = at, count = p.count, stride = 0, op = "write" }
    cpu:dma_unmap(heap)
    return reached
  end)
  try("unmapped", function()
    local at = cpu:dma_map(heap, nil, "both")
    cpu:device { address = at, op = "write" } -- so that the IOTLB has it
    cpu:dma_unmap(heap)
    if p.wait_us > 0 then cpu:wait { us = p.wait_us } end
    return cpu:device { address = at, op = "write" } + cpu:device { address = at }
  end)
  try("interrupts", function()
    local reached = cpu:device { op = "message", address = 0xfee00000, data = 0x41 } -- of the old format
    for index = 0, 15 do -- remapping entries, its own is 0
      if index > 0 then reached = reached + cpu:device { op = "message", address = 0xfee00010 | index << 5 } end
    end
    return reached
  end)
end)
