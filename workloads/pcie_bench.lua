-- SPDX-License-Identifier: MIT
workload "Transfers of a device over a window of memory, as pcie-bench makes them: latency with one under way, bandwidth with many. The window is in the cache (warm), or was thrown out of it (cold)."

metrics { "op:dma.read", "op:dma.read.p50", "op:dma.write", "op:iommu.translate" }

param { name = "op", default = "read", choices = "read|write|both", text = "what the device does; both: a read and a write in turn" }
param { name = "bytes", default = 64, min = 1, max = 65536, unit = "bytes", text = "of a transfer" }
param { name = "window", default = 8192, min = 64, unit = "bytes", text = "that the transfers lie in" }
param { name = "order", default = "random", choices = "sequential|random", text = "where in the window they go" }
param { name = "offset", default = 0, max = 4095, unit = "bytes", text = "of each transfer from the line it begins in" }
param { name = "outstanding", default = 1, min = 1, max = 1024, unit = "transfers", text = "under way at one time: 1 for latency, many for bandwidth" }
param { name = "interval_ns", default = 0, unit = "ns", text = "least time between the beginnings of two" }
param { name = "count", default = 4000, min = 1, unit = "transfers", text = "that are measured" }
param { name = "warmup", default = 2000, unit = "transfers", text = "before the region of interest" }
param { name = "cache", default = "warm", choices = "warm|cold", text = "whether the processor has touched the window last, or other memory of twice the size of the last-level cache" }
param { name = "pages", default = "base", choices = "base|2M|1G", text = "of the window in the program's address space; without an IOMMU it is one page" }

guest(function(cpu, p)
  local bytes = math.max(p.window, p.bytes + p.offset)
  local window = cpu:map { bytes = bytes, page = p.pages }
  local function transfers(n)
    if n > 0 then
      cpu:dma { region = window, bytes = p.bytes, count = n, op = p.op, order = p.order, offset = p.offset,
                outstanding = p.outstanding, interval_ns = p.interval_ns }
    end
  end
  if p.cache == "cold" then
    local other = cpu:map { bytes = "64MiB", page = "2M" }
    cpu:stride { region = other, stride = 64, op = "store" }
  else
    cpu:stride { region = window, stride = 64, op = "store" }
  end
  transfers(p.warmup)
  cpu:mark("roi")
  transfers(p.count)
end)
