-- SPDX-License-Identifier: MIT
workload "Sizes the registers of the physical function and of the virtual ones, as firmware does, and asks where they are: there is a read for each bit that an address or a size has."
guest(function(cpu, p)
  local function bits(value)
    for i = 0, 63 do
      if value >> i & 1 == 1 then cpu:pci_read(0, 4, 0) end
    end
  end
  cpu:pci_write(0x04, 0, 2, 0) -- memory is disabled meanwhile
  cpu:pci_write(0x108, 0, 2, 0)
  for _, at in ipairs { 0x10, 0x1c, 0x124, 0x130 } do
    local low, high = cpu:pci_read(at, 4, 0), cpu:pci_read(at + 4, 4, 0)
    bits(high << 32 | low)
    cpu:pci_write(at, 0xffffffff, 4, 0)
    bits(cpu:pci_read(at, 4, 0))
    cpu:pci_write(at, low, 4, 0)
  end
end)
