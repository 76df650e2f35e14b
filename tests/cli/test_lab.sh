#!/bin/sh
# SPDX-License-Identifier: MIT
# The lab's commands run as they are written, and its queries show what the lab says they show.
. "$VIRTSIM_HOME/tests/lib.inc"
lab=$VIRTSIM_HOME/docs/labs/shadow-vs-ept.md
cp -r "$VIRTSIM_HOME/workloads" "$work"
cd "$work" || exit 1
# block LANGUAGE N: the N-th block of the lab in that language
block() { awk -v want="$1" -v n="$2" '/^```/ { inside = !inside; show = inside && $0 == "```" want && ++k == n; next } show' "$lab"; }

n=0
for b in 1 2 3 4; do
    block "" $b >commands
    while read -r _ rest; do
        n=$((n + 1))
        # shellcheck disable=SC2086 # words
        ok "virtsim $rest" "$VIRTSIM" $rest
    done <commands
done
equal "the lab's commands" 8 $n
block sql 1 >exits.sql
block sql 2 >curve.sql
rows() { sqlite3 "$1" ".read $2"; }
equal "no exits with EPT" "ept |no exit|0" "$(rows lab.db exits.sql | head -1 | cut -d'|' -f1-3)"
equal "two reasons with either kind of shadow" 4 "$(rows lab.db exits.sql | grep -c '^shadow')"
equal "as many INVLPG as changes" 2 "$(rows lab.db exits.sql | grep -c 'exit.invlpg|2000|')"
ns() { rows curve.db curve.sql | awk -F'|' -v e="$1" -v m="$2" '$1 == e && $2 == m { print int($3 * 10) }'; }
equal "a static guest: shadow as native" "$(ns 0 native)" "$(ns 0 shadow)"
ok "a static guest: EPT is dearer" test "$(ns 0 ept)" -gt "$(ns 0 shadow)"
ok "a guest that edits: the shadow is dearer" test "$(ns 50 shadow)" -gt "$(ns 50 ept)"
finish
