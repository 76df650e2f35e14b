-- SPDX-License-Identifier: MIT
workload "Drivers of virtual functions ask the host's by their mailboxes (nic.physical, nic.has.mailbox): what may be, and what may not."
defaults { ["nic.traffic.interval_ns"] = 0, ["worker.threads"] = 1 }
local base = 0x020000000000
guest(function(cpu)
  local said = {}
  local function ask(what, value) said[#said + 1] = tostring(cpu:mailbox { what = what, value = value }) end
  ask("mac", base) -- before its reset
  ask("reset")
  ask("link") -- before they speak a language that has it
  ask("api", 4)
  ask("api", 9)
  ask("link")
  ask("mac", base)
  ask("mac", base + 0x77)
  ask("mac", 0x010000000001)
  ask("vlan", 9)
  ask("mtu", 1500)
  ask("mtu", 9000)
  ask("mtu", 1500)
  ask("no_vlan", 9)
  cpu:mark(table.concat(said))
end)
guest(function(cpu)
  cpu:mailbox { what = "reset" }
  cpu:mailbox { what = "vlan", value = 9 }
  for _ = 1, 4 do cpu:transmit { to = 0, bytes = 100, vlan = 9 } end
  cpu:wait { us = 100 }
end)
