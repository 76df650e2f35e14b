/* SPDX-License-Identifier: MIT */
/*
 * What a VM entry checks of the guest-state area; a failure is exit reason 33 with bit 31 set
 * (SDM vol. 3, checks on the guest state area). The order is the manual's.
 */
#include "vmcs/vmcs_impl.h"

enum segment { ES, CS, SS, DS, FS, GS, LDTR, TR };

static const struct {
    unsigned selector, base, limit, rights;
} segments[8] = {
#define SEGMENT(s)                                                                                 \
    {                                                                                              \
        VS_VMCS_AT_GUEST_##s##_SELECTOR, VS_VMCS_AT_GUEST_##s##_BASE,                              \
            VS_VMCS_AT_GUEST_##s##_LIMIT, VS_VMCS_AT_GUEST_##s##_RIGHTS                            \
    }
    SEGMENT(ES), SEGMENT(CS), SEGMENT(SS),   SEGMENT(DS),
    SEGMENT(FS), SEGMENT(GS), SEGMENT(LDTR), SEGMENT(TR),
#undef SEGMENT
};

/* Checks the guest's control registers, debug registers and MSRs. */
static struct vs_vmx_verdict check_registers(const struct vs_vmx *x, struct vs_vmx_verdict v)
{
    const struct vs_vmcs_config *c = &x->config;
    uint64_t entry = VS_GET(x, ENTRY_CONTROLS), cr0 = VS_GET(x, GUEST_CR0),
             cr4 = VS_GET(x, GUEST_CR4);
    uint64_t unrestricted =
        vs_vmx_proc2(x) & VS_PROC2_UNRESTRICTED ? VS_VMX_BIT(0) | VS_VMX_BIT(31) : 0;
    bool guest64 = (entry & VS_ENTRY_GUEST_64) != 0, paging = (cr0 & VS_VMX_BIT(31)) != 0;
    VS_RULE(v, (~cr0 & c->cap_cr0_fixed0 & ~unrestricted) == 0 && (cr0 & ~c->cap_cr0_fixed1) == 0);
    VS_RULE(v, !paging || cr0 & 1);
    VS_RULE(v, (~cr4 & c->cap_cr4_fixed0) == 0 && (cr4 & ~c->cap_cr4_fixed1) == 0);
    VS_RULE(v, !(cr4 & VS_VMX_BIT(23)) || cr0 & VS_VMX_BIT(16));
    if (entry & VS_ENTRY_LOAD_DEBUG) {
        VS_RULE(v, (VS_GET(x, GUEST_DEBUGCTL) & ~UINT64_C(0xffc3)) == 0);
        VS_RULE(v, VS_GET(x, GUEST_DR7) >> 32 == 0);
    }
    VS_RULE(v, !guest64 || (paging && cr4 & VS_VMX_BIT(5)));
    VS_RULE(v, guest64 || !(cr4 & VS_VMX_BIT(17))); /* PCIDE */
    VS_RULE(v, vs_vmx_physical(x, VS_GET(x, GUEST_CR3)));
    VS_RULE(v, vs_vmx_canonical(VS_GET(x, GUEST_SYSENTER_ESP)));
    VS_RULE(v, vs_vmx_canonical(VS_GET(x, GUEST_SYSENTER_EIP)));
    VS_RULE(v, !(entry & VS_ENTRY_LOAD_PERF) ||
                   !(VS_GET(x, GUEST_PERF_GLOBAL_CTRL) & ~VS_PERF_GLOBAL_CTRL));
    VS_RULE(v, !(entry & VS_ENTRY_LOAD_PAT) || vs__vmx_pat_valid(VS_GET(x, GUEST_PAT)));
    VS_RULE(v, !(entry & VS_ENTRY_LOAD_PKRS) || VS_GET(x, GUEST_PKRS) >> 32 == 0);
    VS_RULE(v, !(entry & VS_ENTRY_LOAD_CET) ||
                   vs__vmx_cet_valid(VS_GET(x, GUEST_S_CET), VS_GET(x, GUEST_SSP_TABLE)));
    VS_RULE(v, !(entry & VS_ENTRY_LOAD_CET) ||
                   (vs_vmx_fits(VS_GET(x, GUEST_SSP)) && !(VS_GET(x, GUEST_SSP) & 3)));
    if (entry & VS_ENTRY_LOAD_EFER) {
        uint64_t efer = VS_GET(x, GUEST_EFER);
        VS_RULE(v, (efer & ~UINT64_C(0xd01)) == 0);
        VS_RULE(v, (efer >> 10 & 1) == guest64);
        VS_RULE(v, !paging || (efer >> 8 & 1) == (efer >> 10 & 1));
    }
    VS_RULE(v, !(entry & VS_ENTRY_LOAD_BNDCFGS) ||
                   ((VS_GET(x, GUEST_BNDCFGS) & 0xffc) == 0 &&
                    vs_vmx_canonical(VS_GET(x, GUEST_BNDCFGS) & ~UINT64_C(0xfff))));
    return v;
}

/* Checks the access rights of one of the guest's segments. */
static struct vs_vmx_verdict check_rights(const struct vs_vmx *x, struct vs_vmx_verdict v,
                                          unsigned s, bool guest64)
{
    uint64_t ar = vs_vmx_get(x, segments[s].rights), limit = vs_vmx_get(x, segments[s].limit);
    uint64_t type = ar & VS_AR_TYPE, dpl = VS_AR_DPL(ar);
    bool usable = !(ar & VS_AR_UNUSABLE);
    bool unrestricted = (vs_vmx_proc2(x) & VS_PROC2_UNRESTRICTED) != 0;
    if (s == CS) {
        uint64_t stack = VS_AR_DPL(VS_GET(x, GUEST_SS_RIGHTS));
        VS_RULE(v, usable && ((type & 9) == 9 || (type == 3 && unrestricted)));
        VS_RULE(v, type != 3 || dpl == 0);
        VS_RULE(v, type == 3 || (type & 4 ? dpl <= stack : dpl == stack)); /* 4: conforming */
        VS_RULE(v, !(guest64 && ar & VS_AR_L && ar & VS_AR_DB));
    } else if (s == SS) {
        bool real = (VS_GET(x, GUEST_CS_RIGHTS) & VS_AR_TYPE) == 3 || !(VS_GET(x, GUEST_CR0) & 1);
        VS_RULE(v, !usable || type == 3 || type == 7);
        VS_RULE(v, !real || dpl == 0);
    } else if (s < LDTR) {
        uint64_t rpl = vs_vmx_get(x, segments[s].selector) & 3;
        VS_RULE(v,
                !usable || (type & 1 && (!(type & 8) || type & 2))); /* accessed; code readable */
        VS_RULE(v, !usable || unrestricted || type > 11 || dpl >= rpl);
    } else if (s == TR) {
        VS_RULE(v, usable && (type == 11 || (type == 3 && !guest64)));
    } else {
        VS_RULE(v, !usable || type == 2);
    }
    VS_RULE(v, !usable || !!(ar & VS_AR_S) == (s < LDTR));
    VS_RULE(v, !usable || ar & VS_AR_P);
    VS_RULE(v, !usable || !(ar & VS_AR_RESERVED));
    VS_RULE(v, !usable || (limit & 0xfff) == 0xfff || !(ar & VS_AR_G));
    VS_RULE(v, !usable || limit >> 20 == 0 || ar & VS_AR_G);
    return v;
}

/* Checks the guest's segments. */
static struct vs_vmx_verdict check_segments(const struct vs_vmx *x, struct vs_vmx_verdict v)
{
    bool guest64 = (VS_GET(x, ENTRY_CONTROLS) & VS_ENTRY_GUEST_64) != 0;
    bool unrestricted = (vs_vmx_proc2(x) & VS_PROC2_UNRESTRICTED) != 0;
    bool v86 = VS_GET(x, GUEST_RFLAGS) >> 17 & 1;
    uint64_t cs = VS_GET(x, GUEST_CS_SELECTOR), ss = VS_GET(x, GUEST_SS_SELECTOR);
    VS_RULE(v, !(VS_GET(x, GUEST_TR_SELECTOR) & 4));
    VS_RULE(v,
            VS_GET(x, GUEST_LDTR_RIGHTS) & VS_AR_UNUSABLE || !(VS_GET(x, GUEST_LDTR_SELECTOR) & 4));
    VS_RULE(v, v86 || unrestricted || (cs & 3) == (ss & 3));
    for (unsigned s = ES; s <= TR; s++) {
        uint64_t base = vs_vmx_get(x, segments[s].base), ar = vs_vmx_get(x, segments[s].rights);
        if (s == TR || s == FS || s == GS || s == LDTR) {
            VS_RULE(v, vs_vmx_canonical(base) || (s == LDTR && ar & VS_AR_UNUSABLE));
        } else {
            VS_RULE(v, base >> 32 == 0 || (s != CS && ar & VS_AR_UNUSABLE));
        }
        if (v86 && s < LDTR) {
            VS_RULE(v, base == vs_vmx_get(x, segments[s].selector) << 4);
            VS_RULE(v, vs_vmx_get(x, segments[s].limit) == 0xffff);
            VS_RULE(v, ar == 0xf3);
        } else {
            v = check_rights(x, v, s, guest64);
            if (v.failed) {
                return v;
            }
        }
    }
    VS_RULE(v, v86 || unrestricted || VS_AR_DPL(VS_GET(x, GUEST_SS_RIGHTS)) == (ss & 3));
    VS_RULE(v,
            vs_vmx_canonical(VS_GET(x, GUEST_GDTR_BASE)) && VS_GET(x, GUEST_GDTR_LIMIT) <= 0xffff);
    VS_RULE(v,
            vs_vmx_canonical(VS_GET(x, GUEST_IDTR_BASE)) && VS_GET(x, GUEST_IDTR_LIMIT) <= 0xffff);
    return v;
}

/* Checks RIP and RFLAGS of the guest. */
static struct vs_vmx_verdict check_flow(const struct vs_vmx *x, struct vs_vmx_verdict v)
{
    bool guest64 = (VS_GET(x, ENTRY_CONTROLS) & VS_ENTRY_GUEST_64) != 0;
    uint64_t flags = VS_GET(x, GUEST_RFLAGS), info = VS_GET(x, ENTRY_INTERRUPTION_INFO);
    bool external = info & VS_INTR_VALID && VS_INTR_TYPE(info) == VS_INTR_EXTERNAL;
    VS_RULE(v, vs__vmx_rip_valid(x));
    VS_RULE(v, flags & 2 && (flags & ~UINT64_C(0x3f7fd7)) == 0);
    VS_RULE(v, !(flags >> 17 & 1) || (!guest64 && VS_GET(x, GUEST_CR0) & 1));
    VS_RULE(v, !external || flags >> 9 & 1);
    return v;
}

/* What RFLAGS.TF means for an instruction whose trap is still due (`shadowed`: the event that it
 * would end with is held back): BS is set exactly when single-stepping, by instruction, is on. RTM
 * says that #DB occurred inside of a transaction: alone, with bit 12. */
static struct vs_vmx_verdict check_pending_debug(const struct vs_vmx *x, struct vs_vmx_verdict v,
                                                 bool shadowed)
{
    uint64_t pending = VS_GET(x, GUEST_PENDING_DEBUG);
    bool steps = VS_GET(x, GUEST_RFLAGS) >> 8 & 1 && !(VS_GET(x, GUEST_DEBUGCTL) >> 1 & 1);
    bool rtm = pending >> 16 & 1;
    VS_RULE(v, (pending & ~UINT64_C(0x1500f)) == 0);
    VS_RULE(v, !shadowed || (pending >> 14 & 1) == steps);
    VS_RULE(v, !rtm || (pending & 0xefff) == 0);
    VS_RULE(v, !rtm || pending >> 12 & 1);
    VS_RULE(v, !rtm || !(VS_GET(x, GUEST_INTERRUPTIBILITY) & VS_BLOCKED_MOV_SS));
    return v;
}

/* The region that the link pointer names has this processor's revision, and is a shadow VMCS
 * exactly when VMCS shadowing is on. */
static bool link_valid(const struct vs_vmx *x, uint64_t link)
{
    if (!vs_vmx_page(x, link) || link == x->current || link >= vs_phys_size(x->wire.phys)) {
        return false;
    }
    uint32_t head = (uint32_t)vs_phys_read64(x->wire.phys, (vs_hpa){link});
    bool shadowing = (vs_vmx_proc2(x) & VS_PROC2_SHADOWING) != 0;
    return (head & 0x7fffffffu) == x->config.cap_revision && head >> 31 == shadowing;
}

/* Activity, interruptibility, link pointer: the state that is not in registers. */
static struct vs_vmx_verdict check_state(const struct vs_vmx *x, struct vs_vmx_verdict v)
{
    uint64_t activity = VS_GET(x, GUEST_ACTIVITY), blocking = VS_GET(x, GUEST_INTERRUPTIBILITY);
    uint64_t info = VS_GET(x, ENTRY_INTERRUPTION_INFO), link = VS_GET(x, VMCS_LINK_POINTER);
    uint64_t type = VS_INTR_TYPE(info), vector = info & VS_INTR_VECTOR, misc = x->config.cap_misc;
    bool inject = (info & VS_INTR_VALID) != 0;
    VS_RULE(v, activity == VS_ACTIVITY_ACTIVE ||
                   (activity == VS_ACTIVITY_HLT && misc & VS_MISC_HLT) ||
                   (activity == VS_ACTIVITY_SHUTDOWN && misc & VS_MISC_SHUTDOWN) ||
                   (activity == VS_ACTIVITY_WAIT_SIPI && misc & VS_MISC_WAIT_SIPI));
    VS_RULE(v, activity != VS_ACTIVITY_HLT || VS_AR_DPL(VS_GET(x, GUEST_SS_RIGHTS)) == 0);
    VS_RULE(v, activity == VS_ACTIVITY_ACTIVE || !(blocking & 3));
    VS_RULE(v, !inject || activity != VS_ACTIVITY_WAIT_SIPI);
    bool nmi = inject && type == VS_INTR_NMI,
         check = inject && type == VS_INTR_EXCEPTION && vector == 18;
    VS_RULE(v, !inject || activity != VS_ACTIVITY_HLT || type == VS_INTR_EXTERNAL || nmi || check ||
                   (type == VS_INTR_EXCEPTION && vector == 1) || type == VS_INTR_OTHER);
    VS_RULE(v, !inject || activity != VS_ACTIVITY_SHUTDOWN || nmi || check);
    VS_RULE(v, (blocking & ~UINT64_C(0x1f)) == 0);
    VS_RULE(v, (blocking & (VS_BLOCKED_STI | VS_BLOCKED_MOV_SS)) !=
                   (VS_BLOCKED_STI | VS_BLOCKED_MOV_SS));
    VS_RULE(v, !(blocking & VS_BLOCKED_STI) || VS_GET(x, GUEST_RFLAGS) >> 9 & 1);
    VS_RULE(v, !inject || type != VS_INTR_EXTERNAL ||
                   !(blocking & (VS_BLOCKED_STI | VS_BLOCKED_MOV_SS)));
    VS_RULE(v, !nmi || !(blocking & VS_BLOCKED_MOV_SS));
    VS_RULE(v, !(blocking & VS_BLOCKED_SMI)); /* blocked in SMM only */
    v.qualification = 3;                      /* where a processor requires it at all: these do */
    VS_RULE(v, !nmi || !(blocking & VS_BLOCKED_STI));
    v.qualification = 0;
    VS_RULE(v, !nmi || !(VS_GET(x, PIN_CONTROLS) & VS_PIN_VIRTUAL_NMIS) ||
                   !(blocking & VS_BLOCKED_NMI));
    VS_RULE(v, !(blocking & VS_BLOCKED_ENCLAVE)); /* no processor here has SGX */
    v = check_pending_debug(
        x, v, activity == VS_ACTIVITY_HLT || blocking & (VS_BLOCKED_STI | VS_BLOCKED_MOV_SS));
    if (v.failed) {
        return v;
    }
    v.qualification = 4;
    VS_RULE(v, link == UINT64_MAX || link_valid(x, link));
    v.qualification = 0;
    return v;
}

/* PAE guests under EPT bring their PDPTEs along; without EPT they are where CR3 says. */
static struct vs_vmx_verdict check_pdptes(const struct vs_vmx *x, struct vs_vmx_verdict v)
{
    bool guest64 = (VS_GET(x, ENTRY_CONTROLS) & VS_ENTRY_GUEST_64) != 0;
    bool pae = VS_GET(x, GUEST_CR0) >> 31 & 1 && VS_GET(x, GUEST_CR4) >> 5 & 1 && !guest64;
    if (!pae) {
        return v;
    }
    bool ept = (vs_vmx_proc2(x) & VS_PROC2_EPT) != 0;
    uint64_t table = VS_GET(x, GUEST_CR3) & UINT64_C(0xffffffe0);
    v.qualification = 2;
    for (unsigned i = 0; i < 4; i++) {
        vs_hpa at = {table + 8u * i};
        uint64_t e =
            ept ? vs_vmx_get(x, VS_VMCS_AT_GUEST_PDPTE0 + i) : vs_phys_read64(x->wire.phys, at);
        VS_RULE(v, !(e & 1) || ((e & 0x1e6) == 0 && vs_vmx_physical(x, e)));
    }
    v.qualification = 0;
    return v;
}

struct vs_vmx_verdict vs__vmx_check_guest(const struct vs_vmx *x)
{
    struct vs_vmx_verdict v = {0, 0, NULL};
    struct vs_vmx_verdict (*const steps[])(const struct vs_vmx *, struct vs_vmx_verdict) = {
        check_registers, check_segments, check_flow, check_state, check_pdptes};
    for (size_t i = 0; i < sizeof steps / sizeof *steps && !v.failed; i++) {
        v = steps[i](x, v);
    }
    return v;
}
