-- SPDX-License-Identifier: MIT
-- KVM on a processor that delivers no virtual interrupts: it leaves out what the capabilities lack.
local without = "KVM: setup_vmcs_config leaves optional controls off that the processor does not have"
return {
  base = "kvm",
  of = "kvm", -- the same program
  text = "KVM on a processor without APICv and INVPCID",
  calibrated = "1X064",
  vmcs = { control = {
    virtual_interrupt_delivery = { false, without, "documented" },
    apic_register_virtualization = { false, without, "documented" },
    posted_interrupts = { false, without, "documented" },
    invpcid = { false, without, "documented" },
  } },
}
