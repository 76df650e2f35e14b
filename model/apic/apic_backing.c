/* SPDX-License-Identifier: MIT */
/*
 * The APIC of a vCPU with AMD's AVIC (APM volume 2, 15.29): who sends an interrupt sets its bit in
 * the requests of the backing page and rings the doorbell of the processor that runs the vCPU,
 * which looks at them anew. Requests that it has seen are this component's own registers.
 */
#include "apic/apic_impl.h"

#include "virtsim/x2apic.h"

enum { WORDS = 8 }; /* of 32 requests each, 16 bytes apart */

/* Where 32 of the requests lie. */
static vs_hpa word_at(const struct vs_apic *a, unsigned word)
{
    return (vs_hpa){a->pi.v + VS_APIC_OFFSET(VS_APIC_IRR + word)};
}

/* Sets a request in the backing page, as AVIC does. */
static bool post(void *ctx, uint8_t vector, vs_ps at)
{
    struct vs_apic *a = ctx;
    uint64_t requests = vs_phys_read64(a->phys, word_at(a, vector / 32u)), bit = UINT64_C(1)
                                                                                 << vector % 32u;
    if (!(requests & bit)) {
        a->raised_ps[vector] = at.v;
    }
    vs_phys_write64(a->phys, word_at(a, vector / 32u), requests | bit);
    a->count[VS_CNT_apic_posts]++;
    a->count[VS_CNT_apic_notifications]++;
    return true;
}

/* Takes the requests out of the backing page. */
static void sync(void *ctx, struct vs_txn *t, const struct vs_mem_port *mem)
{
    struct vs_apic *a = ctx;
    vs_charge_beside(t, (uint16_t)(a->account + VS_ACC_apic_doorbell), (vs_ps){a->doorbell_ps});
    vs_mem_touches(mem, t, word_at(a, 0), WORDS * 16u, VS_REF_READ);
    a->count[VS_CNT_apic_posted_syncs]++;
    for (unsigned i = 0; i < WORDS; i++) {
        uint64_t requests = vs_phys_read64(a->phys, word_at(a, i));
        vs_phys_write64(a->phys, word_at(a, i), 0);
        for (uint64_t rest = requests; rest; rest &= rest - 1u) {
            uint8_t vector = (uint8_t)(32u * i + (unsigned)__builtin_ctzll(rest));
            vs_apic_raise(a, vector, (vs_ps){a->raised_ps[vector]});
        }
    }
}

struct vs_irq_port vs_apic_avic_port(struct vs_apic *a)
{
    struct vs_irq_port port = vs_apic_port(a);
    port.post = post;
    port.sync = sync;
    port.posted = NULL; /* no IOMMU here writes to a backing page */
    port.descriptor = (vs_hpa){0};
    return port;
}
