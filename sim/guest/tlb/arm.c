/* SPDX-License-Identifier: MIT */
/*
 * TLBI and DSB, as the kernel of an Arm guest (or native system) executes them. Each costs itself
 * and what it drops; where the controls say so it traps, and the hypervisor carries it out.
 */
#include "tlb.h"

#define A64_LENGTH 4u

/* HCR_EL2.FB and BSU: what a guest means for its own core goes to all, and is waited for. */
static bool forced(const struct vs_vcpu *v)
{
    return v->p->virtualized && v->p->force_broadcast;
}

/* The instruction is an IS form itself, whatever HCR_EL2.FB makes of another one. */
static bool says_shareable(const struct vs_vcpu *v)
{
    const struct vs_request *r = &v->request;
    return r->kind == VS_REQ_TLBI     ? (r->a & VS_REQ_TLBI_IS) != 0
           : r->kind == VS_REQ_INVLPG ? false
                                      : v->p->os.shootdown == VS__BROADCAST;
}

/* The instruction as the syndrome has it: Op0 is 1, CRn 8 (Linux arch/arm64/include/asm/sysreg.h,
 * OP_TLBI_*). Without an operand Rt is 31. */
static struct vs_trap tlbi_trap(enum vs_tlbi form, bool shareable, uint64_t at)
{
    static const struct {
        uint8_t op1, crm, shared_crm, op2;
        bool operand;
    } of[VS_TLBI_FORMS] = {
        [VS_TLBI_VAE1] = {0, 7, 3, 1, true},        [VS_TLBI_VALE1] = {0, 7, 3, 5, true},
        [VS_TLBI_VAAE1] = {0, 7, 3, 3, true},       [VS_TLBI_VAALE1] = {0, 7, 3, 7, true},
        [VS_TLBI_ASIDE1] = {0, 7, 3, 2, true},      [VS_TLBI_VMALLE1] = {0, 7, 3, 0, false},
        [VS_TLBI_IPAS2E1] = {4, 4, 0, 1, true},     [VS_TLBI_IPAS2LE1] = {4, 4, 0, 5, true},
        [VS_TLBI_VMALLS12E1] = {4, 7, 3, 6, false}, [VS_TLBI_ALLE1] = {4, 7, 3, 4, false}};
    uint32_t crm = shareable ? of[form].shared_crm : of[form].crm;
    return (struct vs_trap){
        .kind = VS_TRAP_INVALIDATE,
        .number = VS_SYSREG(1u, (uint32_t)of[form].op1, 8u, crm, (uint32_t)of[form].op2),
        .gpr = of[form].operand ? 0 : 31,
        .gva = {at},
        .length = A64_LENGTH};
}

void guest_tlb_tlbi(struct vs_vcpu *v, enum vs_tlbi form, bool shareable, uint16_t asid,
                    uint64_t at)
{
    struct vs_tlbi_executed i = {v, form, shareable, asid, at};
    struct vs_trap e = tlbi_trap(form, says_shareable(v), at);
    struct vs_handling how = {.work = vcpu_execute_tlbi, .ctx = &i};
    if (!v->p->virtualized || !vcpu_trap(v, &e, &how)) {
        vcpu_execute_tlbi(&i, &v->txn);
    }
}

bool guest_tlb_shareable(const struct vs_vcpu *v)
{
    return v->p->os.shootdown == VS__BROADCAST || forced(v);
}

void guest_tlb_tlbi_range(struct vs_vcpu *v, uint64_t at, uint64_t end, unsigned stride)
{
    bool shareable = guest_tlb_shareable(v), all = at == end;
    uint16_t asid = v->guest_context.pcid;
    vcpu_dsb(v, false);
    for (; at < end && !v->failed; at += 1ull << stride) {
        guest_tlb_tlbi(v, VS_TLBI_VALE1, shareable, asid, at);
    }
    if (all) {
        guest_tlb_tlbi(v, VS_TLBI_ASIDE1, shareable, asid, 0);
    }
    vcpu_dsb(v, shareable);
}

void guest_tlb_tlbi_request(struct vs_vcpu *v)
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
    if (which >= VS_REQ_IPAS2E1 && v->p->virtualized) {
        vcpu_refuse(v, "TLBI of stage 2 or of every VMID is EL2's: undefined in a guest, whose "
                       "forms are vae1, vale1, vaae1, vaale1, aside1 and vmalle1, with is or "
                       "without");
    } else {
        guest_tlb_tlbi(v, form[which], shareable, (uint16_t)r->b, r->address);
        vcpu_dsb(v, shareable);
    }
}

void guest_tlb_tlbi_page(struct vs_vcpu *v, uint64_t at)
{
    bool shareable = forced(v);
    guest_tlb_tlbi(v, VS_TLBI_VAE1, shareable, v->guest_context.pcid, at);
    vcpu_dsb(v, shareable);
}
