#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Views of a guest's memory, between which it switches by VMFUNC 0 (SDM 3C 26.5.6.3): each has rights and places of its
# own, what is cached of one is not used for another and is still there afterwards, and an entry that is none exits.
. "$VIRTSIM_HOME/tests/lib.inc"

on="--set vmcs.control.vm_functions=1 --set vmcs.vm_functions=1"
run() { # BODY OPTIONS...: of a guest that has two regions of 64 pages, r and s, both written, and a view `a`
    cat >"$work/w.lua" <<END
guest(function(cpu)
  local r, s = cpu:map { bytes = 64 * 4096, page = "base" }, cpu:map { bytes = 64 * 4096, page = "base" }
  local function sweep(of, op) cpu:stride { region = of, stride = 4096, count = 64, op = op or "load" } end
  local function to(view) cpu:instruction("vmfunc", view << 32) end
  local function seen(n, bits)
    local count, qualification = cpu:violations()
    if count ~= n then error("violations: " .. count .. ", not " .. n) end
    if bits and qualification & 0x3f ~= bits then error(string.format("qualification 0x%x", qualification)) end
  end
  sweep(r, "store") sweep(s, "store")
  local a = cpu:view()
  $1
end)
END
    rm -f "$work/v.db"
    # shellcheck disable=SC2086
    "$VIRTSIM" run "$work/w.lua" --quiet --db "$work/v.db" -m skylake_sp_kvm $on "${@:2}"
}
rows() { sqlite3 "$work/v.db" "select coalesce(sum(n), 0) from op where op = '$1' and actor = '${2:-vcpu0/host}'"; }
counted() { sqlite3 "$work/v.db" "select value from counter where name = '$1' and actor = 'vcpu0/guest'"; }
balanced() { equal "$1: the books add up" 0 "$(sqlite3 "$work/v.db" "select count(*) from unbalanced")"; }

# ---- what a view lets the guest do ----

ok "a page that a view leaves out" run 'cpu:view_protect(r, "none", a) sweep(r) seen(0) to(a) sweep(s) seen(0) cpu:load(r) seen(1, 0x1)
    cpu:load(r) seen(1) cpu:load(r, 4096) seen(2, 0x1) to(0) sweep(r) seen(2)'
balanced "a page left out"
ok "one that it write-protects" run 'cpu:view_protect(r, "rx", a) to(a) sweep(r) seen(0) cpu:store(r) seen(1, 0x2 | 0x28) to(0) sweep(r, "store") seen(1)'
ok "rights that are taken while a view's translation is cached" run 'to(a) sweep(r) cpu:view_protect(r, "none", a) cpu:load(r) seen(1) to(0) sweep(r) seen(1)'
ok "and in the machine's own tables: in views that have the page, and in those that get it" run \
    'to(a) cpu:load(r) cpu:host_protect(r, "none") cpu:load(r) seen(1) cpu:load(r, 4096) seen(2) to(0) cpu:load(r) seen(3)'
ok "several views" run 'local b = cpu:view() if b ~= 2 then error("its number") end cpu:view_protect(r, "none", b) to(a) sweep(r) seen(0) to(b) sweep(s) cpu:load(r) seen(1)'
ok "a vCPU switches, and another one stays where it is" run 'cpu:view_protect(s, "none", a) to(a) cpu:load(s) seen(1) end) guest(function(cpu)
  local r = cpu:map { bytes = 4096 } for _ = 1, 1000 do cpu:compute(100) cpu:store(r) end
  if cpu:violations() > 1 then error("its own access was seen") end'
ok "a list is all vCPUs'" run 'cpu:compute(10) end) guest(function(cpu) for _ = 1, 10000 do cpu:compute(100) end
  cpu:instruction("vmfunc", 1 << 32)'
equal "none of them exits" 0 "$(sqlite3 "$work/v.db" "select count(*) from op where op = 'exit.vmfunc' and actor = 'vcpu1/host'")"

# ---- what a switch costs ----

twice='to(a) sweep(s) to(0) sweep(s) cpu:mark("roi") for _ = 1, 50 do to(a) sweep(s) to(0) sweep(s) end'
ok "a page's first use in a view" run "to(a) cpu:load(s) cpu:mark('roi') cpu:load(s, 4096) cpu:load(s, 4096) to(0) cpu:load(s, 4096)"
equal "is one exit" 1 "$(rows exit.ept_violation)"
ok "switches there and back" run "$twice"
equal "do not exit" 0 "$(sqlite3 "$work/v.db" "select count(*) from op where op like 'exit.%'")"
equal "take their own time" 100 "$(sqlite3 "$work/v.db" "select n from part where account = 'instruction.vmfunc' and op = 'timeline'")"
equal "and with a VPID what was cached of each view is found again: no walks" 0 "$(counted ept.walks)"
equal "in the TLBs of both" 6400 "$(rows access.load vcpu0/guest)"
ok "without one" run "$twice" --set vmcs.control.vpid=0
equal "combined mappings go: each page is walked for after each switch" 6400 "$(counted ept.walks)"
balanced "switches without a VPID"

# ---- another place ----

cold='for i = 0, 63 do cpu:load(s, i * 4096) end cpu:mark("roi") for i = 0, 63 do cpu:load(r, i * 4096) end'
dram() { sqlite3 "$work/v.db" "select coalesce(sum(n), 0) from part where account like 'memory.dram%' and actor = 'vcpu0/guest' and op = 'access.load'"; }
evict='local far = cpu:map { bytes = "64MiB" } cpu:stride { region = far, stride = 64, count = 1048576, op = "load" }'
ok "pages in their own place" run "to(a) sweep(r) sweep(s) $evict $cold"
equal "are not in the caches" 64 "$(dram)"
ok "pages of a view that lie where others do" run "cpu:view_map(r, s, a) to(a) sweep(r) sweep(s) $evict $cold"
equal "are, after those were read" 0 "$(dram)"

# ---- entries that are none ----

ok "the list's other entries" run 'to(2) to(511) to(512) cpu:instruction("vmfunc", 1) to(a) to(0)'
equal "an invalid EPTP, a number beyond the list, another function: exit 59" 4 "$(rows exit.vmfunc)"

# ---- recorded and run again ----

ok "a recording" run 'cpu:view_protect(r, 8192, "none", a) cpu:view_map(s, 4096, r, a) to(a) sweep(r) sweep(s) to(0) sweep(r)' --record "$work/v.vst"
sqlite3 "$work/v.db" "select actor, op, n, total_ps from op order by 1, 2" >"$work/first"
rm -f "$work/v.db"
# shellcheck disable=SC2086
ok "its replay" "$VIRTSIM" replay "$work/v.vst" --quiet --db "$work/v.db" -m skylake_sp_kvm $on
equal "has the same rows" "" "$(sqlite3 "$work/v.db" "select actor, op, n, total_ps from op order by 1, 2" | diff - "$work/first" | head -3)"

# ---- a machine's end ----

ok "the tables of views are given back" run 'to(a) sweep(r)' --set vmcs.created_in_time=1 --set vmcs.destroyed_in_time=1
with=$(sqlite3 "$work/v.db" "select total_ps from op where op = 'vm.destroy'")
ok "in time" run 'sweep(r)' --set vmcs.created_in_time=1 --set vmcs.destroyed_in_time=1
equal "which is more with a view that has pages" yes "$([ "$with" -gt "$(sqlite3 "$work/v.db" "select total_ps from op where op = 'vm.destroy'")" ] && echo yes)"

# ---- what cannot be ----

on=
refused "without VM functions" 2 "view needs EPTP switching: vmcs.control.vm_functions = 1 and vmcs.vm_functions = 1" run ''
refused "on AMD" 2 "view needs EPTP switching" run '' -m zen3_milan_kvm
on="--set vmcs.control.vm_functions=1 --set vmcs.vm_functions=1"
refused "with a dirty log" 2 "host.dirty_log.method = off" run '' --set host.dirty_log.method=write_protect
refused "a view that there is not" 2 "view 7: there is none of this number" run 'cpu:view_protect(r, "r", 7)'
refused "the guest's own" 2 "view 0: there is none of this number" run 'cpu:view_protect(r, "r", 0)'
refused "no number at all" 1 "the view" run 'cpu:view_protect(r, "r")'
refused "a place where nothing is" 1 "view_map of 0x" run 'cpu:view_map(r, 0x50000000000, a)'
printf 'guest(function(cpu) cpu:view_protect(cpu:map { bytes = 4096 }, "r", 1) end)\n' >"$work/none.lua"
# shellcheck disable=SC2086
refused "before there is one" 2 "cpu:view() makes one" "$VIRTSIM" run "$work/none.lua" --quiet --db "$work/v.db" -m skylake_sp_kvm $on
finish
