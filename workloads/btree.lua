-- SPDX-License-Identifier: MIT
workload "B-tree lookups: each walks from the root to a leaf, one dependent load a level; upper levels stay in caches and TLBs, leaves are spread over the footprint."

param { name = "footprint", default = "1GiB", min = "64KiB", unit = "bytes", text = "bytes of the leaf level" }
param { name = "fanout", default = 256, min = 2, max = 65536, unit = "children", text = "children of an inner node" }
param { name = "node", default = 4096, min = 64, max = "64KiB", unit = "bytes", text = "bytes of a node" }
param { name = "lookups", default = 200000, min = 1, unit = "lookups", text = "lookups that are measured; does not depend on the footprint" }
param { name = "warmup", default = 100000, unit = "lookups", text = "lookups before the region of interest" }
param { name = "work", default = 20, max = 1000000, unit = "instructions", text = "instructions at each level: the search inside the node" }

guest(function(cpu, p)
  -- nodes of each level, leaves first; then one region a level, from the root down
  local nodes, levels = { math.max(1, p.footprint // p.node) }, {}
  while nodes[1] > 1 do table.insert(nodes, 1, (nodes[1] + p.fanout - 1) // p.fanout) end
  for i, n in ipairs(nodes) do levels[i] = { region = cpu:map { bytes = n * p.node } } end
  local below = 1 -- leaves under a node of the level
  for i = #levels, 1, -1 do
    levels[i].leaves = below
    below = below * p.fanout
  end
  local leaves, slots, wait = nodes[#nodes], p.node // 64, { depends = true }
  local state = 1
  local function draw(n) -- Knuth's MMIX generator
    state = state * 6364136223846793005 + 1442695040888963407
    return (state >> 33) % n
  end
  local function lookups(n)
    for _ = 1, n do
      local leaf = draw(leaves)
      for _, level in ipairs(levels) do
        -- the address comes from the node above; the search ends in any of the node's lines
        cpu:load(level.region, leaf // level.leaves * p.node + draw(slots) * 64, 8, wait)
        if p.work > 0 then cpu:compute(p.work) end
      end
    end
  end
  lookups(p.warmup)
  cpu:mark("roi")
  lookups(p.lookups)
end)
