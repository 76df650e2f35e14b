#!/bin/sh
# SPDX-License-Identifier: MIT
# A virtual function's driver asks the host's by the mailbox: what it is granted holds in the adapter, what the host has
# not allowed is refused, and it takes what the registers, the host's thread and the driver's own loop take.
. "$VIRTSIM_HOME/tests/lib.inc"
cd "$VIRTSIM_HOME" || exit 1
db=$work/m.db
printf 'return { text = "82599", base = "skylake_sp_kvm", nic = "i82599" }\n' >"$work/m.lua"
# guests BODY [BODY]: a vCPU each; ask(what, value) is its mailbox, want(what, value, answer) insists
guests() {
    {
        echo 'workload "asks" defaults { ["nic.traffic.interval_ns"] = 0, ["worker.threads"] = 1, ["nic.physical"] = "sink", ["guest.memory"] = "1GiB" }'
        echo 'local base = 0x020000000000'
        for body in "$@"; do
            echo 'guest(function(cpu)'
            echo 'local function want(what, value, answer) local got = cpu:mailbox { what = what, value = value }'
            echo 'if got ~= answer then error(what .. " " .. value .. ": " .. got, 0) end end'
            echo "$body end)"
        done
    } >"$work/w.lua"
}
host="--set host.cpus=3 --set worker.cpu=2"
# shellcheck disable=SC2086 # words
run() { rm -f "$db" && "$VIRTSIM" run "$work/w.lua" -m "$work/m.lua" --quiet --db "$db" $host "$@"; }
counter() { sql "select coalesce(sum(value), 0) from counter where name = '$1'"; }
mean() { sql "select total_ps / n / 1000 from op where op = '$1' and actor like '$2'"; }

guests 'want("mac", base, 0) want("reset", 0, 1) want("link", 0, 0) want("api", 4, 1) want("api", 9, 0) want("api", 1, 0)
want("link", 0, 1) want("mac", base, 1) want("mac", base + 3, 0) want("mac", 0x010000000001, 0) want("mac", 0, 0)
want("vlan", 9, 1) want("vlan", 0, 1) want("no_vlan", 9, 1) want("mtu", 1500, 1) want("mtu", 9000, 0)'
ok "what an untrusted driver may and may not" run
equal "refusals are counted" 8 "$(counter nic.mail_refused)"
equal "each request and each receipt interrupts" 32 "$(counter nic.mail)"
equal "and is answered by the host" 1 "$(sql "select n >= 16 from op where op = 'host.mailbox'")"
equal "the parts of a request sum up" 0 "$(sql "select count(*) from unbalanced")"
equal "most of it is the driver's own loop" 1 "$(sql "select p.total_ps > 0.95 * o.total_ps from op o, part p where o.op = 'nic.mailbox' and p.op = o.op and p.account = 'nic.mailbox'")"
guests 'want("reset", 0, 1) want("mac", base + 3, 1) want("mac", 0x010000000001, 0)'
ok "whom the host trusts may have another address" run --set nic.trusted=1
guests 'want("reset", 0, 1) want("vlan", 5, 0)'
ok "the VLAN of its port is the host's" run --set nic.vlans=each

# an address that it took is its own from then on: frames to it come, and its frames bear it
asks='want("reset", 0, 1) want("mac", base + 3, 1) local got = cpu:recv { count = 2, timeout_ns = 2000000 }
cpu:transmit { to = 1, bytes = 64 } if got ~= 2 then error(got, 0) end'
guests "$asks" 'cpu:wait { us = 1500 } cpu:transmit { to = 3, bytes = 64, count = 2 } cpu:transmit { to = 0, bytes = 64 }
if cpu:recv { count = 1, timeout_ns = 4000000 } ~= 1 then error("no answer", 0) end'
ok "another address" run --set nic.trusted=1
equal "its old one is nobody's here" 1 "$(counter nic.tx_packets)"
equal "nobody was taken for a forger" 0 "$(counter nic.spoofed)"
# a VLAN
guests 'want("reset", 0, 1) want("vlan", 9, 1) local got = cpu:recv { count = 9, timeout_ns = 3000000 } if got ~= 3 then error(got, 0) end' \
    'want("reset", 0, 1) want("vlan", 9, 1) cpu:wait { us = 500 } cpu:transmit { to = 0, vlan = 9, count = 3 }
want("no_vlan", 9, 1) cpu:transmit { to = 0, vlan = 9, count = 2 } cpu:wait { us = 500 }'
ok "a VLAN that both are in, then one" run
equal "who left it does not send there" 2 "$(counter nic.spoofed)"
# frames that are too long beside the host's: the function hears nothing until it asks for short ones
guests 'want("reset", 0, 1) cpu:recv { count = 1, timeout_ns = 1000 } want("mtu", 9000, 0) cpu:wait { us = 1500 } want("mtu", 1500, 1)
if cpu:recv { count = 2, timeout_ns = 4000000 } ~= 1 then error("deaf", 0) end' \
    'cpu:wait { us = 2000 } cpu:transmit { to = 0 } cpu:wait { us = 2500 } cpu:transmit { to = 0 } cpu:wait { us = 500 }'
ok "an MTU that is too long" run
equal "is heard of" 1 "$(counter nic.rx_unclaimed)"

# time
guests 'want("reset", 0, 1) want("vlan", 9, 1) want("api", 4, 1)'
run --set nic.mailbox.poll_us=1 >"$work/out"
quick=$(mean nic.mailbox vcpu0/guest) few=$(mean host.mailbox worker0)
run --set nic.mailbox.poll_us=1 --set nic.vfs=60 >"$work/out"
equal "the host reads registers of every function: more functions take longer" 1 "$((quick < $(mean nic.mailbox vcpu0/guest) && 3 * few < $(mean host.mailbox worker0)))"
run >"$work/out"
equal "a driver that looks every 500 us waits for that" 1 "$((quick < 200000 && $(mean nic.mailbox vcpu0/guest) > 500000 && $(mean nic.mailbox vcpu0/guest) < 520000))"
host="--set host.cpus=1"
run >"$work/out"
equal "on its own processor the host answers when its thread has it" 3 "$(sql "select n from op where op = 'nic.mailbox'")"
host="--set host.cpus=3 --set worker.cpu=2"

# a driver that writes what it likes
guests 'for i = 0, 15 do cpu:bar_write(0, 0x2fc, 4) cpu:bar_write(0, 0x200 + 4 * (i % 16), 0xffffffff - i) cpu:bar_write(0, 0x2fc, i % 8) end
cpu:wait { us = 500 } cpu:bar_write(0, 0x2fc, 4) cpu:bar_write(0, 0x200, 0x7777) cpu:bar_write(0, 0x2fc, 1) cpu:wait { us = 500 }
cpu:bar_write(0, 0x2fc, 4) if cpu:mailbox { what = "reset" } > 2 then error("", 0) end'
ok "nonsense" run
rm -f "$work/rec"
guests 'want("reset", 0, 1) want("vlan", 9, 1)'
ok "a recording" run --record "$work/rec"
ok "is replayed" "$VIRTSIM" replay "$work/rec" -m "$work/m.lua" --no-store --quiet --set nic.physical=sink --set worker.threads=1 --set guest.memory=1GiB

no() { refused "$1" 2 "$2" "$VIRTSIM" run "$work/w.lua" --no-store --quiet "$3" "$4" -m "$5"; }
no "another adapter" "take one that has, such as nic = \"i82599\"" --set nic.physical=sink skylake_sp_kvm
no "nobody answers" "set nic.physical = sink" --set nic.physical=none "$work/m.lua"
finish
