/* SPDX-License-Identifier: MIT */
/* What this hypervisor does at an exit besides the program of its reason. */
#include "host/host.h"

bool host_work_of(struct vs_host_work *w, struct vs_handling *how)
{
    const struct vs_trap *t = w->trap;
    *how = (struct vs_handling){.ctx = w};
    if (t->kind == VS_TRAP_HYPERCALL && t->number == VS__CALL_FLUSH) {
        how->work = host_flush_others;
    } else if (t->kind == VS_TRAP_INVALIDATE && t->scope == VS_TRAP_PAGE_OF_TAG) {
        how->work = host_emulate_invlpga;
    } else if (vcpu_soft(w->v)) {
        return host_tcg_work(w, how);
    } else if (w->v->p->shadow) {
        return host_shadow_work(w, how);
    }
    return how->work != NULL;
}
