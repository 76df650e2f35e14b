-- SPDX-License-Identifier: MIT
-- Zen 3 server core: the core that was measured in a desktop part, at a server's clock.
return {
  base = "zen3_vermeer",
  same = { zen3_vermeer = { why = "the same core complex die: AMD 56665, Software Optimization Guide for AMD Family 19h Processors, is of both", "cpu", "ept", "memory.l1d", "memory.l1i", "memory.l2", "memory.llc", "memory.line", "memory.walker", "memory.ddio" } },
  borrows = { zen3_vermeer = { why = "frames were found with the desktop part, whose PAUSE was guessed", "host.frames", "guest.frames", "instruction" } },
  text = "AMD Zen 3 core at the nominal clock of an EPYC 7763",
  cpu = { affected = {
    spectre_v2 = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_whitelist: no NO_SPECTRE_V2; neither enhanced nor automatic IBRS", "documented" },
    retbleed = { true, "Linux arch/x86/kernel/cpu/common.c, cpu_vuln_blacklist: family 19h SRSO", "documented" },
  }, clock = { mhz = { 2450, "AMD EPYC 7763 specification: 2.45 GHz base", "documented" } } },
}
