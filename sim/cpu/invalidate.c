/* SPDX-License-Identifier: MIT */
/* Arm's instructions that drop translations, as the processor executes them for whatever software.
 */
#include "vcpu.h"

void vcpu_charge(const struct vs_vcpu *v, struct vs_txn *t, unsigned account, uint64_t cycles)
{
    vs_ps cost = {cycles * v->hw->clock.period_ps};
    vs_charge_beside(t, (uint16_t)(v->p->vcpu_account + account), cost);
}

/* The instruction's own time, where it did not exit. */
void vcpu_own_time(struct vs_vcpu *v, unsigned account, uint64_t cycles)
{
    if (vcpu_soft(v) && account == VS_ACC_vcpu_exception) {
        vcpu_exception(v);
    } else if (vcpu_soft(v)) { /* it is translated as others are */
        vcpu_instructions(v, 1, true);
    } else if (v->translator && account == VS_ACC_vcpu_system) {
        return; /* of a translated kernel: the translation has emulated it, which was its time */
    } else {
        vs_cpu_instructions(&v->hw->cpu, 1);
        vcpu_charge(v, &v->txn, account, cycles);
    }
}

/* The other cores drop it too; returns how many translations they had. */
static uint64_t elsewhere(const struct vs_vcpu *v, enum vs_tlbi form,
                          const struct vs_ept_context *c, uint64_t at)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < v->p->n_hwthreads; i++) {
        struct vs_hwthread *o = &v->p->hwthread[i];
        n += o == v->hw || !o->p ? 0 : vs_ept_tlbi_in(&o->ept, NULL, form, c, at);
    }
    return n;
}

void vcpu_execute_tlbi(void *ctx, struct vs_txn *t)
{
    const struct vs_tlbi_executed *i = ctx;
    struct vs_vcpu *v = i->v;
    struct vs_ept_context c = v->guest_context;
    c.pcid = i->asid;
    v->count[VS_CNT_vcpu_tlbis]++;
    vs_cpu_instructions(&v->hw->cpu, 1);
    vs_txn_settle(t);
    vs_open(t, VS_OP_INVALIDATE);
    vcpu_charge(v, t, VS_ACC_vcpu_tlbi, v->p->times.tlbi);
    (void)vs_ept_tlbi_in(&v->hw->ept, NULL, i->form, &c, i->at);
    if (i->shareable) {
        v->count[VS_CNT_vcpu_broadcast_dropped] += elsewhere(v, i->form, &c, i->at);
    }
    vs_close(t);
}

void vcpu_dsb(struct vs_vcpu *v, bool shareable)
{
    vcpu_own_time(v, VS_ACC_vcpu_dsb, v->p->times.dsb);
    if (shareable) {
        vcpu_charge(v, &v->txn, VS_ACC_vcpu_dvm_sync, v->p->times.dvm_sync);
    }
}
