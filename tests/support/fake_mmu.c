/* SPDX-License-Identifier: MIT */
#include "fake_mmu.h"

#include <string.h>

static const struct vs_account_desc fake_accounts[] = {
    {"fake.l1_tlb", "", false, "first-level lookup"},
    {"fake.l2_tlb", "", false, "second-level lookup"},
    {"fake.walk", "", false, "a walk"}};
static const struct vs_component_desc fake_desc = {"fake", NULL, 0, fake_accounts, 3, NULL, 0, 0};

static const unsigned fake_shift[VS_L1_SIZES] = {12, 21, 30};

static void fill_first(struct fake_mmu *f, struct vs_l1 *l, uint64_t gva, uint64_t flags)
{
    uint64_t page = gva >> fake_shift[f->page] << fake_shift[f->page];
    l->tlb[0].sizes |= 1u << f->page;
    l->tlb[0].own |= 1u << f->page;
    (void)vs_settab_fill(&l->tlb[0].table[f->page], vs_l1_key(l, l->tlb, gva, f->page),
                         (page + f->offset) | flags, NULL, NULL);
}

static bool fake_probe(void *ctx, vs_gva at, enum vs_ref ref, struct vs_translation *out)
{
    struct fake_mmu *f = ctx;
    const uint64_t *p = vs_settab_find(&f->second, at.v >> fake_shift[f->page]);
    if (!p || (ref == VS_REF_WRITE && !(*p & VS_L1_WRITE))) {
        return false;
    }
    f->second_hits++;
    fill_first(f, ref == VS_REF_FETCH ? f->fetch : f->data, at.v, *p & VS_L1_WRITE);
    out->hpa.v = at.v + f->offset;
    out->page_shift = fake_shift[f->page];
    out->second = 0;
    out->fault = VS_FAULT_NONE;
    return true;
}

static void fake_walk(void *ctx, struct vs_txn *t, vs_gva at, enum vs_ref ref,
                      struct vs_translation *out)
{
    struct fake_mmu *f = ctx;
    vs_ps probe = {2700};
    vs_charge(t, (uint16_t)(f->walk_account - 1u), probe);
    vs_open(t, VS_OP_WALK);
    vs_charge(t, f->walk_account, f->walk_ps);
    f->walks++;
    memset(out, 0, sizeof *out);
    out->walked = vs_close(t);
    if (at.v >= f->faults_from && at.v < f->faults_to) {
        out->fault = VS_FAULT_EPT_VIOLATION;
        out->gva = at;
        return;
    }
    out->hpa.v = at.v + f->offset;
    out->page_shift = fake_shift[f->page];
    uint64_t flags = ref == VS_REF_WRITE ? VS_L1_WRITE : 0;
    (void)vs_settab_fill(&f->second, at.v >> fake_shift[f->page], flags, NULL, NULL);
    fill_first(f, ref == VS_REF_FETCH ? f->fetch : f->data, at.v, flags);
}

enum vs_status fake_mmu_init(struct fake_mmu *f, struct vs_ledger *ledger, struct vs_l1 *data,
                             struct vs_l1 *fetch, uint32_t l1_entries, uint32_t second_entries,
                             unsigned page)
{
    memset(f, 0, sizeof *f);
    f->data = data;
    f->fetch = fetch;
    f->page = page;
    uint16_t base = vs_ledger_accounts(ledger, &fake_desc);
    f->walk_account = (uint16_t)(base + 2u);
    f->walk_ps.v = 30000;
    struct vs_l1 *side[2] = {data, fetch};
    enum vs_status s =
        vs_settab_init(&f->second, second_entries, second_entries ? 4u : 0u, VS_POLICY_LRU, 1);
    for (int i = 0; i < 2; i++) {
        struct vs_l1_tlb *tlb = &side[i]->tlb[0];
        vs_l1_share(tlb, false);
        vs_l1_sizes(tlb, fake_shift[0], fake_shift[1], fake_shift[2]);
        for (unsigned k = 0; k < VS_L1_SIZES && s == VS_OK; k++) {
            tlb->lookup[k].account = base;
            s = vs_settab_init(&tlb->table[k], k == page ? l1_entries : 0u, k == page ? 4u : 0u,
                               VS_POLICY_LRU, 1);
        }
        tlb->lookup[VS_L1_SIZES].account = base;
        tlb->hits = &f->hits;
        tlb->misses = &f->misses;
    }
    return s;
}

void fake_mmu_free(struct fake_mmu *f)
{
    struct vs_l1 *side[2] = {f->data, f->fetch};
    for (int i = 0; i < 2; i++) {
        for (unsigned k = 0; k < VS_L1_SIZES; k++) {
            vs_settab_free(&side[i]->tlb[0].table[k]);
        }
    }
    vs_settab_free(&f->second);
}

struct vs_mmu_port fake_mmu_port(struct fake_mmu *f)
{
    vs_ps probe = {2700};
    return (struct vs_mmu_port){.ctx = f,
                                .probe = fake_probe,
                                .walk = fake_walk,
                                .probed = {{(uint16_t)(f->walk_account - 1u), probe}},
                                .missed = {{(uint16_t)(f->walk_account - 1u), probe},
                                           {(uint16_t)(f->walk_account - 1u), probe}}};
}
