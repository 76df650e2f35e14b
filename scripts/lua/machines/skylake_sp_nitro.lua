-- SPDX-License-Identifier: MIT
return {
  text = "an instance of EC2 with Nitro on Skylake-SP, as KVM's guest; lengths assumed",
  cpu = "skylake_sp", memory = "skylake_sp", hypervisor = "nitro", iommu = "vtd_skylake", nic = "x710",
}
