-- SPDX-License-Identifier: MIT
return {
  text = "a guest under KVM on Cascade Lake",
  cpu = "cascadelake", memory = "cascadelake", hypervisor = "kvm", iommu = "vtd_skylake", nic = "x710",
}
