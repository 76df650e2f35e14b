-- SPDX-License-Identifier: MIT
-- The least that a kernel can do, as a unikernel does it: the next frame of a pool, one entry stored; interrupts that
-- are ended and return; a driver without a stack above it. What it does besides is Linux's.
return {
  base = "linux",
  text = "the least kernel: a pool of frames, no accounting, no stack above its driver",
  program = {
    page_fault = {
      offset = 0x0,
      { "handle", run = 60, code = 256, data = 64, source = "the address compared with the pool's bounds, the next frame taken", grade = "assumed" },
      { "frame", action = "give_frame" },
      { "entry", call = "table_edit" },
      { "zero", call = "zero_page" },
    },
    interrupt = {
      offset = 0x10000,
      { "handle", run = 60, code = 256, data = 64, source = "registers saved, one handler called, registers restored", grade = "assumed" },
      { "end", trap = "end_of_interrupt" },
      { "flush", call = "flush_requested", when = "flush_requested" },
    },
    transmit = {
      { "fill", run = 40, source = "headers that are there already, a descriptor filled", grade = "assumed" },
      { "prepare", action = "prepare" },
      { "pieces", call = "transmit_piece", each = "pieces" },
    },
    receive = {
      { "look", run = 40, source = "a descriptor looked at, the payload handed on where it lies", grade = "assumed" },
      { "pieces", call = "receive_piece", each = "pieces" },
      { "take", action = "take" },
    },
  },
}
