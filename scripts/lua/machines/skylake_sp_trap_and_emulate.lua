-- SPDX-License-Identifier: MIT
return {
  text = "a guest without privileges, trapped and emulated, on Skylake-SP: no part of the time of such monitors was measured, this one is borrowed",
  cpu = "skylake_sp", memory = "skylake_sp", hypervisor = "trap_and_emulate", iommu = "vtd_skylake", nic = "x710",
}
