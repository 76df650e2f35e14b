-- SPDX-License-Identifier: MIT
workload "First touch: writes one word in every page of fresh memory. What appears is the cost of giving a guest its memory: page faults, EPT violations, walks over cold tables."

param { name = "footprint", default = "32MiB", min = "4KiB", unit = "bytes", text = "bytes that are touched" }
param { name = "backing", default = "host_touch", choices = "eager|host_touch|touch", text = "frames exist from the start; the guest's do, the host's come at the first touch; both come at the first touch" }
param { name = "page", default = "machine", choices = "machine|base|4K|2M|1G|16K|64K|32M|512M", text = "page size of the guest's mapping; machine = guest.page_size, base = the smallest that the machine has" }
param { name = "stride", default = "4KiB", min = 8, unit = "bytes", text = "distance of two touches" }
param { name = "passes", default = 1, min = 1, max = 1000, unit = "count", text = "how often the memory is run through; from the second pass on every page is there" }

guest(function(cpu, p)
  -- the program's own code and stack are warm before anything is counted
  local warm = cpu:map { bytes = "64KiB" }
  cpu:stride { region = warm, stride = 64, op = "store" }
  local page = p.page ~= "machine" and p.page or nil
  local fresh = cpu:map { bytes = p.footprint, backing = p.backing, page = page }
  cpu:mark("roi")
  for _ = 1, p.passes do
    cpu:stride { region = fresh, stride = math.min(p.stride, p.footprint), op = "store" }
  end
end)
