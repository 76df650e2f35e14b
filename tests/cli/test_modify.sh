#!/bin/sh
# SPDX-License-Identifier: MIT
# Law: what is loaded and written in one access (lackey's M, op = "modify") is counted as the load, as cachegrind counts
# it, and translated as the store that it is too: it sets the dirty flag and needs the right to write. Its line is
# dirty from then on, and written back as a store's.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/m.db
said() { sqlite3 "$db" "select group_concat(name || '=' || value, ' ') from (select name, sum(value) as value from counter
    where run = $1 and actor like 'vcpu0%' and (name like '%_walks' or name like 'ept.%') group by name order by name)"; }
count() { sqlite3 "$db" "select coalesce(sum(n), 0) from op where run = $1 and op = '$2' and actor = 'vcpu0/guest'"; }

# a page that was loaded before, and again, and a line's end, and a page of its own
for kind in S M L; do
    printf 'I  04000000,4\n L 10000000,8\nI  04000004,4\n %s 10000008,8\nI  04000008,4\n %s 10000010,8\nI  0400000c,4\n %s 20000ffc,8\nI  04000010,4\n %s 2000003c,8\n' \
        $kind $kind $kind $kind >"$work/$kind.lackey"
done
for machine in skylake_sp_kvm zen2_rome_kvm neoverse_n1_kvm skylake_sp_native; do
    for window in 0 64; do
        for touch in free fault; do
            rm -f "$db"
            for kind in S M L; do
                ok "$kind on $machine" "$VIRTSIM" replay "$work/$kind.lackey" --machine $machine --set cpu.window=$window --set replay.first_touch=$touch --db "$db" --quiet
            done
            what="on $machine, cpu.window=$window, first touch $touch"
            equal "translated as a store $what" "$(said 1)" "$(said 2)"
            [ $touch = fault ] || equal "counted as a load $what" "5 0" "$(count 2 access.load) $(count 2 access.store)"
            case $machine$touch in
            *fault | neoverse*) ;; # the fault's handler, or the kernel, has set the flag before
            *) equal "a clean page is walked once more $what" 1 "$(($(count 2 walk) - $(count 3 walk)))" ;;
            esac
        done
    done
done

# more lines than the first two levels hold, some over two lines, some twice: what leaves is dirty
python3 - "$work" <<'PY'
import sys
for kind in "SML":
    with open(f"{sys.argv[1]}/lines_{kind}.lackey", "w") as f:
        for i in range(60000):
            f.write("I  04000000,4\n %s %x,8\n" % (kind, 0x10000000 + (i * 7919 % 40000) * 64 + (60 if i % 5 == 0 else 8)))
PY
back() { sqlite3 "$db" "select group_concat(name || '=' || value, ' ') from (select name, sum(value) as value from counter
    where run = $1 and name like 'memory.%writebacks' group by name order by name)"; }
for machine in skylake_sp_kvm zen2_rome_native haswell_ep_native; do
    for window in 0 64; do
        rm -f "$db"
        for kind in S M L; do
            ok "$kind of many lines on $machine" "$VIRTSIM" replay "$work/lines_$kind.lackey" --machine $machine --set cpu.window=$window --db "$db" --quiet
        done
        equal "what was modified is written back on $machine, cpu.window=$window" "$(back 1)" "$(back 2)"
        equal "and what was loaded is not" yes "$([ "$(back 1)" != "$(back 3)" ] && echo yes)"
    done
done

# a pattern of accesses, and what may not be written
for op in store modify; do
    cat >"$work/$op.lua" <<LUA
guest(function(cpu)
  local heap = cpu:map { bytes = 3 << 20 }
  cpu:stride { region = heap, stride = 64 }
  cpu:stride { region = heap, stride = 64, op = "$op" }
  cpu:random { region = heap, count = 60000, op = "$op" }
end)
LUA
    cat >"$work/read_$op.lua" <<LUA
guest(function(cpu)
  local heap = cpu:map { bytes = 8192 }
  cpu:load(heap, 0)
  cpu:protect(heap, "r")
  cpu:stride { region = heap, count = 1, op = "$op" }
end)
LUA
done
rm -f "$db"
ok "stores" "$VIRTSIM" run "$work/store.lua" --db "$db" --quiet
ok "modifications" "$VIRTSIM" run "$work/modify.lua" --db "$db" --quiet
equal "a pattern is translated as stores are" "$(said 1)" "$(said 2)"
equal "and written back as stores are" "$(back 1)" "$(back 2)"
equal "and counted as loads" "$(($(count 1 access.load) + $(count 1 access.store))) 0" "$(count 2 access.load) $(count 2 access.store)"
"$VIRTSIM" run "$work/read_store.lua" --no-store >"$work/out" 2>"$work/store.err"
stored=$?
"$VIRTSIM" run "$work/read_modify.lua" --no-store >"$work/out" 2>"$work/modify.err"
modified=$?
equal "what may not be written may not be modified" "$stored $(cat "$work/store.err")" "$modified $(cat "$work/modify.err")"
equal "and that fails" 1 "$stored"
finish
