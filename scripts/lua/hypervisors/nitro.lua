-- SPDX-License-Identifier: MIT
-- Amazon EC2 with Nitro: a hypervisor that is based on KVM, and no device model of a whole machine beside it: network
-- and storage are functions of PCIe cards that the guest has to itself. What is left of user space is short. Its
-- source is not published: what differs from KVM is assumed.
local guess = "Nitro's source is not published; order of "
local program = {
  ["user_space.process"] = {
    at = "user",
    { "ioctl_return", run = 70, code = 768, data = 192, source = guess .. "a minimal process that sorts the exit reason", grade = "assumed" },
    { "device", run = 250, code = 1536, data = 384, source = guess .. "one of the few registers that no card has", grade = "assumed" },
    { "ioctl", run = 60, code = 384, data = 128, source = guess .. "the way to the next KVM_RUN", grade = "assumed" },
  },
}

return {
  base = "kvm",
  programs = { kvm = { why = "Nitro's hypervisor is based on KVM, and not published", "*" } },
  borrows = { kvm = { why = "what Nitro asks of the processor is not published", "paging", "vmcs.control" } },
  text = "Amazon EC2 with Nitro: KVM, devices on cards",
  program = program,
}
