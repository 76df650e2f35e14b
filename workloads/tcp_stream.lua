-- SPDX-License-Identifier: MIT
workload "A TCP connection's bulk data through a virtual function: writes that are cut into segments, by the adapter (nic.tso) or by the kernel, acknowledgements for every few of them, a window that waits for those. Or the other way round."

metrics { "counter:nic.tx_packets", "counter:nic.rx_packets", "op:packet.tx", "op:packet.rx", "counter:nic.interrupts", "counter:nic.doorbells" }

local direction = param { name = "direction", default = "send", choices = "send|receive", text = "who sends the data" }
param { name = "segments", default = 9000, min = 1, unit = "segments", text = "segments that are measured" }
param { name = "warmup", default = 1800, unit = "segments", text = "segments before the region of interest" }
local segment = param { name = "segment", default = 1448, min = 1, max = 9670, unit = "bytes", text = "payload of a segment: 1500 less the headers of IP and TCP with a time stamp" }
param { name = "write", default = 45, min = 1, max = 700, unit = "segments", text = "segments that one write of the program fills: 45 of 1448 bytes are 64 KiB" }
local window = param { name = "window", default = 360, min = 1, max = 4096, unit = "segments", text = "segments on their way that are not acknowledged yet" }
local every = param { name = "ack_every", default = 2, min = 1, max = 64, unit = "segments", text = "segments that one acknowledgement is for" }
param { name = "work", default = 600, unit = "instructions", text = "instructions of the program and the socket for each write, or each read" }

local sends = direction == "send"
defaults {
  ["nic.traffic.interval_ns"] = 0,
  ["nic.traffic.bytes"] = sends and 12 or segment + 12, -- a TCP header has 12 bytes more than a UDP header
  ["nic.traffic.acks"] = sends and every or 0,
  ["nic.traffic.tcp"] = 1,
  ["nic.traffic.window"] = sends and 0 or math.min(window, 256),
  ["nic.traffic.per_answer"] = sends and 1 or every,
}

guest(function(cpu, p)
  local timeout = 10000000
  local function lost() error("no acknowledgement or segment came for 10 ms: does the machine have a NIC?", 0) end
  local sent, acked, got, owed = 0, 0, 0, 0
  local wanted, out, ack = { timeout_ns = timeout }, { segment = p.segment }, { bytes = 12 }
  -- segments go out as far as the window lets them; what is not a whole number of acknowledgements is never waited for
  local function send(n)
    local goal = sent + n
    while sent < goal do
      local now = math.min(p.write, goal - sent)
      while sent + now - acked > math.max(p.window, p.write + p.ack_every) do
        wanted.count = 1
        if cpu:recv(wanted) == 0 then lost() end
        acked = acked + p.ack_every
      end
      cpu:compute(p.work)
      out.bytes, out.count = p.segment, now
      if now > 1 then out.bytes, out.count = math.min(p.segment * now, 1048576), 1 end
      cpu:transmit(out)
      sent = sent + (out.bytes + p.segment - 1) // p.segment
    end
  end
  local function receive(n)
    local goal = got + n
    while got < goal do
      wanted.count = math.min(p.ack_every, goal - got)
      local now = cpu:recv(wanted)
      if now == 0 then lost() end
      got, owed = got + now, owed + now
      if got % p.write < now then cpu:compute(p.work) end
      if owed >= p.ack_every then
        ack.count = owed // p.ack_every -- several of a large packet's segments (nic.lro)
        cpu:send(ack)
        owed = owed % p.ack_every
      end
    end
  end
  local run = p.direction == "send" and send or receive
  run(p.warmup)
  cpu:mark("roi")
  run(p.segments)
end)
