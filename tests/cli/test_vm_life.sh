#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A virtual machine is made in time: pages cleared, VMXON, VMCLEAR, VMPTRLD, a VMWRITE of each field, VMLAUNCH; and it
# is over: its tables taken apart, its pages given back, VMCLEAR, VMXOFF.
. "$VIRTSIM_HOME/tests/lib.inc"

life() { # OPTIONS...
    rm -f "$work/l.db"
    ok "a life on ${*:-the default machine}" "$VIRTSIM" run "$VIRTSIM_HOME/workloads/vm_life.lua" --quiet --db "$work/l.db" "$@"
}
n() { sqlite3 "$work/l.db" "select coalesce(sum(n), 0) from part where op = 'vm.create' and account like '$1'"; }
total() { sqlite3 "$work/l.db" "select coalesce(sum(total_ps), 0) from op where op = 'vm.create'"; }

life
equal "without it nothing is made in time" 0 "$(total)"
life --set vmcs.created_in_time=1
equal "it happens once" 1 "$(sqlite3 "$work/l.db" "select n from op where op = 'vm.create'")"
for i in vmxon vmclear vmptrld; do equal "$i" 1 "$(n vmcs.instruction.$i)"; done
equal "one entry" 1 "$(n vmcs.entry.fetch)"
equal "its fields are written one by one" yes "$( (($(n vmcs.instruction.vmwrite) > 80)) && echo yes)"
equal "it is before the guest" 1 "$(sqlite3 "$work/l.db" "select count(*) from part where account = 'hypervisor.vm_create.vm'")"
whole=$(total)
life --set vmcs.created_in_time=1 --set vmcs.control.posted_interrupts=0
equal "a field that is 0 is not written" yes "$( (($(total) < whole)) && echo yes)"
life --set vmcs.created_in_time=1 --set hypervisor.vm_create.vm.instructions=142000
equal "the kernel's path is part of it" yes "$( (($(total) > whole)) && echo yes)"
life -m skylake_sp_vmlatency --set vmcs.created_in_time=1
equal "the least hypervisor has the instructions and pages alone" yes "$( (($(total) > 0 && $(total) < whole)) && echo yes)"
# its end: SDM 3C 25.11.1, a VMCS is cleared before its processor leaves VMX operation
over() { sqlite3 "$work/l.db" "select coalesce(sum(n), 0) from part where op = 'vm.destroy' and account like '$1'"; }
life --set vmcs.destroyed_in_time=1
equal "it happens once" 1 "$(sqlite3 "$work/l.db" "select n from op where op = 'vm.destroy'")"
for i in vmclear vmxoff; do equal "$i" 1 "$(over vmcs.instruction.$i)"; done
equal "the guest is left and not entered" "1 0" "$(over vmcs.exit.resume) $(over vmcs.entry.fetch)"
equal "each page of the machine goes back" yes "$( (($(over hypervisor.vm_free_page.page) / 260 >= 64)) && echo yes)"
small=$(over hypervisor.vm_free_table.entries) pages=$(($(over hypervisor.vm_free_page.page) / 260))
life --set vmcs.destroyed_in_time=1 --set workload.touch=512KiB
equal "64 pages more" 64 "$(($(over hypervisor.vm_free_page.page) / 260 - pages))"
life --set vmcs.destroyed_in_time=1 --set host.page_size=2M --set guest.page_size=2M
equal "large pages have fewer tables" yes "$( (($(over hypervisor.vm_free_table.entries) < small)) && echo yes)"
printf 'guest(function(cpu) cpu:compute(%s) end)\n' 1000 90000 >"$work/two.lua"
rm -f "$work/l.db"
ok "two vCPUs" "$VIRTSIM" run "$work/two.lua" --quiet --db "$work/l.db" --set vmcs.destroyed_in_time=1
equal "each is destroyed, the machine with the last one" "vcpu0/host|0 vcpu1/host|1" "$(sqlite3 "$work/l.db" \
    "select actor, sum(account = 'hypervisor.vm_destroy.vm') from part where op = 'vm.destroy' group by actor" | tr '\n' ' ' | sed 's/ $//')"
equal "the books balance" 0 "$(sqlite3 "$work/l.db" "select count(*) from unbalanced")"
finish
