-- SPDX-License-Identifier: MIT
workload "Writes the same pages round after round while the hypervisor keeps its dirty log, as in a live migration. With host.dirty_log.method = pml the processor logs the pages and a full log exits; with write_protect the first write to each page exits; off shows the loop alone."

param { name = "footprint", default = "8MiB", min = "4KiB", unit = "bytes", text = "bytes that are written in every round" }
param { name = "rounds", default = 4, min = 1, max = 10000, unit = "rounds", text = "rounds that are measured" }
param { name = "touches", default = 1, min = 1, max = 1000, unit = "count", text = "how often each page is written in one round" }
param { name = "stride", default = "4KiB", min = 8, unit = "bytes", text = "distance of two writes" }
param { name = "page", default = "machine", choices = "machine|4K|2M|1G", text = "page size of the guest's mapping; machine = guest.page_size" }

guest(function(cpu, p)
  local page = p.page ~= "machine" and p.page or nil
  local memory = cpu:map { bytes = p.footprint, page = page }
  local function write()
    for _ = 1, p.touches do
      cpu:stride { region = memory, stride = math.min(p.stride, p.footprint), op = "store" }
    end
  end
  write()         -- every page is there
  cpu:dirty_log() -- the log begins
  write()
  cpu:dirty_log()
  cpu:mark("roi")
  for _ = 1, p.rounds do
    write()
    cpu:dirty_log()
  end
end)
