-- SPDX-License-Identifier: MIT
return {
  text = "an instance of Alibaba Cloud's X-Dragon on Skylake-SP, as KVM's guest; lengths assumed",
  cpu = "skylake_sp", memory = "skylake_sp", hypervisor = "alibaba", iommu = "vtd_skylake", nic = "x710",
}
