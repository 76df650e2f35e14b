-- SPDX-License-Identifier: MIT
-- The same caches reduced to what valgrind's cachegrind counts: two levels, no translation, no write-back.
local why = "cachegrind --I1=32768,8,64 --D1=32768,8,64 --LL=1048576,16,64"
return {
  text = "cachegrind's cache model: I1 and D1 of 32 KiB, LL of 1 MiB, virtual addresses",
  base = "skylake_sp_native",
  set = {
    cpu = { translation = { false, why, "documented" } },
    nic = { present = { false, "an oracle of caches", "documented" } },
    memory = {
      straddle = { "cachegrind", why, "documented" },
      writeback = { false, why, "documented" },
      l1d = { size = { 32768, why, "documented" }, ways = { 8, why, "documented" } },
      l1i = { size = { 32768, why, "documented" }, ways = { 8, why, "documented" } },
      l2 = { size = { 0, why, "documented" } },
      llc = { size = { "1MiB", why, "documented" }, ways = { 16, why, "documented" } },
    },
  },
}
