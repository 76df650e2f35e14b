-- SPDX-License-Identifier: MIT
-- VMware Workstation: hosted. The monitor has an address space of its own beside the host's operating system;
-- what needs a device, memory or the host's interrupts is a switch of the whole world to that and back
-- (Sugerman, Venkitachalam and Lim, USENIX 2001). Its source is not published: every length is assumed.
local guess = "VMware's source is not published; order of "
local switch = {
  { "save", run = 160, code = 512, data = 384, source = guess .. "the monitor's registers, descriptor tables, control registers and debug registers stored", grade = "assumed" },
  { "space", cycles = 700, source = guess .. "the page with both address spaces' code: CR3, GDT, IDT, TR and MSRs of the other world", grade = "assumed" },
  { "load", run = 160, code = 512, data = 384, source = guess .. "the same of the other world read back", grade = "assumed" },
}
local program = {
  world_switch = switch,
  host_interrupt = { { "switch", call = "world_switch" }, { "handle", call = "interrupt.handle" }, { "back", call = "world_switch" } },
  user_space = {
    { "exit", action = "user_exit" },
    { "switch", call = "world_switch" },
    { "driver", run = 450, code = 2048, data = 512, source = guess .. "the driver in the host's kernel that the monitor's call returns to", grade = "assumed" },
    { "leave_ioctl", as = "kvm.user_space.leave_ioctl" },
    { "process", call = "user_space.process" },
    { "enter_ioctl", as = "kvm.user_space.enter_ioctl" },
    { "prepare", run = 300, code = 1536, data = 384, source = guess .. "interrupts off, the monitor's processor checked", grade = "assumed" },
    { "back", call = "world_switch" },
  },
  ["user_space.process"] = {
    at = "user",
    { "call", run = 250, code = 1536, data = 384, source = guess .. "the process that finds out what the monitor asks for", grade = "assumed" },
    { "device", as = "qemu.user_space.process.device" },
  },
}

return {
  programs = {
    kvm = { why = "VMware's source is not published; what a trap asks for is the same", "*" },
    esxi = { why = "both are VMware's monitor", "path_in", "path_out" },
    qemu = { why = "a register of a device model is as long as QEMU's" },
  },
  text = "VMware Workstation: hosted, a monitor beside the host's kernel",
  calibrated = "1X061",
  program = program,
  hypervisor = { halt_poll_ns = { 0, "no poll is published", "assumed" } },
  paging = { mode = { "ept", "the processor's own second dimension", "assumed" } },
}
