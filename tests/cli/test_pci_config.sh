#!/bin/sh
# SPDX-License-Identifier: MIT
# Configuration space and device registers as programs reach them: round trips over the link, a guest's exits, masks of
# vectors, a function's reset, virtual functions up to TotalVFs.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/p.db
cd "$VIRTSIM_HOME" || exit 1
mean() { sql "select coalesce(sum(total_ps) / sum(n), 0) from op where op = '$1'"; }
ops_of() { sql "select coalesce(sum(n), 0) from op where op = '$1'"; }
count() { sql "select coalesce(sum(value), 0) from counter where name = '$1'"; }

# a register's read is a round trip, and the sum of its parts (PCIe 2.4.1: never posted)
ok "reads" run_alone workloads/pci_config.lua skylake_sp_native count=100 configure=no
equal "each one over the link" "100 0" "$(ops_of mmio.read) $(ops_of config.read)"
equal "which is core, link and device" "" "$(sql 'select * from unbalanced')"
for part in pcie.downstream pcie.upstream pcie.register pcie.serialize pcie.mmio_read; do
    ok "$part is a part of it" test "$(sql "select sum(total_ps) from part where op = 'mmio.read' and account = '$part'")" -gt 0
done
base=$(mean mmio.read)
ok "a slower device" run_alone workloads/pci_config.lua skylake_sp_native count=100 configure=no pcie.register=600ns
equal "by just as much" $((base + 500000)) "$(mean mmio.read)"
ok "a guest's own registers" run_alone workloads/pci_config.lua skylake_sp_kvm count=100 configure=no
equal "are read without an exit" 0 "$(sql "select coalesce(sum(n), 0) from op where op like 'exit.ept_misconfig%'")"
ok "its configuration space" run_alone workloads/pci_config.lua skylake_sp_kvm count=100
equal "is the hypervisor's to read" "$(ops_of config.read)" "$(sql "select sum(n) from child where op like 'handler.%' and child = 'config.read'")"
equal "and takes an exit each" "" "$(sql 'select * from unbalanced')"
for machine in zen3_milan_kvm neoverse_n1_kvm haswell_ep_native; do
    ok "$machine" run_alone workloads/pci_config.lua $machine count=10 reset=yes
    equal "$machine: sums" "" "$(sql 'select * from unbalanced')"
    equal "$machine: nobody answers while a function is reset" 1 "$(count pcie.unanswered)"
done

printf 'return { text = "as measured", cpu = "haswell_ep", memory = "haswell_ep", hypervisor = "none", iommu = "off", nic = "i82576" }\n' >"$work/m.lua"
ok "an adapter whose registers were measured (D1645)" run_alone workloads/pci_config.lua "$work/m.lua" count=100
equal "takes 1581.2 ns" 1581200 "$(mean mmio.read)"

# function level reset: 100 ms (PCIe 6.6.2), queues stopped, and the driver begins again
cat >"$work/flr.lua" <<'LUA'
param { name = "wait_us", default = 100000 }
guest(function(cpu, p)
  cpu:send { bytes = 64, count = 3 }
  if cpu:recv { count = 2 } ~= 2 then error("no packets", 0) end
  if cpu:bar_read(0, 0) ~= 3 or cpu:bar_read(0, 0x8800) ~= 2 then error("the queue is not where it is", 0) end
  cpu:pci_write(0x48, 0x8000, 2)
  if cpu:bar_read(0, 0) ~= 0xffffffff then error("it answers", 0) end
  cpu:wait { us = p.wait_us }
  if cpu:bar_read(0, 0) ~= 0 or cpu:bar_read(0, 0x8800) ~= 1 then error("the queue goes on", 0) end
  if cpu:bar_read(3, 12) ~= 1 or cpu:pci_read(4, 2) ~= 0 then error("the reset has forgotten nothing", 0) end
  cpu:send { bytes = 64, count = 2 }
  if cpu:recv { count = 2 } ~= 2 then error("no packets after the reset", 0) end
  if cpu:bar_read(0, 0) ~= 2 then error("not from the start of its ring", 0) end
end)
LUA
for machine in skylake_sp_native skylake_sp_kvm; do
    ok "a reset on $machine" run_alone "$work/flr.lua" $machine
    equal "packets before and after" 5 "$(count nic.tx_packets)"
    equal "sums" "" "$(sql 'select * from unbalanced')"
done
printf 'guest(function(cpu)\ncpu:send {}\ncpu:pci_write(0x48, 0x8000, 2)\ncpu:wait { us = 99990 }\ncpu:send {}\nend)\n' >"$work/early.lua"
refused "a driver that does not wait" 1 "is being reset" "$VIRTSIM" run "$work/early.lua" -m skylake_sp_native --no-store
ok "a device that takes less" run_alone "$work/flr.lua" skylake_sp_native pcie.flr.us=50 wait_us=60

# a masked vector is pending and sent at unmask (PCI 6.8.2.9)
cat >"$work/mask.lua" <<'LUA'
guest(function(cpu)
  cpu:recv { count = 1 }
  cpu:bar_write(3, 12, 1)
  local before = cpu:interrupts()
  local got = cpu:recv { count = 1000, timeout_ns = 100000 }
  if cpu:bar_read(3, 0x2000) ~= 1 then error("it is not pending", 0) end
  cpu:bar_write(3, 12, 0)
  if cpu:bar_read(3, 0x2000) ~= 0 then error("it still is", 0) end
  cpu:recv { count = 1, timeout_ns = 100000 }
end)
LUA
sed -i '/interrupts()/d' "$work/mask.lua"
for machine in skylake_sp_native skylake_sp_kvm; do
    ok "a masked vector on $machine" run_alone "$work/mask.lua" $machine
    equal "sums" "" "$(sql 'select * from unbalanced')"
done
masked=$(count nic.interrupts)
sed '/bar_write/d; /bar_read/d' "$work/mask.lua" >"$work/unmasked.lua"
ok "the same, never masked" run_alone "$work/unmasked.lua" skylake_sp_kvm
ok "masks save interrupts" test "$masked" -lt "$(count nic.interrupts)"

# sizing, overlap, virtual functions
cat >"$work/bars.lua" <<'LUA'
guest(function(cpu)
  cpu:pci_write(0x04, 0, 2, 0)
  cpu:pci_write(0x10, 0xffffffff, 4, 0)
  if cpu:pci_read(0x10, 4, 0) ~= 0xff80000c then error("BAR 0 does not say 8 MiB", 0) end
  if cpu:bar_read(0, 0, 4, 0) ~= 0xffffffff then error("disabled memory answers", 0) end
  if cpu:pci_read(0x06, 2, 4) ~= 0x10 or cpu:pci_read(0x06, 2, 5) ~= 0xffff then error("not four virtual functions", 0) end
  cpu:pci_write(0x108, 0, 2, 0)
  cpu:pci_write(0x110, 128, 2, 0)
  cpu:pci_write(0x108, 9, 2, 0)
  if cpu:pci_read(0x06, 2, 128) ~= 0x10 then error("not 128 virtual functions", 0) end
end)
LUA
ok "sizes and numbers of functions" run_alone "$work/bars.lua" skylake_sp_native
ok "128 virtual functions from the start" run_alone workloads/pci_config.lua skylake_sp_native nic.vfs=128 count=5
refused "more than there are" 2 "pcie.sriov.total_vfs = 8" "$VIRTSIM" run workloads/pci_config.lua -m skylake_sp_native --set nic.vfs=9 --set pcie.sriov.total_vfs=8 --no-store
refuse() { # WHAT STATUS WORDS LINE
    printf 'guest(function(cpu)\n%s\nend)\n' "$4" >"$work/r.lua"
    refused "$1" "$2" "$3" "$VIRTSIM" run "$work/r.lua" -m "${5:-skylake_sp_native}" --no-store
}
refuse "NumVFs beyond TotalVFs" 1 "NumVFs = 129, but TotalVFs = 128" 'cpu:pci_write(0x108, 0, 2, 0) cpu:pci_write(0x110, 129, 2, 0)'
refuse "registers that overlap" 1 "would claim" 'cpu:pci_write(0x1c, cpu:pci_read(0x10, 4, 0), 4, 0)'
refuse "a size that no register has" 2 "1, 2 or 4" 'cpu:pci_read(0, 3)'
refuse "across its end" 2 "multiple of its size" 'cpu:pci_read(2, 4)'
refuse "a function that there is not" 2 "virtual functions 1 to 128" 'cpu:pci_read(0, 4, 200)'
refuse "a register that there is not" 2 "has no BAR 2" 'cpu:bar_read(2, 0)'
refuse "beyond a register's memory" 2 "has 65536 bytes" 'cpu:bar_read(0, 65536)'
refuse "another guest's function" 2 "only the function that was given to it" 'cpu:pci_read(0, 4, 0)' skylake_sp_kvm
refused "a machine without a NIC" 2 "no NIC" "$VIRTSIM" run workloads/pci_config.lua --set nic.present=0 --no-store

# what a machine states of its registers' memory (PCI 6.2.5.1; SR-IOV 1.1, 2.1.1.1: TotalVFs of them lie in a row)
machine() { # FILE BAR0-OF-THE-VIRTUAL-FUNCTION
    printf 'return { base = "skylake_sp_native", text = "board", set = { pcie = { %s } } }\n' \
        "pf = { bar0 = { address = { \"0x40000000000\", \"the board's map\", \"documented\" } } }, vf = { bar0 = { address = { \"$2\", \"the board's map\", \"documented\" } } }" >"$work/$1"
}
cat >"$work/where.lua" <<'LUA'
guest(function(cpu)
  if cpu:pci_read(0x14, 4, 0) ~= 0x400 or cpu:pci_read(0x10, 4, 0) ~= 0xc then error("the physical function's is elsewhere", 0) end
  if cpu:pci_read(0x128, 4, 0) ~= 0x400 or cpu:pci_read(0x124, 4, 0) ~= 0x80000c then error("the virtual ones' are elsewhere", 0) end
  local at = cpu:pci_read(0x1c, 4, 0) & ~15 -- nobody has stated where this one is
  if at < 0x800000 + 128 * 0x10000 then error("it lies in another's", 0) end
end)
LUA
machine apart.lua 0x40000800000
ok "a machine that states where its registers are" run_alone "$work/where.lua" "$work/apart.lua"
machine board.lua 0x40000400000
refused "registers that overlap: which" 2 "BAR 0 of the virtual function would claim 0x40000400000 to 0x40000bfffff and overlaps" \
    "$VIRTSIM" run workloads/pci_config.lua -m "$work/board.lua" --no-store
for words in "$work/board.lua" pcie.vf.bar0.address pcie.pf.bar0.address "which claims 0x40000000000 to 0x400007fffff" "room from 0x40000800000 on"; do
    refused "who states it, and what would be right: $words" 2 "$words" "$VIRTSIM" run workloads/pci_config.lua -m "$work/board.lua" --no-store
done
state() { refused "$1" 2 "$2" "$VIRTSIM" run workloads/pci_config.lua -m skylake_sp_native --no-store --set "$3"; }
state "memory's addresses" "addresses below 0x40000000000 are memory's" pcie.vf.bar0.address=0x1000
state "no multiple of its size" "as 0x40000000000" pcie.vf.bar0.address=0x40000000800
state "no power of two" "4095 bytes: its memory is a power of two" pcie.pf.bar0.bytes=4095
state "less than a page for each" "4096 bytes at least" pcie.vf.bar0.bytes=2048
state "a table beyond its register" "do not fit into the 4096 bytes of BAR 3" pcie.vf.bar3.bytes=4096
state "no link has it to itself" "pcie0.pf.bar0.bytes: no link has that to itself" pcie0.pf.bar0.bytes=4096

ok "a recording of it" "$VIRTSIM" run workloads/pci_config.lua --set workload.count=20 --record "$work/r.vsr" --quiet --db "$work/r.db"
ok "replays" "$VIRTSIM" replay "$work/r.vsr" --quiet --db "$work/r.db"
equal "with the same rows" 1 "$(sqlite3 "$work/r.db" "select count(distinct total_ps) from op where op = 'mmio.read'")"
finish
