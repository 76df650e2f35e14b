-- SPDX-License-Identifier: MIT
workload "What software does with a device before it drives it: reads its configuration space, sizes a register, masks a vector, resets the function, and reads registers. Reads are never posted: each is a round trip over the link."

metrics { "op:config.read", "op:config.write", "op:mmio.read", "op:mmio.write", "counter:pcie.register_reads", "counter:pcie.unanswered" }

param { name = "count", default = 1000, min = 1, unit = "reads", text = "of a register of the virtual function" }
param { name = "warmup", default = 100, unit = "reads", text = "before the region of interest" }
param { name = "interval_ns", default = 0, unit = "ns", text = "from a read's end to the next one" }
param { name = "configure", default = "yes", choices = "yes|no", text = "configuration space is gone through, too" }
param { name = "reset", default = "no", choices = "yes|no|poll", text = "the function is reset at the end (function level reset); and waited for 100 ms, or asked every millisecond until it answers" }

guest(function(cpu, p)
  local function reads(n)
    for _ = 1, n do
      cpu:bar_read(0, 0x2000) -- where its receive queue ends
      if p.interval_ns > 0 then cpu:wait { ns = p.interval_ns } end
    end
  end
  reads(p.warmup)
  cpu:mark("roi")
  reads(p.count)
  if p.configure == "yes" then
    local at = cpu:pci_read(0x34, 1) -- the list of capabilities
    while at ~= 0 do
      if cpu:pci_read(at, 1) == 0x11 then cpu:pci_write(at + 2, cpu:pci_read(at + 2, 2) | 0x8000, 2) end -- MSI-X
      at = cpu:pci_read(at + 1, 1)
    end
    cpu:bar_write(3, 12, 1) -- the first vector is masked
    cpu:bar_write(3, 12, 0)
  end
  if p.reset ~= "no" then
    cpu:pci_write(0x48, 0x8000 | cpu:pci_read(0x48, 2), 2)
    if cpu:pci_read(0x06, 2) ~= 0xffff then error("a function answers while it is reset", 0) end
    if p.reset == "poll" then
      repeat cpu:wait { us = 1000 } until cpu:pci_read(0x06, 2) ~= 0xffff
    else
      cpu:wait { us = 100000 }
    end
    if cpu:pci_read(0x06, 2) == 0xffff then error("a function does not answer 100 ms after its reset", 0) end
  end
end)
