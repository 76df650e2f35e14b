-- SPDX-License-Identifier: MIT
-- Reproduces a sum of the documents by input: calibrated, never a prediction.
local zero = { 0, "the sum names no such part", "documented" }
return {
  text = "the breakdown of one exit as V51 gives it: 100 + 200 + 400 + 100 ns",
  base = "skylake_sp_kvm", hypervisor = "sum",
  calibrated = "v51.exit.breakdown.save v51.exit.breakdown.switch v51.exit.breakdown.handle v51.exit.breakdown.restore",
  set = {
    cpu = { clock = { mhz = { 2000, "the documents name no clock; 500 ps divide their numbers", "assumed" } } },
    vmcs = {
      field = { save = zero, load = zero, load_control_register = zero, record = zero },
      check = zero, unexplained = zero,
      exit = {
        resume = zero,
        save_guest = { fixed = { 200, "V51, v51.exit.breakdown.save", "documented" } },
        load_host = { fixed = { 400, "V51, v51.exit.breakdown.switch", "documented" } },
      },
      entry = { fetch = zero, load_guest = { fixed = { 200, "V51, v51.exit.breakdown.restore", "documented" } } },
    },
    hypervisor = {
      path_in = { fixed = { cycles = { 800, "V51, v51.exit.breakdown.handle", "documented" } } },
      common = { vmcs_access = { false, "the sum names no such part", "documented" } },
    },
  },
}
