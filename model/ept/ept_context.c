/* SPDX-License-Identifier: MIT */
/* Set-up, contexts and their tags. */
#include "ept_impl.h"

#include <string.h>

static enum vs_status table(struct vs_settab *t, uint64_t entries, uint64_t ways, uint64_t policy,
                            uint64_t seed)
{
    return vs_settab_init(t, (uint32_t)entries, entries ? (uint32_t)ways : 0,
                          (enum vs_policy)policy, seed);
}

void vs_ept_formats(struct vs_ept *e, const struct vs_radix_format *guest,
                    const struct vs_radix_format *second)
{
    unsigned bits = (unsigned)e->cfg.physical_bits;
    e->guest = *guest;
    e->second = *second;
    e->mbec = second->kind == VS_RADIX_EPT_KIND && second->execute != 4u;
    e->usual = guest->kind == VS_RADIX_X86 && guest->levels == 4 &&
               second->kind == VS_RADIX_EPT_KIND && second->levels == 4 && !e->mbec;
    for (unsigned level = 1; level < VS_EPT_LEVELS; level++) {
        for (unsigned leaf = 0; leaf < 2; leaf++) {
            e->guest_reserved[leaf][level] = vs_radix_reserved(guest, level, leaf, bits);
            e->nested_reserved[leaf][level] = vs_radix_reserved(second, level, leaf, bits);
        }
    }
}

enum vs_status vs_ept_init(struct vs_ept *e, const struct vs_ept_config *c,
                           struct vs_ledger *ledger, struct vs_clock clock, struct vs_phys *phys,
                           const struct vs_mem_port *mem, struct vs_l1 *data, struct vs_l1 *fetch,
                           uint64_t seed)
{
    memset(e, 0, sizeof *e);
    e->cfg = *c;
    e->account = vs_ledger_accounts(ledger, &vs_ept_desc);
    uint64_t period = clock.period_ps;
    e->l1_ps = c->l1_latency * period;
    e->l2_ps = c->l2_latency * period;
    e->lines_ps = c->line_latency * period;
    e->nested_ps = c->nested_latency * period;
    e->pwc_ps = c->pwc_latency * period;
    e->start_ps = c->walk_start * period;
    e->invlpg_ps = c->invlpg * period;
    e->flush_ps = c->flush * period;
    e->phys = phys;
    e->mem = *mem;
    e->data = data;
    e->fetch = fetch;
    e->count = e->counts[0];
    e->hint = vs__ept_hints_create();
    struct vs_radix_format guest = vs_radix_x86_64, second = vs_radix_ept;
    struct vs_errors told = {NULL, 0}; /* by vs_ept_check */
    vs_ept_formats_of(c, &guest, &second, &told);
    vs_errors_free(&told);
    vs_ept_formats(e, &guest, &second);
    enum vs_status s =
        table(&data->tlb[VS_L1_4K], c->d4k_entries, c->d4k_ways, c->l1_policy, seed + 1);
    s = s ? s : table(&data->tlb[VS_L1_2M], c->d2m_entries, c->d2m_ways, c->l1_policy, seed + 2);
    s = s ? s : table(&data->tlb[VS_L1_1G], c->d1g_entries, c->d1g_ways, c->l1_policy, seed + 3);
    s = s ? s : table(&fetch->tlb[VS_L1_4K], c->i4k_entries, c->i4k_ways, c->l1_policy, seed + 4);
    s = s ? s : table(&fetch->tlb[VS_L1_2M], c->i2m_entries, c->i2m_ways, c->l1_policy, seed + 5);
    s = s ? s : table(&fetch->tlb[VS_L1_1G], 0, 0, c->l1_policy, seed + 6);
    s = s ? s : table(&e->l2, c->l2_entries, c->l2_ways, c->l2_policy, seed + 7);
    s = s ? s : table(&e->l2_1g, c->l2_1g_entries, c->l2_1g_ways, c->l2_policy, seed + 8);
    s = s ? s : table(&e->nested, c->nested_entries, c->nested_ways, c->nested_policy, seed + 9);
    const uint64_t g[] = {0, 0, c->gpde, c->gpdpte, c->gpml4e, c->gpml5e},
                   n[] = {0, 0, c->npde, c->npdpte, c->npml4e, c->npml5e};
    for (unsigned level = 2; level < VS_EPT_LEVELS && !s; level++) {
        s = table(&e->gpwc[level], g[level], c->pwc_ways, VS_POLICY_LRU, seed + 10 + level);
        s = s ? s : table(&e->npwc[level], n[level], c->pwc_ways, VS_POLICY_LRU, seed + 20 + level);
        e->gpwc_any = e->gpwc_any || g[level];
        e->npwc_any = e->npwc_any || n[level];
    }
    s = s ? s : table(&e->lines, c->line_entries, c->line_ways, VS_POLICY_LRU, seed + 30);
    struct vs_l1 *side[] = {data, fetch};
    for (int i = 0; i < 2; i++) {
        side[i]->tlb_account = (uint16_t)(e->account + VS_ACC_ept_l1_tlb);
        side[i]->tlb_ps.v = e->l1_ps;
    }
    vs_ept_world(e, false);
    struct vs_ept_context none = {0, 0, 0, 0};
    vs_ept_context(e, &none);
    return s;
}

void vs_ept_free(struct vs_ept *e)
{
    for (unsigned k = 0; k < VS_L1_SIZES && e->data; k++) {
        vs_settab_free(&e->data->tlb[k]);
        vs_settab_free(&e->fetch->tlb[k]);
    }
    vs__ept_hints_destroy(e->hint);
    e->hint = NULL;
    vs_slots_free(&e->walker);
    vs_slots_free(&e->queue);
    vs_settab_free(&e->l2);
    vs_settab_free(&e->l2_1g);
    vs_settab_free(&e->nested);
    vs_settab_free(&e->lines);
    for (unsigned level = 2; level < VS_EPT_LEVELS; level++) {
        vs_settab_free(&e->gpwc[level]);
        vs_settab_free(&e->npwc[level]);
    }
}

void vs_ept_world(struct vs_ept *e, bool host)
{
    e->count = e->counts[host];
    e->data->tlb_hits = &e->count[VS_CNT_ept_dtlb_hits];
    e->data->tlb_misses = &e->count[VS_CNT_ept_dtlb_misses];
    e->fetch->tlb_hits = &e->count[VS_CNT_ept_itlb_hits];
    e->fetch->tlb_misses = &e->count[VS_CNT_ept_itlb_misses];
}

/* ---- tags ---- */

static bool same(const struct vs_ept_tag *a, const struct vs_ept_tag *b)
{
    return a->vpid == b->vpid && a->pcid == b->pcid && a->eptp == b->eptp;
}

/* Everything goes: more address spaces were used than tags exist, as a real TLB tag would wrap. */
static void recycle(struct vs_ept *e)
{
    vs_ept_flush(e, NULL, VS_FLUSH_ALL, 0, 0, 0, (vs_gva){0});
    vs_ept_flush(e, NULL, VS_FLUSH_EPT, 0, 0, 0, (vs_gva){0});
    e->count[VS_CNT_ept_tag_wraps]++;
    e->n_tags = 0;
}

static uint32_t find_tag(const struct vs_ept *e, const struct vs_ept_tag *want)
{
    uint32_t i = 0;
    while (i < e->n_tags && !same(&e->tag[i], want)) {
        i++;
    }
    return i;
}

static uint32_t tag_of(struct vs_ept *e, const struct vs_ept_tag *want)
{
    uint32_t i = find_tag(e, want);
    if (i == e->n_tags) {
        e->tag[e->n_tags++] = *want;
    }
    return i;
}

void vs_ept_context(struct vs_ept *e, const struct vs_ept_context *c)
{
    struct vs_ept_tag linear = {c->vpid, c->pcid, c->eptp & VS_RADIX_ADDRESS},
                      physical = {0, 0, c->eptp & VS_RADIX_ADDRESS};
    uint32_t missing = find_tag(e, &linear) == e->n_tags ? 1u : 0u;
    missing += c->eptp && find_tag(e, &physical) == e->n_tags ? 1u : 0u;
    if (e->n_tags + missing > e->cfg.tags) {
        recycle(e);
    }
    e->now = *c;
    e->tag_now = tag_of(e, &linear);
    e->tag_nested = c->eptp ? tag_of(e, &physical) : 0;
    e->data->context = (uint64_t)e->tag_now << VS_L1_CONTEXT_SHIFT;
    e->fetch->context = e->data->context;
}
