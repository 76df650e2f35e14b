-- SPDX-License-Identifier: MIT
-- Reproduces a sum of the documents by input: calibrated, never a prediction.
local zero = { 0, "the sum names no such part", "documented" }
local off = { false, "the sum names no user space", "documented" }
return {
  text = "the lower bound of one exit as V51 argues it: 200 + 100 + 100 ns, no way back",
  base = "skylake_sp_kvm",
  calibrated = "v51.lb.save v51.lb.rootswitch v51.lb.reason",
  set = {
    cpu = { clock = { mhz = { 2000, "the documents name no clock; 500 ps divide their numbers", "assumed" } } },
    vmcs = {
      field = { save = zero, load = zero, load_control_register = zero, record = zero },
      check = zero,
      exit = {
        detect = zero, resume = zero,
        save_guest = { fixed = { 400, "V51, v51.lb.save", "documented" } },
        load_host = { fixed = { 200, "V51, v51.lb.rootswitch", "documented" } },
      },
      entry = { begin = zero, fetch = zero, load_guest = { fixed = { 0, "the sum names no such part", "documented" } } },
    },
    hypervisor = {
    fixed = { 200, "V51, v51.lb.reason", "documented" },
    common = { instructions = zero, code_bytes = zero, data_bytes = zero, vmcs_access = { false, "the sum names no such part", "documented" } },
    exception_nmi = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    external_interrupt = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    interrupt_window = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    cpuid = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    hlt = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    invlpg = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    rdtsc = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    vmcall = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    cr_access = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    io_instruction = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    rdmsr = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    wrmsr = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    pause = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    apic_access = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    virtualized_eoi = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    apic_write = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    ept_violation = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    ept_misconfig = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    preemption_timer = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    pml_full = { instructions = zero, code_bytes = zero, data_bytes = zero, user_exit = off },
    },
  },
}
