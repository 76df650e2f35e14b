#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A virtual machine is made in time: pages cleared, VMXON, VMCLEAR, VMPTRLD, a VMWRITE of each field, VMLAUNCH.
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
equal "the books balance" 0 "$(sqlite3 "$work/l.db" "select count(*) from unbalanced")"
finish
