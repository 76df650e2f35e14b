#!/bin/sh
# SPDX-License-Identifier: MIT
# Virtual machines beside each other: memory, tables and tags of their own; the same trace in two of them and in one.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/v.db
trace=workloads/traces/rowindex.lackey.zst

one() { sqlite3 "$db" "$1 and run = (select max(run) from run)"; }

cat >"$work/two.lua" <<'LUA'
for i = 0, 1 do
  guest { vcpu = i, run = function(cpu)
    local heap = cpu:map { bytes = "4MiB", backing = "touch" }
    cpu:stride { region = heap, stride = 4096, op = "store" }
    for _ = 1, 100 do cpu:hypercall(0) end
  end }
end
LUA
for vms in one each; do
    ok "vms=$vms" "$VIRTSIM" run "$work/two.lua" --set guest.vms=$vms --set host.prefault=0 --db "$db" --quiet
done
equal "each machine has its own pages of the kernel and tables: no fewer violations" 1 "$(sqlite3 "$db" "select (select sum(n) from op where run = 2 and op = 'exit.ept_violation') >= (select sum(n) from op where run = 1 and op = 'exit.ept_violation')")"
equal "both leave as often" 100 "$(one "select n from op where op = 'exit.vmcall' and actor = 'vcpu1/host'")"
cat >"$work/ipi.lua" <<'LUA'
guest { vcpu = 0, run = function(cpu) cpu:ipi(1, 0x40) end }
guest { vcpu = 1, run = function(cpu) cpu:wait { ns = 1000 } end }
LUA
refused "an interrupt to another machine" 1 "another virtual machine" "$VIRTSIM" run "$work/ipi.lua" --set guest.vms=each --db "$db"
ok "a trace in each" "$VIRTSIM" replay $trace $trace --set guest.vms=each --limit 100000 --db "$db" --quiet
equal "their books agree within the shared memory's noise" 1 "$(one "select max(n) = min(n) from op where op = 'access.load' and actor like 'vcpu%/guest'")"
ok "packets to two machines" "$VIRTSIM" run workloads/udp_echo.lua --set guest.vms=each --db "$db" --quiet
ok "shadow paging" "$VIRTSIM" replay $trace $trace --set guest.vms=each --set paging.mode=shadow --limit 30000 --db "$db" --quiet

guest=$VIRTSIM_HOME/tests/traces/guest
two="$guest/boot.qmt.zst $guest/boot.qmt.zst --tables $guest/boot.pts.zst"
# shellcheck disable=SC2086 # words
refused "two recorded guests in one machine" 2 "guest.vms=each" "$VIRTSIM" replay $two --db "$db"
# shellcheck disable=SC2086
ok "in one each" "$VIRTSIM" replay $two --set guest.vms=each --db "$db" --quiet
equal "both over their own tables" 2 "$(one "select count(*) from counter where name = 'replay.tables.kernel_match' and value > 0")"
equal "and the same" 1 "$(one "select count(distinct value) from counter where name = 'replay.tables.kernel_match'")"
equal "no run is unbalanced" 0 "$(sqlite3 "$db" 'select count(*) from unbalanced')"
finish
