#!/bin/sh
# SPDX-License-Identifier: MIT
# A virtual function's driver asks the host's by its admin queue: what it is granted holds in the adapter, bad lengths,
# ids and operations are refused, too many of them end it, and each step takes what its mechanism takes.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
db=$work/v.db
# guests BODY [BODY]: a vCPU each; want(what, value, answer, bytes, vsi) insists on an answer, set_up is a driver's beginning
guests() {
    {
        echo 'workload "asks" defaults { ["nic.traffic.interval_ns"] = 0, ["worker.threads"] = 1, ["nic.physical"] = "sink", ["guest.memory"] = "1GiB" }'
        echo 'local base = 0x020000000000'
        for body in "$@"; do
            echo 'guest(function(cpu)'
            echo 'local function want(what, value, answer, bytes, vsi)'
            echo 'local got = cpu:virtchnl { what = what, value = value, bytes = bytes, vsi = vsi }'
            echo 'if got ~= answer then error(what .. " " .. value .. ": " .. got, 0) end end'
            echo 'local function set_up() want("version", 1, 0) want("resources", 0, 0) want("queues", 0, 0) want("irq_map", 0, 0) want("enable", 0, 0) end'
            echo "$body end)"
        done
    } >"$work/w.lua"
}
host="--set host.cpus=3 --set worker.cpu=2"
# shellcheck disable=SC2086 # words
run() { rm -f "$db" && "$VIRTSIM" run "$work/w.lua" -m skylake_sp_kvm --quiet --db "$db" $host "$@"; }
counter() { sql "select coalesce(sum(value), 0) from counter where name = '$1'"; }
mean() { sql "select total_ps / n / 1000 from op where op = '$1' and actor like '$2'"; }

guests 'want("resources", 0, 5, 4) set_up() want("add_mac", base, 0) want("add_mac", base + 3, 1) want("add_mac", 0, 10)
want("add_mac", 0xffffffffffff, 10) want("add_mac", 0x010000000001, 0) want("del_mac", 0x010000000001, 0) want("del_mac", base, 10)
want("queues", 2, 5) want("queues", 1, 5, 100) want("irq_map", 6, 5) set_up()
want("enable", 0x10000, 5) want("enable", 1, 5, 8) want("enable", 1, 5, 0, 2) want("disable", 1, 5, 0, 9) want("opcode", 17, 5)
want("opcode", 0, 5) want("opcode", 99, 5) want("opcode", 12, 64, 6) want("reset", 0, 5, 4)'
ok "what an untrusted driver may and may not" run
equal "refusals are counted" 17 "$(counter nic.mail_refused)"
equal "nobody is disabled" 0 "$(counter nic.vf_disabled)"
equal "the parts of a request sum up" 0 "$(sql "select count(*) from unbalanced")"
guests 'set_up() want("add_mac", base + 3, 0) for i = 1, 40 do want("add_mac", base + 0x1000 + i, 0) end want("del_mac", base + 3, 0)'
ok "whom the host trusts may have other addresses" run --set nic.trusted=1
guests 'set_up() for i = 1, 16 do want("add_mac", 0x010000000000 + i, 0) end want("add_mac", 0x010000000011, 1) want("add_mac", 0x010000000010, 0)'
ok "an untrusted one has 16 multicast addresses" run

# an address that it has added is its own, too: frames to both come
guests 'set_up() want("add_mac", base + 3, 0) local got = cpu:recv { count = 3, timeout_ns = 2000000 } if got ~= 3 then error(got, 0) end' \
    'cpu:wait { us = 1500 } cpu:transmit { to = 3, bytes = 64, count = 2 } cpu:transmit { to = 0, bytes = 64 }'
ok "a further address" run --set nic.trusted=1
# eleven refusals in a row
guests 'set_up() for i = 1, 11 do want("opcode", 99, 5) end want("version", 1, 255) want("reset", 0, 255)'
ok "a function that was refused eleven times is not listened to" run
equal "and counted" 1 "$(counter nic.vf_disabled)"
guests 'set_up() for i = 1, 10 do want("opcode", 99, 5) end want("version", 1, 0) for i = 1, 10 do want("opcode", 99, 5) end want("version", 1, 0)'
ok "ten are let pass, and forgotten after one that is good" run
# queues
guests 'set_up() cpu:recv { count = 1, timeout_ns = 1000 } want("disable", 0, 0) cpu:wait { us = 1000 } want("enable", 0, 0)
if cpu:recv { count = 2, timeout_ns = 4000000 } ~= 1 then error("off", 0) end' \
    'cpu:wait { us = 1000 } cpu:transmit { to = 0 } cpu:wait { us = 2000 } cpu:transmit { to = 0 } cpu:wait { us = 500 }'
ok "a queue that is disabled hears nothing" run
equal "which is counted" 1 "$(counter nic.rx_unclaimed)"
guests 'set_up() want("reset", 0, 0) cpu:transmit { to = 1 } cpu:wait { us = 100 } set_up() cpu:transmit { to = 1 } cpu:wait { us = 100 }' \
    'if cpu:recv { count = 2, timeout_ns = 30000000 } ~= 2 then error("", 0) end'
ok "after a reset nothing is sent until the queues are enabled, then all" run
equal "a reset lasts for as long as its driver looks" 1 "$(sql "select max_ps between 15000000000 and 15100000000 from op where op = 'nic.virtchnl' and actor = 'vcpu0/guest'")"
guests 'set_up() want("reset", 0, 0) want("version", 1, 0) want("resources", 0, 0) want("queues", 0, 0) want("enable", 0, 0) cpu:transmit { to = 1 }
cpu:recv { count = 1, timeout_ns = 3000000 } want("irq_map", 0, 0)' 'cpu:wait { us = 16500 } cpu:transmit { to = 0 } cpu:wait { us = 500 }'
ok "a queue without a vector" run
equal "interrupts nobody" 0 "$(counter nic.interrupts)"
guests 'set_up() want("request_queues", 9, 0) want("request_queues", 1, 0) set_up()'
ok "another number of queues" run
equal "of a reset that the host begins it is told" 1 "$(sql "select max_ps between 15000000000 and 15200000000 from op where op = 'nic.virtchnl'")"

# time
guests 'set_up()'
run >"$work/out"
one=$(mean nic.virtchnl vcpu0/guest)
equal "a request is two commands of the firmware and what its drivers do" 1 "$((one > 2 * 10000 && one < 100000))"
run --set nic.admin.firmware_ps=20000000 >"$work/out"
equal "slower firmware is waited for twice a request, and once for the news of the link" 1 "$(($(mean nic.virtchnl vcpu0/guest) > one + 19000 && $(mean nic.virtchnl vcpu0/guest) < one + 31000))"
host="--set host.cpus=1"
ok "on its own processor the host answers when its thread has it" run
host="--set host.cpus=3 --set worker.cpu=2"

# a driver that writes what it likes into the registers
guests 'cpu:virtchnl { what = "version" } for _, r in ipairs { 0x7c00, 0x7800, 0x6800, 0x6400, 0x8400, 0x6c00, 0x6000, 0x8000, 0x7400, 0x7000 } do
for _, x in ipairs { 0, 1, 31, 0x3ff, 0x80000020, 0x800003ff, 0xffffffff, 0x80000001 } do cpu:bar_write(0, r, x) cpu:bar_write(0, 0x8400, x % 40) end end cpu:wait { us = 500 }
if cpu:virtchnl { what = "version" } > 255 then error("", 0) end'
ok "nonsense" run
rm -f "$work/rec"
guests 'set_up() want("opcode", 99, 5)'
ok "a recording" run --record "$work/rec"
ok "is replayed" "$VIRTSIM" replay "$work/rec" -m skylake_sp_kvm --no-store --quiet --set nic.physical=sink --set worker.threads=1 --set guest.memory=1GiB

no() { refused "$1" 2 "$2" "$VIRTSIM" run "$work/w.lua" --no-store --quiet "$3" "$4" -m skylake_sp_kvm; }
no "another adapter" "take one that has, such as nic = \"x710\"" --set nic.has.virtchnl=0
no "nobody answers" "set nic.physical = sink" --set nic.physical=none
finish
