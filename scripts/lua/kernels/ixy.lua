-- SPDX-License-Identifier: MIT
-- ixy (Emmerich et al., ANCS 2019), a driver in user space that polls: no stack, no interrupts, a packet handed on where
-- it lies. What the kernel below it does is Linux's. Set nic.poll = 1 and nic.refill = 1 with it.
local fitted = "D1283: 27.44 million packets a second forwarded in batches of 32 at 3.3 GHz, 120 cycles each; what the lines that are touched leave of it, half of it for each way"
return {
  base = "linux",
  text = "ixy's driver: polls, without a stack above it",
  program = {
    transmit = {
      { "fill", run = 27, source = fitted, grade = "derived" },
      { "prepare", action = "prepare" },
      { "pieces", call = "transmit_piece", each = "pieces" },
    },
    receive = {
      { "look", run = 27, source = fitted, grade = "derived" },
      { "pieces", call = "receive_piece", each = "pieces" },
      { "take", action = "take" },
    },
  },
}
