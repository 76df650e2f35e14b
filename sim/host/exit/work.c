/* SPDX-License-Identifier: MIT */
/* What this hypervisor does at an exit besides the program of its reason. */
#include "host/host.h"

/* The processor is told of registers that this guest begins to use. */
static void list_registers(void *work, struct vs_txn *t)
{
    struct vs_host_work *w = work;
    while (w->v->world.lists(w->v->world.ctx, t, w->trap)) {
        vs_hv_run(&w->v->hv, t, VS_HV_ENTRY_LIST);
    }
}

/* Is this access to a model-specific register such a beginning? */
static bool lists(const struct vs_vcpu *v, const struct vs_trap *t)
{
    bool msr = t->kind == VS_TRAP_MSR_READ || t->kind == VS_TRAP_MSR_WRITE;
    return msr && v->world.lists && v->world.lists(v->world.ctx, NULL, t);
}

bool host_work_of(struct vs_host_work *w, struct vs_handling *how)
{
    const struct vs_trap *t = w->trap;
    *how = (struct vs_handling){.ctx = w};
    if (t->kind == VS_TRAP_HYPERCALL && t->number == VS__CALL_FLUSH) {
        how->work = host_flush_others;
    } else if (t->kind == VS_TRAP_INVALIDATE && t->scope == VS_TRAP_PAGE_OF_TAG) {
        how->work = host_emulate_invlpga;
    } else if (lists(w->v, t)) {
        how->work = list_registers;
    } else if (vcpu_soft(w->v)) {
        return host_tcg_work(w, how);
    } else if (w->v->p->shadow) {
        return host_shadow_work(w, how);
    }
    return how->work != NULL;
}
