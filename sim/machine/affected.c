/* SPDX-License-Identifier: MIT */
/* What a machine's processors are affected by, told to the hypervisor that does something about it.
 */
#include "machine_impl.h"

/* The first-level data cache of this core is emptied. */
static void flush_l1d(void *ctx, struct vs_txn *t)
{
    (void)vs_memory_flush_l1d(ctx, t);
}

void machine_affect(struct vs_vcpu *v, const struct vs_cpu_config *cpu)
{
    const struct vs_hv_affected by = {.l1tf = cpu->affected_l1tf,
                                      .mds = cpu->affected_mds,
                                      .spectre_v2 = cpu->affected_spectre_v2,
                                      .retbleed = cpu->affected_retbleed,
                                      .bhb = cpu->affected_bhb,
                                      .amd = v->p->svm,
                                      .flush_l1d = flush_l1d,
                                      .ctx = &v->hw->core};
    vs_hv_affect(&v->hv, &by);
}
