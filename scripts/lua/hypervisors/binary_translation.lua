-- SPDX-License-Identifier: MIT
-- A monitor that translates its guest's kernel, as VMware's did before hardware virtualization: what is a fault under
-- trap_and_emulate is a call from translated code here, whose operands are known. Page faults and interrupts are that
-- monitor's. VMware's source is not published: lengths are assumed, of the order of what Adams and Agesen describe.
local function callout(t)
  local all = {}
  if t.read then all[#all + 1] = { "read", state = t.read } end
  for _, step in ipairs(t) do all[#all + 1] = step end
  all[#all + 1] = { "work", action = "work" }
  if t.user then
    all[#all + 1] = { "user_space", call = "user_space", when = "user", taken = true,
      grade = "assumed", source = "a device that the monitor does not emulate itself" }
  end
  all[#all + 1] = { "inject", call = "inject", when = "inject" }
  all[#all + 1] = { "more", call = "open_window", when = "more" }
  if t.write then all[#all + 1] = { "write", state = t.write } end
  if t.wait then all[#all + 1] = { "wait", wait = t.wait } end
  return all
end

local program = {
  -- the translator: a TU of up to twelve instructions, decoded into an intermediate form, most of it copied
  dispatch = { { "dispatch", run = 90, code = 512, data = 192, source = "order of the monitor's way from translated code to its translator and back", grade = "assumed" } },
  lookup = { { "lookup", run = 12, source = "order of the sequence in the cache for an indirect branch or a return: hash of the target, comparison, jump", grade = "assumed" } },
  find = { { "find", run = 110, code = 512, data = 192, source = "order of a search of the table of translations", grade = "assumed" } },
  chain = { { "chain", run = 40, code = 192, data = 64, source = "order of a patched jump", grade = "assumed" } },
  translate = { { "unit", run = 900, code = 6144, data = 1024, source = "order of a translation unit's own part: allocation, table, end of the unit", grade = "assumed" } },
  translate_instruction = { { "instruction", run = 400, code = 4096, source = "order of a decoder and an encoder without optimization: most instructions are copied (IDENT)", grade = "assumed" } },
  empty_cache = { { "empty", run = 20000, code = 1024, data = 512, source = "as QEMU's", grade = "assumed" } },
  emulate = {
    { "emulated", action = "emulated" },
    { "decode", call = "decode" },
    { "access", run = 240, code = 1536, data = 256, source = "as trap_and_emulate's", grade = "assumed" },
    { "retire", call = "retire" },
    { "write", state = "pc=next" },
    { "user_space", call = "user_space", when = "user", taken = true, grade = "assumed", source = "a device that the monitor does not emulate itself" },
  },
}
local emulation = { cpu_id = 260, halt = 120, invalidate = 130, control_register = 150, debug_register = 110, ["msr.read"] = 150, ["msr.write"] = 190,
  counter = 120, caches = 40, xsetbv = 130, supervisor_state = 60, descriptor_table = 260, pio = 260, monitor = 20, undefined = 20, hypercall = 160, interrupt_window = 40 }
local fails = { monitor = true, undefined = true }
for name, run in pairs(emulation) do
  program[name] = callout {
    wait = name == "halt" and "event" or nil, user = name == "pio" or nil, write = fails[name] and "entry_intr=undefined" or nil,
    { "emulate", run = run, code = 1024, data = 256, source = "as trap_and_emulate's, where the same is emulated", grade = "assumed" },
  }
end

return {
  text = "binary translation: a guest's kernel translated by its monitor, its programs executed directly",
  programs = {
    trap_and_emulate = { why = "page faults and interrupts leave a guest without privileges in the same way",
      "path_in", "path_out", "decode", "retire", "inject", "open_window", "user_space", "user_space.process", "back_for_shadow", "host_interrupt",
      "exception", "interrupt", "nmi", "shutdown", "timestamp" },
    kvm = { why = "how long a monitor without hardware takes for the same is not at hand",
      "block", "wake", "kick", "back", "back_around", "flush_target", "flush_request",
      "shadow_fault", "shadow_write", "shadow_sync", "shadow_walk", "shadow_page", "shadow_entry", "shadow_zap", "shadow_root",
    },
    qemu = {},
  },
  program = program,
  hypervisor = {
    technique = { "binary_translation", "what the file describes", "documented" },
    halt_poll_ns = { 0, "as trap_and_emulate", "assumed" },
  },
  translator = {
    cache = { bytes = { 25165824, "order of VMware's translation cache, some tens of MiB of the monitor's 64 MiB of a guest's addresses", "assumed" } },
    block = {
      bytes = { 24, "six instructions of four bytes: a translation unit ends at its branch, and after twelve instructions", "assumed" },
      code = { 36, "most instructions are copied; a branch at the end becomes two jumps", "assumed" },
      extra = { 48, "order of a unit's entry in the tables", "assumed" },
      entry = { 0, "interrupts stop translated code by themselves", "documented" },
      instructions = { 12, "Adams and Agesen, ASPLOS 2006: a translation unit has up to twelve instructions", "documented" },
    },
    expansion = { 11, "most instructions are copied; relative addresses and the branch at the end become a few more", "assumed" },
  },
  paging = { mode = { "shadow", "without hardware the guest's tables cannot be the processor's", "documented" } },
}
