-- SPDX-License-Identifier: MIT
workload "Drivers of virtual functions ask the host's over admin queues (nic.physical, nic.has.virtchnl): what may be, and what may not."
defaults { ["nic.traffic.interval_ns"] = 0, ["worker.threads"] = 1 }
local base = 0x020000000000
guest(function(cpu)
  local said, word = {}, { [0] = "0", [1] = "e", [5] = "p", [10] = "a", [64] = "u", [255] = "-" }
  local function ask(what, value, bytes, vsi)
    said[#said + 1] = word[cpu:virtchnl { what = what, value = value, bytes = bytes, vsi = vsi }]
  end
  local function set_up()
    ask("version", 1)
    ask("resources")
    ask("queues")
    ask("irq_map")
    ask("enable", 1)
  end
  set_up()
  cpu:transmit { to = 1, bytes = 100, count = 2 }
  ask("reset")
  cpu:transmit { to = 1, bytes = 100 } -- its queues are off
  ask("resources", 0, 4) -- before it says which version it speaks
  set_up()
  cpu:transmit { to = 1, bytes = 100 } -- and what waits in the ring
  ask("add_mac", base)
  ask("add_mac", base + 0x77)
  ask("add_mac", 0x010000000001)
  ask("del_mac", 0x010000000001)
  ask("request_queues", 9) -- of which there is one
  ask("request_queues", 1)
  set_up()
  cpu:mark(table.concat(said))
  said = {}
  ask("queues", 3)
  ask("queues", 1, 100)
  ask("irq_map", 6)
  ask("enable", 0x10000)
  ask("enable", 1, 8)
  ask("enable", 1, 0, 2)
  ask("opcode", 17)
  ask("opcode", 99)
  ask("opcode", 12, 6)
  ask("disable", 1, 0, 9)
  for _ = 1, 2 do ask("add_mac", 0xffffffffffff) end
  cpu:mark(table.concat(said))
end)
guest(function(cpu)
  for _, what in ipairs { "version", "resources", "queues", "irq_map", "enable" } do
    cpu:virtchnl { what = what, value = what == "version" and 1 or 0 }
  end
  cpu:recv { count = 4, timeout_ns = 100000000 }
end)
