-- SPDX-License-Identifier: MIT
-- Reproduces a sum of the documents by input: calibrated, never a prediction.
local zero = { 0, "the sum names no such part", "documented" }
return {
  text = "the lower bound of one exit as V51 argues it: 200 + 100 + 100 ns, no way back",
  base = "skylake_sp_kvm", hypervisor = "sum",
  calibrated = "v51.lb.save v51.lb.rootswitch v51.lb.reason",
  set = {
    cpu = { clock = { mhz = { 2000, "the documents name no clock; 500 ps divide their numbers", "assumed" } } },
    vmcs = {
      field = { save = zero, load = zero, load_control_register = zero, record = zero },
      check = zero, unexplained = zero,
      exit = {
        resume = zero,
        save_guest = { fixed = { 400, "V51, v51.lb.save", "documented" } },
        load_host = { fixed = { 200, "V51, v51.lb.rootswitch", "documented" } },
      },
      entry = { fetch = zero, load_guest = { fixed = { 0, "the sum names no such part", "documented" } } },
    },
    hypervisor = {
      path_in = { fixed = { cycles = { 200, "V51, v51.lb.reason", "documented" } } },
      common = { vmcs_access = { false, "the sum names no such part", "documented" } },
    },
  },
}
