-- SPDX-License-Identifier: MIT
-- The least that a hypervisor can do: it looks at the reason, steps over the instruction and enters again, as
-- kernels do that measure the hardware's round trip alone. Nothing is saved that the processor does not save.
local skip = { "length", "pc" }

local program = {
  default = {
    { "reason", state = { "reason" } },
    { "dispatch", run = 8, code = 64, source = "a comparison of the reason and a jump, registers untouched", grade = "assumed" },
    { "read", state = skip },
    { "skip", state = "pc=next" },
  },
  interrupt = {
    { "reason", state = { "reason" } },
    { "handle", run = 40, code = 128, source = "interrupts on, the host's handler that only ends it, off again", grade = "assumed" },
    { "inject", call = "inject", when = "inject" },
  },
  interrupt_window = {
    { "reason", state = { "reason" } },
    { "close", state = "controls=closed" },
    { "inject", call = "inject", when = "inject" },
  },
  timer = { { "reason", state = { "reason" } }, { "inject", call = "inject", when = "inject" } },
  priority = { { "reason", state = { "reason" } }, { "work", action = "work" }, { "inject", call = "inject", when = "inject" } },
  exception = { { "reason", state = { "reason" } }, { "work", action = "work" } },
  log_full = { { "log", action = "read_log" } },
  halt = {
    { "reason", state = { "reason" } },
    { "read", state = skip },
    { "skip", state = "pc=next" },
    { "wait", wait = "event" },
  },
  nmi = { { "reason", state = { "reason" } }, { "handle", run = 40, code = 128, source = "as an interrupt's", grade = "assumed" } },
  stage2_fault = {
    { "reason", state = { "reason", "vectoring" } },
    { "again", state = "entry_intr=vectored", when = "vectoring" },
    { "address", state = "fault_gpa", when = "missing" },
    { "map", run = 120, code = 256, data = 128, when = "missing", source = "the next page of a pool, one entry of a table that is there", grade = "assumed" },
    { "back", call = "back", when = "missing" },
    { "skip_device", call = "skip", when = "device" },
    { "work", action = "work" },
  },
  skip = { { "read", state = skip }, { "skip", state = "pc=next" } },
  block = { { "idle", as = "kvm.block.schedule_out" } },
  wake = { { "resume", as = "kvm.wake.schedule_in" } },
  back = {
    { "page", action = "map" },
    { "zero", clear = "page", taken = true, source = "a guest must not read what another one left", grade = "assumed" },
  },
  inject = {
    { "blocked", state = "interruptibility", when = "not virtual_delivery" },
    { "flags", state = "flags", when = "not virtual_delivery" },
    { "event", call = "inject_event", when = "not virtual_delivery" },
    { "ask", state = { "virtual_intr", "virtual_intr=highest" }, when = "virtual_delivery" },
    { "asked", action = "injected", when = "virtual_delivery" },
  },
  inject_event = {
    { "event", state = "entry_intr=vector", when = "interruptible" },
    { "injected", action = "injected", when = "interruptible" },
    { "window", state = "controls=open", when = "not interruptible" },
    { "asked", action = "window", when = "not interruptible" },
  },
}

return {
  text = "the least hypervisor: enters again at once",
  programs = { kvm = { why = "into idle and out of it is Linux's, whoever sleeps" } },
  program = program,
  hypervisor = { halt_poll_ns = { 0, "it waits for nothing: HLT puts its thread to sleep", "assumed" } },
  paging = { mode = { "ept", "the processor's own second dimension", "assumed" } },
}
