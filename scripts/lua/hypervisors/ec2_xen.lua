-- SPDX-License-Identifier: MIT
-- Amazon EC2 before Nitro: Xen with HVM guests, devices in Dom0. Amazon's Xen is not published: it is taken for Xen.
return {
  base = "xen",
  programs = { xen = { why = "Amazon's Xen is not published", "*" } },
  borrows = { xen = { why = "what Amazon's Xen asked of the processor is not published", "paging", "vmcs.control", "vmcs.msr_list" } },
  text = "Amazon EC2 before Nitro: Xen, devices in Dom0",
}
