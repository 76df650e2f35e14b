#!/bin/sh
# SPDX-License-Identifier: MIT
# `list machines` says what the descriptions say, those that came with the program, which the build has read, and those
# that were changed, removed or added since.
. "$VIRTSIM_HOME/tests/lib.inc"
mkdir -p "$work/home/scripts"
cp -r "$VIRTSIM_HOME/scripts/lua" "$work/home/scripts/"
lua=$work/home/scripts/lua
listed() { VIRTSIM_HOME=$work/home "$VIRTSIM" list machines --format csv; }

"$VIRTSIM" list machines --format csv >"$work/shipped"
equal "every machine is listed" "$(ls "$lua"/machines/*.lua | wc -l)" "$(sed 1d "$work/shipped" | wc -l)"
listed >"$work/copy"
ok "a copy of the files is listed alike" cmp "$work/shipped" "$work/copy"
echo "-- a word more" >>"$lua/nics/x710.lua"
listed >"$work/read"
ok "and alike when they are read again" cmp "$work/shipped" "$work/read"
sed -i 's/text = "/text = "changed: /' "$lua/machines/zen3_milan_kvm.lua"
equal "a text that was changed is seen" 1 "$(listed | grep -c '^zen3_milan_kvm,.*changed: ')"
printf 'return { base = "skylake_sp_kvm", text = "mine" }\n' >"$lua/machines/mine.lua"
equal "a machine that was added is seen" "mine,$(sed -n 's/^skylake_sp_kvm,\([^,]*\),.*/\1/p' "$work/shipped"),mine" "$(listed | grep '^mine,')"
cp -r "$VIRTSIM_HOME/scripts/lua/." "$lua/"
rm "$lua/machines/mine.lua" "$lua/machines/zen3_milan_kvm.lua"
equal "one that was removed is not" "$(grep -v '^zen3_milan_kvm,' "$work/shipped")" "$(listed)"
cp -r "$VIRTSIM_HOME/scripts/lua/." "$lua/"
sed -i 's/calibrated = "/calibrated = "0X000 /' "$lua/cpus/haswell_ep.lua"
ok "what a part was fitted to is seen in its machines" sh -c "VIRTSIM_HOME='$work/home' '$VIRTSIM' list machines --format csv | grep -q '^haswell_ep_kvm,0X000 '"
echo "return {" >"$lua/cpus/haswell_ep.lua"
refused "a description that is broken is told" 2 "haswell_ep.lua" env VIRTSIM_HOME="$work/home" "$VIRTSIM" list machines
finish
