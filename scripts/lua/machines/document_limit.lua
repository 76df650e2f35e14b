-- SPDX-License-Identifier: MIT
-- Reproduces a sum of the documents by input: calibrated, never a prediction.
local zero = { 0, "the sum names no such part", "documented" }
return {
  text = "the physical limit of one exit as V51 argues it: 100 + 500 + 100 ns",
  base = "skylake_sp_kvm", hypervisor = "sum",
  calibrated = "v51.limit.save v51.limit.sw v51.limit.restore",
  set = {
    cpu = { clock = { mhz = { 2000, "the documents name no clock; 500 ps divide their numbers", "assumed" } } },
    vmcs = {
      field = { save = zero, load = zero, load_control_register = zero, record = zero },
      check = zero, unexplained = zero,
      exit = {
        resume = zero,
        save_guest = { fixed = { 200, "V51, v51.limit.save", "documented" } },
        load_host = { fixed = { 0, "the sum names no such part", "documented" } },
      },
      entry = { fetch = zero, load_guest = { fixed = { 200, "V51, v51.limit.restore", "documented" } } },
    },
    hypervisor = {
      path_in = { fixed = { cycles = { 1000, "V51, v51.limit.sw", "documented" } } },
      common = { vmcs_access = { false, "the sum names no such part", "documented" } },
    },
  },
}
