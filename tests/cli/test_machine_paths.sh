#!/bin/sh
# SPDX-License-Identifier: MIT
# A part that a machine file names by a path lies beside that file, wherever the program is called from.
. "$VIRTSIM_HOME/tests/lib.inc"
mkdir -p "$work/lab/parts/deep" "$work/elsewhere"
printf 'guest(function(cpu) cpu:compute(100) end)\n' >"$work/w.lua"
cat >"$work/lab/mine.lua" <<'LUA'
return { base = "skylake_sp_kvm", cpu = "parts/cpu.lua", text = "with a CPU of my own" }
LUA
printf 'return { base = "deep/cpu.lua", ept = { l2_tlb = { entries = { 768, "mine", "assumed" } } } }\n' >"$work/lab/parts/cpu.lua"
printf 'return { base = "skylake_sp", cpu = { clock = { mhz = { 1234, "mine", "assumed" } } } }\n' >"$work/lab/parts/deep/cpu.lua"
knob() { "$VIRTSIM" run "$work/w.lua" -m "$1" --dry-run --format csv | awk -F, -v k="$2" '$1 == k { print $2 }'; }
cd "$work/elsewhere" || exit 1
equal "from another folder" 768 "$(knob ../lab/mine.lua ept.l2_tlb.entries)"
equal "by its whole path" 768 "$(knob "$work/lab/mine.lua" ept.l2_tlb.entries)"
equal "and what that one names, beside that one" 1234 "$(knob "$work/lab/mine.lua" cpu.clock.mhz)"
cd "$work/lab" || exit 1
equal "from its own" 1234 "$(knob mine.lua cpu.clock.mhz)"
sed -i "s#parts/cpu.lua#$work/lab/parts/cpu.lua#" mine.lua
equal "a whole path in it" 768 "$(knob mine.lua ept.l2_tlb.entries)"
sed -i 's#cpu = "[^"]*"#cpu = "parts/none.lua"#' mine.lua
cd "$work/elsewhere" || exit 1
mkdir parts && cp ../lab/parts/cpu.lua parts/none.lua
refused "one that is not there is not looked for elsewhere" 2 "there is no file ../lab/parts/none.lua; a path is relative to the file that names it" "$VIRTSIM" run "$work/w.lua" -m ../lab/mine.lua --no-store
finish
