-- SPDX-License-Identifier: MIT
return {
  text = "a guest under KVM on the Skylake-X workstation",
  cpu = "skylake_x", memory = "skylake_x", hypervisor = "kvm", iommu = "vtd_skylake", nic = "x710",
}
