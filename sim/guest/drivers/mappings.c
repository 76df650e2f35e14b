/* SPDX-License-Identifier: MIT */
/* The arrays of mappings that a domain keeps. */
#include "guest/guest.h"

#include <stdlib.h>

bool guest_dma_room(struct vs_vcpu *v, struct vs_mappings *m)
{
    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 64;
        struct vs_mapping *grown = realloc(m->e, cap * sizeof *grown);
        if (!grown) {
            vcpu_fail(v, "dma: no memory for %zu mappings", cap);
            return false;
        }
        m->e = grown;
        m->cap = cap;
    }
    return true;
}

bool guest_dma_push(struct vs_vcpu *v, struct vs_mappings *m, const struct vs_mapping *one)
{
    if (!guest_dma_room(v, m)) {
        return false;
    }
    m->e[m->n++] = *one;
    return true;
}

void guest_dma_free(struct vs_dma_domain *d)
{
    for (unsigned i = 0; i < VS_DMA_ORDERS; i++) {
        free(d->freed[i].e);
    }
    free(d->deferred.e);
    free(d->live.e);
    free(d->shadowed.e);
}
