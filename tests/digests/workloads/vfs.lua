-- SPDX-License-Identifier: MIT
workload "Asks each virtual function that the adapter may have whether it is there: the number of reads is TotalVFs."
guest(function(cpu, p)
  for i = 1, cpu:pci_read(0x10e, 2, 0) do cpu:pci_read(0, 4, i) end
end)
