-- SPDX-License-Identifier: MIT
-- Views of a guest's memory (EPTP switching): one that leaves pages out, one that write-protects and moves others.
workload "views of the guest's memory"
guest(function(cpu)
  local r = cpu:map { bytes = 64 * 4096 }
  local s = cpu:map { bytes = 4 << 20, page = "2M" }
  local function sweep(of, op) cpu:stride { region = of, stride = 4096, count = 64, op = op } end
  local function to(view) cpu:instruction("vmfunc", view << 32) end
  sweep(r, "store") sweep(s, "store")
  local out, less = cpu:view(), cpu:view()
  cpu:view_protect(r, "16KiB", "none", out)
  cpu:view_protect(s, "64KiB", "rx", less)
  cpu:view_map(r, "8KiB", s, less)
  for _ = 1, 3 do
    to(out) sweep(r, "load") sweep(s, "store")
    to(less) sweep(s, "load") sweep(s, "store") sweep(r, "modify")
    to(0) sweep(r, "load")
  end
  cpu:host_protect(s, "8KiB", "r")
  to(less) sweep(s, "store") to(3) to(0)
end)
