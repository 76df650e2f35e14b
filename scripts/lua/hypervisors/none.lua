-- SPDX-License-Identifier: MIT
return {
  of = "any",
  text = "bare metal",
  paging = { mode = { "native", "no hypervisor", "documented" } },
}
