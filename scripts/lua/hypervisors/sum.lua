-- SPDX-License-Identifier: MIT
-- A handler that is one number, whatever the reason: for machines that reproduce a sum of the documents, which
-- name no path. Only what the guest sees is done: it goes on behind the instruction, its page is there.
local skip = "flags length pc interruptibility"

local emulation = "pc flags sp code_segment cr0 cr3 length interruptibility"

local function exit(t)
  local all = { { "path_in", call = "path_in" } }
  if t.read then all[#all + 1] = { "read", state = t.read } end
  for _, step in ipairs(t) do all[#all + 1] = step end
  all[#all + 1] = { "work", action = "work" }
  if t.write then all[#all + 1] = { "write", state = t.write } end
  all[#all + 1] = { "path_out", call = "path_out" }
  if t.wait then all[#all + 1] = { "wait", wait = t.wait } end
  return all
end

local program = {
  path_in = {
    { "fixed", cycles = 0, source = "stated by the machine: the sum that a document gives", grade = "assumed" },
    { "reason", state = { "reason", "vectoring" } },
    { "log", action = "read_log" },
  },
  path_out = {
    { "again", call = "reinject", when = "vectoring" },
    { "nmi", call = "inject_nmi", when = "nmi" },
    { "inject", call = "inject", when = "inject" },
    { "more", call = "open_window", when = "more" },
  },
  back_around = { { "map", action = "map_around" }, { "zero", call = "back.zero" } },
  vmx_fast_in = false, vmx_fast_out = false, stub = false, user_space = {}, ["user_space.process"] = false, rsb_fill = false, spec_ctrl = false, -- a sum names none
  ["state.read"] = false, ["state.write"] = false, ["nested.entry"] = false, ["nested.exit"] = false, nested_decide = false, nested_fill = false,
  viommu_submit = false, viommu_descriptor = false, viommu_entry = false, viommu_ioctl = false, page_request = false, viommu_fault = false, -- nor does it emulate an IOMMU
  back_for_shadow = { { "back", call = "back" } },
  host_interrupt = {},
  emulate = {
    { "emulated", action = "emulated" },
    { "read", call = "mmio.read" },
    { "write", call = "mmio.write" },
  },
  interrupt_window = exit { write = "controls=closed" },
  nmi_window = exit { write = "controls=nmi_closed" },
  inject_nmi = {
    { "blocked", state = "interruptibility" },
    { "event", state = "entry_intr=nmi", when = "nmi_open" },
    { "injected", action = "nmi_injected", when = "nmi_open" },
    { "window", call = "open_nmi_window", when = "nmi_waits" },
  },
  halt = exit { read = skip, write = "pc=next", wait = "event" },
  stage2_fault = exit {
    read = "syndrome fault_gpa",
    { "device", call = "emulate", when = "device" },
    { "back", call = "back", when = "missing" },
  },
  exception = exit { read = "intr_info syndrome", { "device", call = "emulate", when = "device" } },
  interrupt = exit { read = "intr_info" },
  apic_eoi = exit { read = "syndrome" },
  apic_write = exit { read = "syndrome" },
  priority = exit {},
  undefined = exit { write = "entry_intr=undefined" },
  debug_register = exit { read = "syndrome", write = "controls=keep" },
  descriptor_table = exit { read = emulation, write = "pc=next flags=keep" },
  nmi = exit { read = "intr_info" },
  shutdown = exit {},
  bus_lock = exit {},
  timer = exit {},
  log_full = exit {},
  invalidate = exit { read = "syndrome " .. skip, write = "pc=next" },
  control_register = exit { read = "syndrome " .. skip, write = "pc=next" },
  pio = exit { read = "syndrome code_segment " .. skip, write = "pc=next" },
  mmio = exit { read = "fault_gpa " .. emulation, write = "pc=next flags=keep" },
  apic_access = exit {
    { "read_eoi", state = "syndrome " .. skip, when = "fast" },
    { "read", state = "syndrome " .. emulation, when = "not fast" },
    { "write_eoi", state = "pc=next", when = "fast" },
    { "write", state = "pc=next flags=keep", when = "not fast" },
  },
}
for _, name in ipairs { "cpu_id", "timestamp", "hypercall", "msr.read", "msr.write", "pause", "counter", "caches", "monitor", "xsetbv", "supervisor_state" } do
  program[name] = exit { read = skip, write = "pc=next" }
end

return {
  base = "kvm",
  of = "kvm", -- the same choices; how long its paths are is the machine's to say
  text = "a hypervisor whose handlers are one number",
  program = program,
}
