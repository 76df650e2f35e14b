-- SPDX-License-Identifier: MIT
-- Zen 3 server core: the core that was measured in a desktop part, at a server's clock.
return {
  base = "zen3_vermeer",
  text = "AMD Zen 3 core at the nominal clock of an EPYC 7763",
  borrows = "everything but the clock from the Ryzen 9 5900X description",
  cpu = { clock = { mhz = { 2450, "AMD EPYC 7763 specification: 2.45 GHz base", "documented" } } },
}
