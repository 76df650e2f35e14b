#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every exit code of SVM: those that the table says can occur are reached by a run, each by what the table names; the
# others have a sentence that says why they cannot.
. "$VIRTSIM_HOME/tests/lib.inc"
page="$VIRTSIM_HOME/docs/generated/svm_exits.md"
declare -A body with
tables="--set svm.intercept.descriptor_tables=1"
avic="--set svm.avic=1 --set svm.cap.x2avic=1"
for n in rdpmc:rdpmc rdtscp:rdtscp invd:invd wbinvd:wbinvd monitor:monitor mwait:mwait xsetbv:xsetbv shutdown:triple_fault excp:ud2 \
    vmrun:vmrun vmload:vmload vmsave:vmsave stgi:stgi clgi:clgi skinit:skinit rdpru:rdpru \
    idtr_read:sidt gdtr_read:sgdt ldtr_read:sldt tr_read:str idtr_write:lidt gdtr_write:lgdt ldtr_write:lldt tr_write:ltr; do
    body[exit.${n%:*}]="cpu:instruction('${n#*:}')"
    case $n in idtr* | gdtr* | ldtr* | tr_*) with[exit.${n%:*}]=$tables ;; rdtscp*) with[exit.${n%:*}]="--set svm.intercept.rdtsc=1" ;;
    vmload* | vmsave*) with[exit.${n%:*}]="--set svm.cap.virtual_vmload=0" ;; stgi* | clgi*) with[exit.${n%:*}]="--set svm.cap.vgif=0" ;; esac
done
body[exit.cr_read]='cpu:instruction("mov_from_cr", 4)'
body[exit.cr_write]='cpu:write_cr(4)'
body[exit.dr_read]='cpu:instruction("mov_from_dr", 6)'
body[exit.dr_write]='cpu:instruction("mov_to_dr", 7)'
body[exit.intr]='cpu:compute(100000)' with[exit.intr]="--set host.tick_hz=100000"
body[exit.nmi]='cpu:host_nmi()'
body[exit.iret]='cpu:wrmsr(0x830, 0x400) cpu:compute(1000)'
body[exit.vintr]='cpu:cli() cpu:ipi(0) cpu:compute(20000) cpu:sti() cpu:compute(20000)'
body[exit.rdtsc]='cpu:rdtsc()' with[exit.rdtsc]="--set svm.intercept.rdtsc=1"
body[exit.cpuid]='cpu:cpuid()'
body[exit.pause]='cpu:pause()' with[exit.pause]="--set svm.pause_filter.count=0"
body[exit.hlt]='cpu:wait { us = 1 }'
body[exit.invlpg]='cpu:invlpg(cpu:map { bytes = 4096 })' with[exit.invlpg]="--set svm.intercept.invlpg=1"
body[exit.invlpga]='cpu:invlpga { address = cpu:map { bytes = 4096 } }'
body[exit.ioio]='cpu:outp(0x80, 0)'
body[exit.msr.read]='cpu:rdmsr(0x1b)'
body[exit.msr.write]='cpu:wrmsr(0x3b, 0)'
body[exit.vmmcall]='cpu:hypercall(0)'
body[exit.invpcid]='cpu:invpcid { type = 2 }' with[exit.invpcid]="--set guest.pcid=1 --set paging.mode=shadow"
body[exit.npf.fault]='cpu:store(cpu:map { bytes = 4096, backing = "host_touch" })'
body[exit.npf.mmio]='cpu:mmio(0xfed00000, "load")'
body[exit.avic_incomplete_ipi]='cpu:wrmsr(0x830, "0x2800000041")' with[exit.avic_incomplete_ipi]=$avic
body[exit.avic_noaccel.write]='cpu:wrmsr(0x83e, 0xb)' with[exit.avic_noaccel.write]=$avic
body[exit.avic_noaccel.fault]='cpu:rdmsr(0x839)' with[exit.avic_noaccel.fault]=$avic
while IFS='|' read -r _ code op what _ handled _; do
    op=$(echo $op) handled=$(echo $handled)
    if [ "$op" = - ]; then
        checks=$((checks + 1))
        case $handled in "never: "?*) ;; *) failures=$((failures + 1)); echo "FAILED: $code ($what) says neither how nor why not" ;; esac
        continue
    fi
    printf 'workload "%s"\nguest(function(cpu) %s end)\n' "$op" "${body[$op]:-error(\"$op: the test has no run\")}" >"$work/run.lua"
    ok "a run for $op" "$VIRTSIM" run "$work/run.lua" --machine zen2_rome_kvm --no-store --quiet --format csv ${with[$op]:-}
    equal "it has $op" 1 "$(awk -F, -v o="$op" '$11 == "op" && $2 == o { n = 1 } END { print n + 0 }' "$work/out")"
    equal "and $handled" 1 "$(awk -F, -v o="$handled" '$11 == "op" && $2 == o { n = 1 } END { print n + 0 }' "$work/out")"
done < <(grep -E '^\| (0x|-)' "$page")
equal "each operation of SVM is in the table" "$("$VIRTSIM" list operations --format csv | grep -c 'SVM 0x')" "$(grep -c '^| 0x.* | exit\.' "$page")"

# an interrupt whose frame goes to a page that the dirty log has write-protected: the nested page fault says whose
# delivery it interrupted, and the event is injected again
ok "a delivery that is interrupted" "$VIRTSIM" explain exit.npf.fault --workload tests/digests/workloads/vectoring.lua --machine zen2_rome_kvm --set host.dirty_log.method=write_protect --no-store --quiet
equal "says so" 1 "$(tr '\n' ' ' <"$work/out" | grep -c 'EXITINTINFO 0x80000060 (during the delivery of vector *96)')"
ok "and" "$VIRTSIM" run tests/digests/workloads/vectoring.lua --machine zen2_rome_kvm --set host.dirty_log.method=write_protect --no-store --quiet --format csv
equal "every interrupt is handled once" 6 "$(awk -F, '$11 == "op" && $1 == "vcpu0/guest" && $2 == "irq" { print $3 }' "$work/out")"
finish
