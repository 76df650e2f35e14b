/* SPDX-License-Identifier: MIT */
/* The end of a machine's memory: the tables of its second dimension are taken apart, entry by
 * entry, and the pages behind them are given back (Linux arch/x86/kvm/mmu/tdp_mmu.c,
 * tdp_mmu_zap_root and handle_removed_pt). */
#include "host/host.h"

#define LINE 64u

/* What lies at [table, table + bytes) of a level, and below; each of its entries is read and
 * cleared. Views hold no pages of their own.
 */
static void take_apart(struct vs_vcpu *v, struct vs_txn *t, uint64_t table, uint64_t bytes,
                       unsigned level, bool view)
{
    const struct vs_radix_format *f = &v->vm->format;
    for (uint64_t at = 0; at < bytes; at += 8u) {
        vs_hpa entry = {table + at};
        uint64_t is = vs_phys_read64(v->vm->phys, entry), child = is & f->address;
        if (at % LINE == 0) {
            host_touch(v, t, entry.v, VS_REF_READ);
            host_touch(v, t, entry.v, VS_REF_WRITE);
        }
        if (is & f->present && vs_radix_is_leaf(f, level, is)) {
            vs_hv_rounds(&v->hv, t, VS_HV_ENTRY_FREE_PAGE, view ? 0 : 1);
        } else if (is & f->present) {
            take_apart(v, t, child, UINT64_C(1) << f->granule, level - 1u, view);
        }
    }
    vs_hv_rounds(&v->hv, t, VS_HV_ENTRY_FREE_TABLE, 1);
}

void host_memory_teardown(struct vs_vcpu *v, struct vs_txn *t)
{
    const struct vs_radix_format *f = &v->vm->format;
    uint64_t bytes = (uint64_t)vs_radix_roots(f) << f->granule;
    vs_hv_code(&v->hv, t, VS_HV_ENTRY_FREE_TABLE);
    vs_hv_code(&v->hv, t, VS_HV_ENTRY_FREE_PAGE);
    take_apart(v, t, v->vm->ept_root, bytes, f->levels, false);
    for (unsigned i = 1; i < host_memory_of(v)->n_views; i++) {
        take_apart(v, t, host_memory_of(v)->view[i].ept_root, bytes, f->levels, true);
    }
}
