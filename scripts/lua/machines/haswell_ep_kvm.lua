-- SPDX-License-Identifier: MIT
return {
  text = "a guest under KVM on Haswell-EP with a virtual function of a 10 Gb/s adapter",
  cpu = "haswell_ep", memory = "haswell_ep", hypervisor = "kvm", iommu = "vtd_haswell", nic = "x710",
}
