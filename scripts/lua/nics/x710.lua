-- SPDX-License-Identifier: MIT
return {
  text = "10 Gb/s SR-IOV adapter in the manner of an X710",
  borrows = "link latencies from the adapter of 6P060; engine times are assumed",
  nic = { link = { gbps = { 10, "X710: 10 Gb/s ports", "documented" } } },
}
