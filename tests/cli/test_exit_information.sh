#!/bin/sh
# SPDX-License-Identifier: MIT
# What an exit says in its architecture's fields: kept with the operations that are sampled, and printed
# by explain.
. "$VIRTSIM_HOME/tests/lib.inc"
cat >"$work/io.lua" <<'END'
guest(function(cpu)
  if cpu:has("inp") then
    cpu:outp(0x3f8, 0x41, 1)
    cpu:inp(0x3fe, 2)
  end
  cpu:mmio(0xfed00000, "load")
  cpu:mmio(0xfed00000, "store")
  local page = cpu:map { bytes = "64KiB", backing = "host_touch", page = "base" }
  cpu:store(page, 0x18, 4)
  cpu:load(page, 0x8000, 64)
  if cpu:has("mrs") then
    cpu:mrs("PMCR_EL0")
    cpu:hypercall(0, 0x12)
    cpu:wfe()
  else
    cpu:rdmsr(0x1b)
    cpu:wrmsr(0x3b, 0)
    cpu:wrmsr(0xc0000082, 0) -- LSTAR: passed through
  end
end)
END
run() { rm -f "$work/n.db"; "$VIRTSIM" run "$work/io.lua" --quiet --spans 8 --db "$work/n.db" -m "$@" >/dev/null || echo failed; }
note() { sqlite3 "$work/n.db" "select value from note where op = '$1' and ordinal = $2 and name = '$3'"; }

run zen2_rome_kvm
equal "OUT: its EXITCODE" 0x7b "$(note exit.ioio 0 EXITCODE)"
equal "port 0x3f8, 64-bit address, one byte, out" 0x3f80210 "$(note exit.ioio 0 EXITINFO1)"
equal "port 0x3fe, two bytes, in" 0x3fe0221 "$(note exit.ioio 1 EXITINFO1)"
equal "EXITINFO2 is the next instruction, as nRIP is" "$(note exit.ioio 0 nRIP)" "$(note exit.ioio 0 EXITINFO2)"
equal "RDMSR" 0x0 "$(note exit.msr.read 0 EXITINFO1)"
equal "WRMSR" 0x1 "$(note exit.msr.write 0 EXITINFO1)"
equal "LSTAR's bit of the map is clear: no exit" 1 "$(sqlite3 "$work/n.db" "select n from op where op = 'exit.msr.write'")"
equal "a device is read: present, user, reserved, final" 0x10000000d "$(note exit.npf.mmio 0 EXITINFO1)"
equal "and written" 0x10000000f "$(note exit.npf.mmio 1 EXITINFO1)"
equal "memory that is missing: write, user, final" 0x100000006 "$(note exit.npf.fault 0 EXITINFO1)"
equal "the address is whole" 018 "$(note exit.npf.fault 0 EXITINFO2 | tail -c 4)"

run neoverse_n1_kvm --set el2.trap.wfe=1
bits() { echo $(($(note "$1" "$2" ESR_EL2) >> $3 & $4)); } # OP ORDINAL SHIFT MASK
equal "an abort's class" 36 "$(bits exit.data_abort.mmio 0 26 63)"
equal "a load of 4 bytes: ISV, SAS, no WnR" "1 2 0" "$(bits exit.data_abort.mmio 0 24 1) $(bits exit.data_abort.mmio 0 22 3) $(bits exit.data_abort.mmio 0 6 1)"
equal "a store" "1 2 1" "$(bits exit.data_abort.mmio 1 24 1) $(bits exit.data_abort.mmio 1 22 3) $(bits exit.data_abort.mmio 1 6 1)"
equal "a translation fault" 1 "$(bits exit.data_abort.mmio 0 2 15)"
equal "64 bytes are not one register's" "0 0" "$(bits exit.data_abort.fault 1 24 1) $(bits exit.data_abort.fault 1 6 1)"
equal "FAR_EL2 is the device's address" 0xfed00000 "$(note exit.data_abort.mmio 0 FAR_EL2)"
equal "HPFAR_EL2 has the page of the IPA" yes "$([ $(($(note exit.data_abort.fault 0 HPFAR_EL2) & 15)) -eq 0 ] && echo yes)"
equal "PMCR_EL0, read" 0x6230e419 "$(note exit.sys64.read 0 ESR_EL2)"
equal "HVC's immediate" 18 "$(bits exit.hvc64 0 0 65535)"
equal "WFE: TI" 1 "$(bits exit.wfx.wfe 0 0 1)"

run skylake_sp_kvm
equal "VMX: the qualification of OUT" 0x3f80000 "$(note exit.io_instruction 0 'exit qualification')"
equal "of a violation: a write" 0x182 "$(note exit.ept_violation 0 'exit qualification')"

ok "explain prints it" "$VIRTSIM" explain exit.ioio --machine zen2_rome_kvm --brief --quiet --db "$work/e.db"
equal "with what its bits mean" 1 "$(tr -s ' \n' ' ' <"$work/out" | grep -c 'EXITCODE 0x7b (VMEXIT_IOIO); EXITINFO1 0x800210 (OUT of 1 byte, port 0x80)')"
rm -f "$work/n.db"
ok "without spans" "$VIRTSIM" run "$work/io.lua" --quiet --db "$work/n.db" -m zen2_rome_kvm
equal "nothing is kept" 0 "$(sqlite3 "$work/n.db" "select count(*) from note")"

cp "$work/e.db" "$work/six.db" # a database of schema 6, which has no notes
sqlite3 "$work/six.db" "drop table note; pragma user_version = 6"
ok "a database of the schema before is read" "$VIRTSIM" show 1 --db "$work/six.db"
ok "and made new" "$VIRTSIM" db upgrade "$work/six.db" "$work/seven.db"
equal "without notes" 0 "$(sqlite3 "$work/seven.db" "select count(*) from note")"
ok "a merge takes notes along" "$VIRTSIM" db merge "$work/merged.db" "$work/e.db"
equal "all of them" "$(sqlite3 "$work/e.db" "select count(*) from note")" "$(sqlite3 "$work/merged.db" "select count(*) from note")"
finish
