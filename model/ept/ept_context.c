/* SPDX-License-Identifier: MIT */
/* Worlds, contexts and their tags. */
#include "ept_impl.h"

#include <string.h>

void vs_ept_put(const struct vs_ept *e, struct vs_ept_thread *t)
{
    t->pml = e->pml;
    t->supervisor = e->supervisor;
    t->global_pages = e->cfg.global_pages;
}

void vs_ept_take(struct vs_ept *e, struct vs_ept_thread *t)
{
    e->books = t->counts;
    e->pml = t->pml;
    e->supervisor = t->supervisor;
    e->cfg.global_pages = t->global_pages;
}

void vs_ept_world(struct vs_ept *e, bool host)
{
    e->count = e->books[host];
    struct vs_l1_tlb *data = &e->data->tlb[0], *stores = &e->data->tlb[1],
                     *fetch = &e->fetch->tlb[0];
    data->hits = &e->count[VS_CNT_ept_dtlb_hits];
    data->misses = &e->count[VS_CNT_ept_dtlb_misses];
    stores->hits = &e->count[VS_CNT_ept_store_hits];
    stores->misses = &e->count[VS_CNT_ept_store_misses];
    fetch->hits = &e->count[VS_CNT_ept_itlb_hits];
    fetch->misses = &e->count[VS_CNT_ept_itlb_misses];
    uint64_t *second = e->l2.entries || e->l2_1g.entries ? &e->count[VS_CNT_ept_l2_misses] : NULL;
    data->second_misses = stores->second_misses = second;
    fetch->second_misses = e->l2i.entries ? &e->count[VS_CNT_ept_l2i_misses] : second;
}

/* ---- tags ---- */

/* Says whether two tags are equal. */
static bool same(const struct vs_ept_tag *a, const struct vs_ept_tag *b)
{
    return a->vpid == b->vpid && a->pcid == b->pcid && a->eptp == b->eptp && a->global == b->global;
}

/* Everything goes: more address spaces were used than tags exist, as a real TLB tag would wrap. */
static void recycle(struct vs_ept *e)
{
    vs__ept_empty(e);
    e->count[VS_CNT_ept_tag_wraps]++;
    e->n_tags = 0;
    memset(e->recent, 0, sizeof e->recent);
    e->data->globals = e->fetch->globals = false;
}

/* The number of a tag, or of all tags. */
static uint32_t find_tag(const struct vs_ept *e, const struct vs_ept_tag *want)
{
    uint32_t i = 0;
    while (i < e->n_tags && !same(&e->tag[i], want)) {
        i++;
    }
    return i;
}

/* The number of a tag, given to it when it is new. */
static uint32_t tag_of(struct vs_ept *e, const struct vs_ept_tag *want)
{
    uint32_t i = find_tag(e, want);
    if (i == e->n_tags) {
        e->tag[e->n_tags++] = *want;
    }
    return i;
}

/* Makes global pages found under their own tag. */
static void use_globals(struct vs_ept *e, uint32_t tag)
{
    e->tag_global = tag;
    e->data->globals = e->fetch->globals = true;
    e->data->global_context = (uint64_t)tag << VS_L1_CONTEXT_SHIFT;
    e->fetch->global_context = e->data->global_context;
}

/* The tag of a context's global pages. */
static struct vs_ept_tag globals_of(const struct vs_ept_context *c)
{
    return (struct vs_ept_tag){c->vpid, 0, c->eptp & VS_RADIX_ADDRESS, true};
}

bool vs__ept_globals_begin(struct vs_ept *e)
{
    if (e->n_tags == e->cfg.tags) {
        return false;
    }
    struct vs_ept_tag global = globals_of(&e->now);
    use_globals(e, tag_of(e, &global));
    return true;
}

/* Makes a context the current one. */
static void use(struct vs_ept *e, const struct vs_ept_context *c, uint32_t tag, uint32_t nested)
{
    e->now = *c;
    e->tag_now = tag;
    e->tag_nested = nested;
    e->data->context = (uint64_t)tag << VS_L1_CONTEXT_SHIFT;
    e->fetch->context = e->data->context;
}

/* Guest and host take turns: the tags of the last two contexts are remembered until all tags are
 * given anew. Where global pages are looked for, their tag has to be known as well. */
static const struct vs_ept_recent *recent(const struct vs_ept *e, const struct vs_ept_context *c)
{
    for (uint32_t i = 0; i < 2u; i++) {
        const struct vs_ept_recent *r = &e->recent[i];
        if (r->known && (r->globals || !e->data->globals) && r->vpid == c->vpid &&
            r->pcid == c->pcid && r->eptp == c->eptp) {
            return r;
        }
    }
    return NULL;
}

/* Remembers the two contexts before, which are often the next ones. */
static void remember(struct vs_ept *e)
{
    e->recent[1] = e->recent[0];
    e->recent[0] = (struct vs_ept_recent){.known = true,
                                          .vpid = e->now.vpid,
                                          .pcid = e->now.pcid,
                                          .eptp = e->now.eptp,
                                          .tag = e->tag_now,
                                          .nested = e->tag_nested,
                                          .globals = e->data->globals,
                                          .global = e->tag_global};
}

void vs_ept_context(struct vs_ept *e, const struct vs_ept_context *c)
{
    const struct vs_ept_recent *r = recent(e, c);
    if (r) {
        use(e, c, r->tag, r->nested);
        if (e->data->globals) {
            use_globals(e, r->global);
        }
        return;
    }
    /* guest-physical mappings: Intel's and Arm's carry the root, AMD's the ASID as well */
    bool asid = e->second.kind == VS_RADIX_X86;
    struct vs_ept_tag linear = {c->vpid, c->pcid, c->eptp & VS_RADIX_ADDRESS, false},
                      physical = {asid ? c->vpid : 0, 0, c->eptp & VS_RADIX_ADDRESS, false},
                      global = globals_of(c);
    uint32_t missing = find_tag(e, &linear) == e->n_tags ? 1u : 0u;
    missing += c->eptp && !same(&linear, &physical) && find_tag(e, &physical) == e->n_tags;
    missing += e->data->globals && find_tag(e, &global) == e->n_tags ? 1u : 0u;
    if (e->n_tags + missing > e->cfg.tags) {
        recycle(e);
    }
    uint32_t tag = tag_of(e, &linear);
    use(e, c, tag, c->eptp ? tag_of(e, &physical) : 0);
    if (e->data->globals) {
        use_globals(e, tag_of(e, &global));
    }
    remember(e);
}
