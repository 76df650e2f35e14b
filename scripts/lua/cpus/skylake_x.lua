-- SPDX-License-Identifier: MIT
-- The part whose staircase was measured: a Skylake server core in a workstation.
return {
  base = "skylake_sp",
  text = "Intel Skylake-X core at the clock of the i9-7900X that was measured",
  borrows = "the transition of Skylake-SP",
  calibrated = "native_latency:skylake_sp",
  cpu = { clock = { mhz = { 3312, "native_latency skylake_sp: i9-7900X at 3311.94 MHz", "measured" } } },
}
