/* SPDX-License-Identifier: MIT */
/*
 * Instructions that drop translations, as a guest's (or native) kernel executes them, and as the
 * hypervisor does for it. Each costs itself and what it drops; where the controls say so it exits,
 * and the hypervisor carries it out.
 */
#include "cpu/vcpu.h"

#define INVPCID_LENGTH 9u
#define A64_LENGTH 4u
#define CR_LENGTH 3u
#define NO_FLUSH (1ull << 63)
#define PCID_BITS 0xfffull
/* CR4 (SDM 3A 2.5) */
#define CR4_PAE (1ull << 5)
#define CR4_PGE (1ull << 7)
#define CR4_LA57 (1ull << 12)
#define CR4_PCIDE (1ull << 17)
#define CR4_SMEP (1ull << 20)

static void charge(const struct vs_vcpu *v, struct vs_txn *t, unsigned account, uint64_t cycles)
{
    vs_ps cost = {cycles * v->clock.period_ps};
    vs_txn_settle(t);
    vs_charge(t, (uint16_t)(v->p->os_account + account), cost);
}

/* The instruction's own time, where it did not exit. */
static void own_time(struct vs_vcpu *v, unsigned account, uint64_t cycles)
{
    vs_cpu_instructions(&v->cpu, 1);
    charge(v, &v->txn, account, cycles);
}

/* ---- Arm ---- */

struct tlbi {
    struct vs_vcpu *v;
    enum vs_tlbi form;
    bool shareable;
    uint16_t asid;
    uint64_t at;
};

static uint64_t elsewhere(const struct vs_vcpu *v, enum vs_tlbi form,
                          const struct vs_ept_context *c, uint64_t at)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < v->p->n_vcpus; i++) {
        struct vs_vcpu *o = &v->p->vcpu[i];
        n += o == v ? 0 : vs_ept_tlbi_in(&o->ept, NULL, form, c, at);
    }
    return n;
}

static void execute_tlbi(void *ctx, struct vs_txn *t)
{
    const struct tlbi *i = ctx;
    struct vs_vcpu *v = i->v;
    struct vs_ept_context c = v->guest_context;
    c.pcid = i->asid;
    v->count[VS_CNT_os_tlbis]++;
    vs_cpu_instructions(&v->cpu, 1);
    vs_txn_settle(t);
    vs_open(t, VS_OP_INVALIDATE);
    charge(v, t, VS_ACC_os_tlbi, v->p->os.tlbi);
    (void)vs_ept_tlbi_in(&v->ept, NULL, i->form, &c, i->at);
    if (i->shareable) {
        v->count[VS_CNT_os_broadcast_dropped] += elsewhere(v, i->form, &c, i->at);
    }
    vs_close(t);
}

/* HCR_EL2.FB and BSU: what a guest means for its own core goes to all, and is waited for. */
static bool forced(const struct vs_vcpu *v)
{
    return v->p->el2 && (v->el2.hcr & VS_HCR_FB);
}

void vs__vcpu_tlbi(struct vs_vcpu *v, enum vs_tlbi form, bool shareable, uint16_t asid, uint64_t at)
{
    struct tlbi i = {v, form, shareable, asid, at};
    if (!v->p->el2 || !vs_el2_traps_tlbi(&v->el2)) {
        execute_tlbi(&i, &v->txn);
        return;
    }
    struct vs_trap e = {
        .kind = VS_TRAP_INVALIDATE, .scope = VS_TRAP_BROADCAST, .length = A64_LENGTH};
    struct vs_handling how = {.work = execute_tlbi, .ctx = &i};
    vs__vcpu_trap_always(v, &e, &how);
}

void vs__vcpu_dsb(struct vs_vcpu *v, bool shareable)
{
    own_time(v, VS_ACC_os_dsb, v->p->os.dsb);
    if (shareable) {
        charge(v, &v->txn, VS_ACC_os_dvm_sync, v->p->os.dvm_sync);
    }
}

bool vs__vcpu_shareable(const struct vs_vcpu *v)
{
    return v->p->os.shootdown == VS__BROADCAST || forced(v);
}

void vs__vcpu_tlbi_range(struct vs_vcpu *v, uint64_t at, uint64_t end, unsigned stride)
{
    bool shareable = vs__vcpu_shareable(v), all = at == end;
    uint16_t asid = v->guest_context.pcid;
    vs__vcpu_dsb(v, false);
    for (; at < end && !v->failed; at += 1ull << stride) {
        vs__vcpu_tlbi(v, VS_TLBI_VALE1, shareable, asid, at);
    }
    if (all) {
        vs__vcpu_tlbi(v, VS_TLBI_ASIDE1, shareable, asid, 0);
    }
    vs__vcpu_dsb(v, shareable);
}

void vs__vcpu_tlbi_request(struct vs_vcpu *v)
{
    static const enum vs_tlbi form[] = {[VS_REQ_VAE1] = VS_TLBI_VAE1,
                                        [VS_REQ_VALE1] = VS_TLBI_VALE1,
                                        [VS_REQ_VAAE1] = VS_TLBI_VAAE1,
                                        [VS_REQ_VAALE1] = VS_TLBI_VAALE1,
                                        [VS_REQ_ASIDE1] = VS_TLBI_ASIDE1,
                                        [VS_REQ_VMALLE1] = VS_TLBI_VMALLE1,
                                        [VS_REQ_IPAS2E1] = VS_TLBI_IPAS2E1,
                                        [VS_REQ_IPAS2LE1] = VS_TLBI_IPAS2LE1,
                                        [VS_REQ_VMALLS12E1] = VS_TLBI_VMALLS12E1,
                                        [VS_REQ_ALLE1] = VS_TLBI_ALLE1};
    const struct vs_request *r = &v->request;
    uint64_t which = r->a & (VS_REQ_TLBI_IS - 1u);
    bool shareable = (r->a & VS_REQ_TLBI_IS) != 0 || forced(v);
    if (!vs__vcpu_arm(v)) {
        vs__vcpu_refuse(v, "TLBI is Arm's; this machine's guests are x86: cpu:invlpg, cpu:invpcid");
    } else if (which >= VS_REQ_IPAS2E1 && v->p->virtualized) {
        vs__vcpu_refuse(v, "TLBI of stage 2 or of every VMID is EL2's: undefined in a guest, whose "
                           "forms are vae1, vale1, vaae1, vaale1, aside1 and vmalle1, with is or "
                           "without");
    } else {
        vs__vcpu_tlbi(v, form[which], shareable, (uint16_t)r->b, r->address);
        vs__vcpu_dsb(v, shareable);
    }
}

/* One page of the present address space, here, by the instruction that the architecture has. */
void vs__vcpu_invalidate_page(struct vs_vcpu *v, uint64_t at)
{
    if (!vs__vcpu_arm(v)) {
        vs__space_invlpg(v, at);
        return;
    }
    bool shareable = forced(v);
    vs__vcpu_tlbi(v, VS_TLBI_VAE1, shareable, v->guest_context.pcid, at);
    vs__vcpu_dsb(v, shareable);
}

/* ---- x86 ---- */

void vs__vcpu_invpcid(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    const struct vs_request *r = &v->request;
    vs_gva at = {r->address};
    struct vs_trap e = {.kind = VS_TRAP_INVALIDATE,
                        .scope = VS_TRAP_CONTEXT,
                        .number = (uint32_t)r->a,
                        .gva = at,
                        .length = INVPCID_LENGTH};
    if (vs__vcpu_arm(v)) {
        vs__vcpu_refuse(v, "INVPCID is x86's; this machine's guests are Arm's: cpu:tlbi");
        return;
    }
    if (r->a < 2u && r->b && !(v->cr4 & CR4_PCIDE)) {
        vs__vcpu_fail(v, "INVPCID of PCID %llu with CR4.PCIDE clear: #GP",
                      (unsigned long long)r->b);
        return;
    }
    if (p->virtualized && !p->svm && !v->vmx.config.control_invpcid) {
        vs__vcpu_refuse(v, "INVPCID: #UD, since vmcs.control.invpcid = 0");
        return;
    }
    if (p->shadow) {
        vs__vcpu_shadow_invpcid(v, &e);
        return;
    }
    if (!p->virtualized || !vs__vcpu_trap(v, &e, NULL)) {
        own_time(v, VS_ACC_os_invpcid, p->os.invpcid);
    }
    vs_txn_settle(&v->txn);
    vs_ept_invpcid(&v->ept, &v->txn, (unsigned)r->a, (uint16_t)r->b, at);
}

static void emulate_invlpga(void *ctx, struct vs_txn *t)
{
    struct vs_vcpu *v = ctx;
    vs_gva at = {v->request.address};
    vs__host_flush_linear(v, t, true, at);
}

/* KVM's invlpga_interception: the guest's ASIDs are its own; its translations are all under one. */
void vs__vcpu_invlpga(struct vs_vcpu *v)
{
    struct vs_trap e = {.kind = VS_TRAP_INVALIDATE,
                        .scope = VS_TRAP_PAGE_OF_TAG,
                        .gva = {v->request.address},
                        .length = CR_LENGTH};
    struct vs_handling how = {.work = emulate_invlpga, .ctx = v};
    if (!v->p->svm) {
        vs__vcpu_refuse(v, "INVLPGA is AMD's, with SVM: it needs paging.mode = npt");
        return;
    }
    vs__vcpu_trap_always(v, &e, &how);
}

/* ---- control registers ---- */

static bool bad_cr3(struct vs_vcpu *v, uint64_t value)
{
    uint64_t reserved = ~((1ull << v->p->ept.physical_bits) - 1u);
    reserved &= v->cr4 & CR4_PCIDE ? ~NO_FLUSH : UINT64_MAX;
    if (value & reserved) {
        vs__vcpu_fail(v, "MOV to CR3 = 0x%llx: #GP, reserved bits 0x%llx are set%s",
                      (unsigned long long)value, (unsigned long long)(value & reserved),
                      value & reserved & NO_FLUSH ? " (bit 63 needs CR4.PCIDE: guest.pcid = 1)"
                                                  : "");
    }
    return (value & reserved) != 0;
}

static bool bad_cr4(struct vs_vcpu *v, uint64_t value)
{
    const char *why = value >> 32                   ? "bits 63:32 are reserved"
                      : !(value & CR4_PAE)          ? "PAE is clear in 64-bit mode"
                      : (value ^ v->cr4) & CR4_LA57 ? "LA57 changes in 64-bit mode"
                      : value & ~v->cr4 & CR4_PCIDE && v->guest_context.pcid
                          ? "PCIDE is set while CR3 holds a PCID"
                          : NULL;
    if (why) {
        vs__vcpu_fail(v, "MOV to CR4 = 0x%llx: #GP, %s; it is 0x%llx", (unsigned long long)value,
                      why, (unsigned long long)v->cr4);
    }
    return why != NULL;
}

/* SDM 3A 4.10.4.1: PGE changed or PCIDE cleared: everything, global or not, of every PCID; SMEP
 * set: of the present PCID, at least. All of it goes here in each case. */
static void cr4_changed(struct vs_vcpu *v, uint64_t value)
{
    uint64_t changed = value ^ v->cr4;
    bool all = changed & CR4_PGE || (changed & ~value & CR4_PCIDE);
    v->cr4 = value;
    v->ept.cfg.global_pages = (value & CR4_PGE) != 0;
    if (!all && !(changed & value & CR4_SMEP)) {
        return;
    }
    if (v->p->shadow) {
        vs__vcpu_shadow_cr4(v);
        return;
    }
    vs_gva none = {0};
    vs_txn_settle(&v->txn);
    vs_ept_flush(&v->ept, &v->txn, VS_FLUSH_VPID, v->guest_context.vpid, 0, 0, none);
}

void vs__vcpu_write_cr(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    const struct vs_request *r = &v->request;
    uint64_t value = r->a == 4 && !r->b ? v->cr4 : r->b;
    struct vs_trap e = {.kind = VS_TRAP_CONTROL_REGISTER,
                        .number = (uint32_t)r->a,
                        .write = true,
                        .value = value,
                        .length = CR_LENGTH};
    bool x86 = !vs__vcpu_arm(v) && !p->recorded;
    if (r->a == 3) {
        bool keep = p->recorded && p->os.replay_mov_cr3;
        if (!x86 || !bad_cr3(v, value)) {
            vs__space_load_cr3(v, keep ? NO_FLUSH : value);
        }
        return;
    }
    if (r->a == 4 && x86 && bad_cr4(v, value)) {
        return;
    }
    if (!p->virtualized || !vs__vcpu_trap(v, &e, NULL)) {
        charge(v, &v->txn, VS_ACC_os_mov_cr, p->os.mov_cr);
    }
    if (r->a == 4 && x86) {
        cr4_changed(v, value);
    }
}

/* ---- the hypervisor's ---- */

/* KVM's vpid_sync_vcpu_addr: what the processor lacks is done by the next larger type. */
static void invvpid(struct vs_vcpu *v, struct vs_txn *t, bool page, vs_gva at)
{
    static const unsigned order[2][3] = {{1, 2, 2}, {0, 1, 2}};
    for (unsigned i = 0; i < 3; i++) {
        if (vs_vmx_invvpid(&v->vmx, t, order[page][i], v->guest_context.vpid, at) == VS_VMX_OK) {
            return;
        }
    }
    vs__vcpu_fail(v, "INVVPID is refused: vmcs.cap.ept_vpid has no type of it");
}

void vs__host_flush_linear(struct vs_vcpu *v, struct vs_txn *t, bool page, vs_gva at)
{
    enum vs_flush what = page ? VS_FLUSH_VPID_ADDRESS : VS_FLUSH_VPID;
    uint16_t vpid = v->guest_context.vpid;
    if (!t || !vpid) { /* before time; or untagged: each transition drops what it drops */
        (void)vs_ept_flush(&v->ept, NULL, what, vpid, 0, 0, at);
        return;
    }
    vs_txn_settle(t);
    if (!v->p->svm) {
        vs_open(t, VS_OP_INVALIDATE);
        invvpid(v, t, page, at);
        vs_close(t);
        return;
    }
    if (page) { /* KVM's svm_flush_tlb_gva; of the whole ASID the next VMRUN takes care */
        vs_cpu_instructions(&v->cpu, 1);
        charge(v, t, VS_ACC_os_invlpga, v->p->os.invlpga);
        (void)vs_ept_invlpga(&v->ept, t, vpid, at);
    } else {
        vs_svm_flush_asid(&v->svm, t);
    }
}

/* What the processor lacks is done by the next larger type. */
static void invept(struct vs_vcpu *v, struct vs_txn *t)
{
    uint64_t eptp = 0;
    vs_vmx_read(&v->vmx, NULL, VS_VMCS_EPT_POINTER, &eptp);
    if (vs_vmx_invept(&v->vmx, t, 1, eptp) != VS_VMX_OK &&
        vs_vmx_invept(&v->vmx, t, 2, 0) != VS_VMX_OK) {
        vs__vcpu_fail(v, "INVEPT is refused: vmcs.cap.ept_vpid has no type of it");
    }
}

void vs__host_flush_physical(struct vs_vcpu *v, struct vs_txn *t)
{
    vs_gva none = {0};
    if (!t) {
        (void)vs_ept_flush(&v->ept, NULL, VS_FLUSH_EPT, 0, 0, v->guest_context.eptp, none);
        return;
    }
    vs_txn_settle(t);
    if (v->p->svm) {
        vs_svm_flush_asid(&v->svm, t);
        return;
    }
    if (!v->p->el2) {
        vs_open(t, VS_OP_INVALIDATE);
        invept(v, t);
        vs_close(t);
        return;
    }
    struct tlbi i = {v, VS_TLBI_VMALLS12E1, true, 0, 0};
    execute_tlbi(&i, t);
    vs__vcpu_dsb(v, true);
}
