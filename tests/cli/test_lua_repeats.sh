# SPDX-License-Identifier: MIT
# The same script, machine and seed give the same bytes: whatever a script can call, in processes
# with other addresses, clocks, environments and folders.
. "$(dirname "$0")/../lib.inc"
script=$(dirname "$0")/../support/lua_repeats.lua
elsewhere="$work/a folder/that lies/somewhere else"
mkdir -p "$elsewhere"
cp "$script" "$elsewhere"
long=$(printf 'x%.0s' $(seq 5000))

# run NAME command...: stores the run in NAME.db
run() {
    name=$1
    shift
    ok "the script runs: $name" "$@" --seed 7 --quiet --db "$work/$name.db"
}
run first "$VIRTSIM" run "$script"
run second "$VIRTSIM" run "$script"
# all that may be different at once: language, zone, environment, folder
run elsewhere env LC_ALL=de_DE.UTF-8 LANG=tr_TR.UTF-8 TZ=Asia/Kathmandu LONG="$long" HOME=/nonexistent "$VIRTSIM" run "$elsewhere/lua_repeats.lua"
if setarch -R true 2>/dev/null; then
    run fixed setarch -R "$VIRTSIM" run "$script"
fi
want=$("$VIRTSIM" db digest "$work/first.db")
for db in "$work"/*.db; do
    equal "the digest of $(basename "$db")" "$want" "$("$VIRTSIM" db digest "$db")"
done

# a point of a sweep is a run, in a process of its own
ok "a sweep runs" "$VIRTSIM" sweep "$script" --vary workload.extra=0 --seed 7 --quiet --db "$work/sweep.db"
for db in first sweep; do
    sqlite3 "$work/$db.db" "select distinct name from counter where name like 'mark.%' order by 1" >"$work/$db.marks"
done
equal "a sweep's points hold the run's marks" "$(cat "$work/first.marks")" "$(cat "$work/sweep.marks")"

# another seed is another run: the marks do say something
ok "another seed" "$VIRTSIM" run "$script" --seed 8 --quiet --db "$work/other.db"
checks=$((checks + 1))
if [ "$("$VIRTSIM" db digest "$work/other.db")" = "$want" ]; then
    failures=$((failures + 1))
    echo "FAILED: another seed has the same digest"
fi
finish
