-- SPDX-License-Identifier: MIT
workload "A device reads and writes memory that its machine has no frames for yet (host_touch): with ats.page_requests it asks for each page; with dma.assigned_in_time the memory was pinned before, and nothing is missing."

metrics { "op:ats.page_request", "op:page_request.serve", "op:dma.read", "counter:ats.page_requests", "op:vm.assign" }

param { name = "window", default = "4MiB", min = 4096, unit = "bytes", text = "that the device goes over, page by page" }
param { name = "rounds", default = 2, min = 1, max = 1000, unit = "times", text = "over it; pages are there after the first" }
param { name = "op", default = "read", choices = "read|write|both", text = "what the device does; both: a read and a write in turn" }
param { name = "bytes", default = 64, min = 1, max = 4096, unit = "bytes", text = "of a transfer" }
param { name = "outstanding", default = 1, min = 1, max = 1024, unit = "transfers", text = "under way at one time" }

guest(function(cpu, p)
  local warm = cpu:map { bytes = "4KiB", backing = "populate" }
  local cold = cpu:map { bytes = p.window, backing = "host_touch" }
  cpu:dma { region = warm, bytes = 64, count = 1, op = "read" } -- the driver is made
  cpu:mark("roi")
  for _ = 1, p.rounds do
    cpu:dma { region = cold, bytes = p.bytes, stride = cpu:page_bytes(), count = p.window // cpu:page_bytes(), op = p.op,
              order = "sequential", outstanding = p.outstanding }
  end
end)
