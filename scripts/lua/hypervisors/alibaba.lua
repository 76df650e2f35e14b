-- SPDX-License-Identifier: MIT
-- Alibaba Cloud ECS on X-Dragon: a thin hypervisor based on KVM; devices and their back ends are on a card, as Nitro's
-- are. Its source is not published.
return {
  base = "kvm",
  programs = {
    kvm = { why = "the hypervisor of X-Dragon is based on KVM, and not published", "*" },
    nitro = { why = "devices are on a card there too, and nothing is published", "user_space.process" },
  },
  borrows = { kvm = { why = "what X-Dragon asks of the processor is not published", "paging", "vmcs.control" } },
  text = "Alibaba Cloud ECS on X-Dragon: KVM, devices on a card",
}
