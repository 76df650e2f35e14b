#!/bin/sh
# SPDX-License-Identifier: MIT
# The demo runs, its books add up, and what it says one types works when typed.
. "$VIRTSIM_HOME/tests/lib.inc"
db="$work/two words.db"
# All domains of the comparison are the page docs/generated/comparison.md, which tools/gen-docs --check makes: one here.
cat >"$work/program" <<'SH'
#!/bin/sh
[ "$1" != compare ] || set -- "$@" --domain interrupt
exec "$REAL" "$@"
SH
chmod +x "$work/program"
REAL=$VIRTSIM
export REAL
ok "the demo" env VIRTSIM="$work/program" bash "$VIRTSIM_HOME/tools/demo.sh" "$db"
cp "$work/out" "$work/demo"
equal "no run is unbalanced" 0 "$(sqlite3 "$db" 'select count(*) from unbalanced')"

# the commands that look at stored runs, and those it ends with
{
    sed -n 's/^\$ \(.* explain .*--run .*\)/\1/p' "$work/demo"
    sed -n 's/^     \(.* --db .*\)/\1/p' "$work/demo"
} >"$work/typed"
equal "commands shown" "5 explain 3 others" \
    "$(grep -c ' explain ' "$work/typed") explain $(grep -vc ' explain ' "$work/typed") others"
where=$(sed -n 's/^Commands are shown as they are typed in \(.*\)\.$/\1/p' "$work/demo")
cd "$where" || exit 1
while read -r line; do
    ok "$line" sh -c "$line" </dev/null
done <"$work/typed"
finish
