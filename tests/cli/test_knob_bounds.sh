#!/bin/sh
# SPDX-License-Identifier: MIT
# What a knob's bounds allow, a run carries out, or one message refuses it; what they do not is refused by one message.
# The lengths of code and data are run here; VIRTSIM_KNOBS=all runs both bounds of every knob, on three machines: half an hour.
. "$VIRTSIM_HOME/tests/lib.inc"
list() { "$VIRTSIM" list knobs --format csv | awk -F, 'NR > 1 && $1 !~ /^workload/' | awk -F, "$1"; }

# below, above, no number, another unit: a message for each, and nothing else
refuse() {
    what=$1
    list "$2" | split -l 250 - "$work/part." # --set has room for 256
    for part in "$work"/part.*; do
        set --
        while IFS= read -r setting; do
            set -- "$@" --set "$setting"
        done <"$part"
        "$VIRTSIM" run workloads/gups.lua --dry-run "$@" >"$work/out" 2>"$work/err"
        equal "$what: status" 2 $?
        equal "$what: a message for each" "$(sed 's/=.*//' "$part" | sort)" "$(sed -n "s/^virtsim: --set: \([^ ]*\) .*/\1/p" "$work/err" | sort)"
        equal "$what: no other" "$(wc -l <"$part")" "$(wc -l <"$work/err")"
        equal "$what: nothing is printed" 0 "$(wc -c <"$work/out")"
        rm "$part"
    done
}
refuse "below the least" '{ split($3, b, "\\.\\."); if ($3 ~ /\.\./) print $1 "=" (b[1] > 0 ? b[1] - 1 : -1) }'
# 2^53 and more: awk counts in doubles
refuse "above the most" '{ split($3, b, "\\.\\."); if ($3 ~ /\.\./) print $1 "=" (b[2] < 2^53 ? sprintf("%.0f", b[2] + 1) : "18446744073709551616") }'
refuse "no number" '{ print $1 "=nonsense" }'
refuse "another unit" '{ print $1 "=" ($4 == "ps" ? "4KiB" : "4ns") }'

cat >"$work/cpu.lua" <<'LUA'
guest(function(cpu)
  local page = cpu:page_bytes()
  local r, t, e = cpu:map { bytes = 16 * page, backing = "host_touch" }, cpu:map { bytes = 16 * page, backing = "touch" }, cpu:map { bytes = 256 * page }
  cpu:stride { region = r, count = 300, stride = 64, op = "store" }
  cpu:stride { region = t, count = 16, stride = page, op = "store" }
  cpu:random { region = e, count = 300, work = 3 }
  cpu:chase { region = e, count = 200 }
  cpu:zipf { region = e, count = 200, op = "modify" }
  cpu:fetch(e, 64)
  cpu:compute(20000)
  cpu:unmap(t, page)
  cpu:load(t)
  cpu:protect(t, page, "r")
  cpu:load(t)
  cpu:rdtsc()
  cpu:wait { us = 5 }
  cpu:timer { us = 20 }
  cpu:compute(100000)
  cpu:dirty_log()
  cpu:stride { region = e, stride = page, count = 64, op = "store" }
  cpu:dirty_log()
  cpu:switch(cpu:process())
  cpu:switch(0)
  cpu:stride { region = e, stride = page, count = 64 }
end)
guest { shares = 0, run = function(cpu) cpu:compute(50000) cpu:ipi(0) cpu:compute(200000) end }
LUA
cat >"$work/x86.lua" <<'LUA'
guest(function(cpu)
  local e = cpu:map { bytes = 65536, backing = "host_touch" }
  cpu:cpuid() cpu:rdmsr(0x10) cpu:wrmsr(0x6e0, 0) cpu:inp(0x60) cpu:outp(0x80, 1) cpu:hypercall(1)
  cpu:pause() cpu:mmio(0xfee00000) cpu:mmio(0xd0000000, "store") cpu:invlpg(e)
  cpu:cli() cpu:compute(100) cpu:sti()
  cpu:write_cr(3) cpu:write_cr(0) cpu:write_cr(4)
  cpu:stride { region = e, count = 100 }
  cpu:host_protect(e, 4096, "r")
  cpu:store(e)
end)
LUA
cat >"$work/nic.lua" <<'LUA'
guest(function(cpu)
  for i = 1, 30 do
    local got = cpu:recv { timeout_ns = 200000 }
    cpu:compute(400)
    cpu:send { count = got > 0 and got or 1 }
  end
  cpu:send { bytes = 1400, count = 20 }
end)
LUA

# bound WORKLOAD MACHINE KNOB=VALUE: it runs to its end, or what is wrong is said before it begins
bound() {
    checks=$((checks + 1))
    timeout 60 "$VIRTSIM" run "$work/$1.lua" -m "$2" --no-store --quiet --set "$3" >"$work/out" 2>"$work/err"
    got=$?
    if [ $got -ne 0 ] && { [ $got -ne 2 ] || grep -qv '^virtsim: ' "$work/err" || [ ! -s "$work/err" ]; }; then
        failures=$((failures + 1))
        echo "FAILED: $1 on $2 with $3: status $got: $(head -1 "$work/err")"
    fi
}
both='{ n = split($3, b, $3 ~ /\.\./ ? "\\.\\." : "|"); for (i = 1; i <= n; i++) if (b[i] != $2) print $1 "=" b[i] }'
if [ "${VIRTSIM_KNOBS:-}" = all ]; then
    on="cpu:skylake_sp_kvm x86:skylake_sp_kvm nic:skylake_sp_kvm cpu:neoverse_n1_kvm cpu:zen2_rome_kvm x86:zen2_rome_kvm"
    list "$both" >"$work/settings"
else
    on="cpu:skylake_sp_kvm nic:neoverse_n1_kvm"
    list "$both" | grep -E '(code|data)_bytes=[1-9]|nic.present' >"$work/settings"
fi
for where in $on; do
    while IFS= read -r setting; do
        bound "${where%:*}" "${where#*:}" "$setting"
    done <"$work/settings"
done
finish
