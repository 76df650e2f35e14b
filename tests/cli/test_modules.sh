#!/bin/sh
# SPDX-License-Identifier: MIT
# SystemC and libarchive are loaded when something needs them (sim.kernel=systemc, an archive): an installed program finds its own
# module wherever it is called from and moved to; what is missing is named, and the rest works.
. "$VIRTSIM_HOME/tests/lib.inc"
db=$work/m.db
printf 'guest(function(cpu) cpu:cpuid(0) end)\n' >"$work/small.lua"
printf ' L 1000,8\n' >"$work/plain"
tar -cf "$work/one.tar" -C "$work" plain

ok "installs" cmake --install "$VIRTSIM_BUILD" --prefix "$work/first"
mv "$work/first" "$work/usr"
here=$(pwd)
cd / || exit 1
installed() { env -u VIRTSIM_HOME "$work/usr/bin/virtsim" "$@"; }
printf 'return { base = "skylake_sp_kvm", text = "of this installation alone" }\n' >"$work/usr/share/virtsim/scripts/lua/machines/only_here.lua"
equal "a program that was moved finds the data beside it" 1 "$(installed list machines only_here --format csv | grep -c 'of this installation alone')"
ln -s "$work/usr/bin/virtsim" "$work/link"
equal "by a link to it, too" 1 "$(env -u VIRTSIM_HOME "$work/link" list machines only_here --format csv | grep -c 'only_here')"
equal "VIRTSIM_HOME comes first" 0 "$(env VIRTSIM_HOME="$VIRTSIM_HOME" "$work/usr/bin/virtsim" list machines --format csv | grep -c 'only_here')"
ok "its workloads and machines run" installed run workloads/exit_microbench.lua --set workload.count=100 --machine only_here --quiet --no-store
ok "an installed program runs a workload in SystemC" installed run "$work/small.lua" --set sim.kernel=systemc --db "$db"
equal "and stores it" 1 "$(installed list runs --db "$db" | grep -c small)"
find "$work/usr" -name virtsim-systemc.so -exec rm {} +
refused "without its module a run in it says what is missing" 2 "virtsim-systemc.so" installed run "$work/small.lua" --set sim.kernel=systemc --db "$db"
equal "in one message" 1 "$(wc -l <"$work/err")"
equal "with what would be right" 1 "$(grep -c "sim.kernel = plain" "$work/err")"
equal "and leaves no row" 1 "$(installed list runs --db "$db" | grep -c small)"
ok "what does not run in it needs none" installed run "$work/small.lua" --db "$db"
ok "nor does what runs nothing" installed list machines
cd "$here" || exit 1

mkdir "$work/none"
library=$(grep -ao 'libarchive\.so\.[0-9]*' "$VIRTSIM" | sort -u | head -1)
: >"$work/none/$library"
ok "a tar archive replays" "$VIRTSIM" replay "$work/one.tar" --no-store
refused "without libarchive it does not" 2 "tar is read by libarchive, which cannot be loaded" env LD_LIBRARY_PATH="$work/none" "$VIRTSIM" replay "$work/one.tar" --no-store
ok "a plain trace does" env LD_LIBRARY_PATH="$work/none" "$VIRTSIM" replay "$work/plain" --no-store
finish
