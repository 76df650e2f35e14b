-- SPDX-License-Identifier: MIT
return {
  text = "an instance of EC2 before Nitro on Skylake-SP, as Xen's guest; lengths assumed",
  cpu = "skylake_sp", memory = "skylake_sp", hypervisor = "ec2_xen", iommu = "vtd_skylake", nic = "x710",
}
