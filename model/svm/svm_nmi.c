/* SPDX-License-Identifier: MIT */
/*
 * NMIs of a guest. The hypervisor injects one (EVENTINJ, APM volume 2, 15.20), and the processor
 * does not say when its handler has ended: KVM intercepts IRET, and where another one waits it
 * steps over that instruction by the trap flag, for NMIs are blocked until it has executed (Linux
 * arch/x86/kvm/svm/svm.c, svm_inject_nmi, iret_interception, svm_enable_nmi_window).
 *
 * With virtual NMIs (15.21.10) the processor holds the pending one itself (V_NMI_PENDING), delivers
 * it when nothing holds it back, and holds the next one back until IRET (V_NMI_BLOCKING).
 */
#include "svm/svm_impl.h"

/* Whether the intercept of a code is set in the VMCB. */
static bool asks_for(const struct vs_svm *s, uint32_t code)
{
    uint8_t byte;
    vs_phys_read(s->wire.phys, vs_svm_at(s->vmcb, VS_VMCB_INTERCEPTS + code / 8u), &byte, 1);
    return byte >> code % 8u & 1u;
}

bool vs__svm_nmi_window(const struct vs_svm *s)
{
    return asks_for(s, VS_SVM_IRET) || vs_svm_get(s, VS_VMCB_RFLAGS) & VS_SVM_RFLAGS_TF;
}

void vs__svm_ask_nmi_window(struct vs_svm *s, bool on)
{
    if (on == vs__svm_nmi_window(s)) {
        return; /* an IRET that exits comes first: svm_enable_nmi_window has nothing to do */
    }
    uint64_t flags = vs_svm_get(s, VS_VMCB_RFLAGS) & ~VS_SVM_RFLAGS_TF;
    if (!on && asks_for(s, VS_SVM_IRET)) {
        vs__svm_intercept(s, VS_SVM_IRET, false);
    }
    /* RFLAGS is in no group of VMCB clean */
    vs_svm_put(s, VS_VMCB_RFLAGS, flags | (on ? VS_SVM_RFLAGS_TF : 0));
}

bool vs__svm_nmi_masked(const struct vs_svm *s)
{
    return s->config.vnmi ? (vs_svm_get(s, VS_VMCB_INT_CTL) & VS_SVM_V_NMI_BLOCKING) != 0
                          : s->nmi_masked;
}

void vs__svm_nmi_enters(struct vs_svm *s)
{
    uint64_t event = vs_svm_get(s, VS_VMCB_EVENTINJ);
    bool nmi = event & VS_SVM_EVENT_VALID && (event & VS_SVM_EVENT_TYPE) == VS_SVM_EVENT_NMI;
    if (nmi && s->int_ctl & VS_SVM_V_NMI_ENABLE) {
        s->int_ctl |= VS_SVM_V_NMI_BLOCKING;
    }
}

bool vs_svm_nmi_takes(struct vs_svm *s)
{
    bool held = s->int_ctl & VS_SVM_V_NMI_BLOCKING || !vs_svm_gif(s) ||
                s->int_state & VS_SVM_INTERRUPT_SHADOW;
    if (held || !(s->int_ctl & VS_SVM_V_NMI_PENDING)) {
        return false;
    }
    s->int_ctl = (s->int_ctl & ~VS_SVM_V_NMI_PENDING) | VS_SVM_V_NMI_BLOCKING;
    return true;
}

void vs_svm_nmi_returns(struct vs_svm *s)
{
    s->int_ctl &= ~VS_SVM_V_NMI_BLOCKING;
    s->nmi_masked = false;
}
