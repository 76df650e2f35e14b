-- SPDX-License-Identifier: MIT
-- KVM in the kernel; port I/O and MMIO nobody handles there go to user space (QEMU).
return {
  text = "KVM with QEMU in user space",
  calibrated = "1X064",
  paging = { mode = { "ept", "KVM's default where the processor has EPT", "documented" } },
  vmcs = { control = {
    virtual_interrupt_delivery = { true, "KVM: enable_apicv defaults to on", "documented" },
    apic_register_virtualization = { true, "KVM: enable_apicv defaults to on", "documented" },
    virtualize_x2apic = { true, "KVM: used for guests in x2APIC mode", "documented" },
    posted_interrupts = { true, "KVM: enable_apicv defaults to on", "documented" },
  } },
}
