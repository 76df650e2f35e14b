-- SPDX-License-Identifier: MIT
return {
  text = "bare metal",
  paging = { mode = { "native", "no hypervisor", "documented" } },
}
