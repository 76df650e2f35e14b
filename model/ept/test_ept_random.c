/* SPDX-License-Identifier: MIT */
/*
 * The fast translation against the slow one (tests/support/slow_translate.h) on random tables,
 * permissions, tags, geometries and invalidations, software that forgets to invalidate included.
 * Each world is one set of tables and one geometry; VIRTSIM_TEST_EFFORT (effort.h) says how
 * many accesses, VIRTSIM_RANDOM_SEED which sequence.
 */
#include "test_ept_random.h"

#include "effort.h"

static uint64_t accesses, stale_answers, faults, overflows, hits, globals;

/* ---- one access by both ---- */

static uint64_t random_gva(struct world *w)
{
    uint64_t gva = below(w, 4) * 4096 + below(w, 512) * 8;
    gva &= (1ull << w->g.granule) - 1;
    for (unsigned level = 1; level <= w->g.levels; level++) {
        gva |= (uint64_t)guest_slot(w, level) << slow_shift(&w->g, level);
    }
    if (w->g.kind == SLOW_X86) {
        unsigned unused = 64 - w->g.input_bits;
        gva = (uint64_t)((int64_t)(gva << unused) >> unused);
    }
    return chance(w, 5) ? gva ^ 1ull << (48 + below(w, 16)) : gva;
}

static struct vs_translation fast(struct world *w, uint64_t gva, enum vs_ref ref, bool *walked)
{
    struct vs_translation out = {.fault = VS_FAULT_NONE};
    struct vs_l1 *l = ref == VS_REF_FETCH ? &w->fetch : &w->data;
    vs_gva at = {gva};
    unsigned shift;
    *walked = false;
    const uint64_t *p = vs_l1_translate(l, vs_l1_tlb(l, ref == VS_REF_WRITE), gva, &shift);
    if (p && (ref != VS_REF_WRITE || *p & VS_L1_WRITE)) {
        out.hpa.v = (*p & ~(uint64_t)VS_L1_FLAGS) | (gva & ((1ull << shift) - 1));
        hits++;
    } else if (!w->port.probe(w->port.ctx, at, ref, &out)) {
        w->port.walk(w->port.ctx, &w->t, at, ref, &out);
        *walked = true;
    }
    return out;
}

static bool equal(const struct vs_translation *f, const struct slow_outcome *o, bool walked)
{
    if (f->fault != o->fault) {
        return false;
    }
    switch (f->fault) {
    case VS_FAULT_NONE:
        return f->hpa.v == o->hpa && (!walked || f->page_shift == o->shift);
    case VS_FAULT_PAGE:
        return f->error_code == o->error_code && f->qualification == o->qualification;
    case VS_FAULT_EPT_VIOLATION:
        return f->gpa.v == o->gpa && f->qualification == o->qualification;
    case VS_FAULT_EPT_MISCONFIG:
        return f->gpa.v == o->gpa;
    case VS_FAULT_GENERAL_PROTECTION:
    case VS_FAULT_PML_FULL:
    case VS_FAULT_NO_MEMORY:
        break;
    }
    return true;
}

static void explain(const struct world *w, uint64_t gva, enum vs_ref ref,
                    const struct vs_translation *f, const char *what)
{
    printf("%s, %s: gva %llx ref %d vpid %u pcid %u cr3 %llx eptp %llx%s\n fast: fault %d hpa %llx "
           "shift %u gpa %llx qual %llx error %x\n",
           w->pair->name, what, (unsigned long long)gva, (int)ref, w->context.vpid, w->context.pcid,
           (unsigned long long)w->context.cr3, (unsigned long long)w->context.eptp,
           w->cfg.ept_ad ? " ad" : "", (int)f->fault, (unsigned long long)f->hpa.v, f->page_shift,
           (unsigned long long)f->gpa.v, (unsigned long long)f->qualification, f->error_code);
    for (unsigned i = 0; i < w->answer.n; i++) {
        const struct slow_outcome *o = &w->answer.outcome[i];
        printf(" slow%s: fault %d hpa %llx shift %u gpa %llx qual %llx error %x\n",
               o->stale ? " (stale)" : "", (int)o->fault, (unsigned long long)o->hpa, o->shift,
               (unsigned long long)o->gpa, (unsigned long long)o->qualification, o->error_code);
    }
    fflush(stdout);
}

static void check_flags(struct world *w, uint64_t gva, enum vs_ref ref,
                        const struct vs_translation *f)
{
    const struct slow_answer *a = &w->answer;
    for (unsigned i = 0; i < w->n_stored; i++) {
        struct slow_flag left = w->stored[i];
        for (unsigned k = 0; k < a->n_permitted; k++) {
            if (a->permitted[k].at == left.at) {
                left.mask &= ~a->permitted[k].mask;
                left.clear &= ~a->permitted[k].clear;
            }
        }
        for (unsigned k = 0; k < w->ahead.n_permitted; k++) {
            if (w->ahead.permitted[k].at == left.at) {
                left.mask &= ~w->ahead.permitted[k].mask;
                left.clear &= ~w->ahead.permitted[k].clear;
            }
        }
        if (left.mask || left.clear) {
            explain(w, gva, ref, f, "a flag set that no path sets");
            printf(" at %llx: %llx %llx\n", (unsigned long long)left.at,
                   (unsigned long long)left.mask, (unsigned long long)left.clear);
        }
        assert_int_equal(left.mask | left.clear, 0);
    }
    for (unsigned k = 0; k < a->n_required && !a->stale; k++) {
        vs_hpa at = {a->required[k].at};
        uint64_t entry = vs_phys_read64(w->phys, at);
        uint64_t missing = (a->required[k].mask & ~entry) | (a->required[k].clear & entry);
        if (missing) {
            explain(w, gva, ref, f, "a flag not set");
        }
        assert_int_equal(missing, 0);
    }
}

/* A TLB may answer with a global page that the other PCID has, or had. */
static bool shared(struct world *w, uint64_t gva, enum vs_ref ref, const struct vs_translation *f)
{
    struct slow_context c = w->context;
    c.pcid ^= 1u;
    c.cr3 = w->cr3[c.vpid & 1][c.pcid];
    slow_translate(&w->slow, &c, gva, ref, &w->other);
    bool same = w->other.overflow;
    for (unsigned i = 0; i < w->other.n && !same; i++) {
        same = w->other.outcome[i].global && equal(f, &w->other.outcome[i], false);
    }
    return same;
}

static void access_both(struct world *w)
{
    uint64_t gva = chance(w, 400) ? w->recent[below(w, 4)] ^ below(w, 512) * 8 : random_gva(w);
    enum vs_ref ref = (enum vs_ref)below(w, 3);
    bool walked, same = false;
    w->recent[accesses % 4] = gva;
    slow_translate(&w->slow, &w->context, gva, ref, &w->answer);
    w->n_stored = w->ahead.n_permitted = 0;
    struct vs_translation f = fast(w, gva, ref, &walked);
    accesses++;
    if (w->answer.overflow) {
        overflows++;
    } else {
        for (unsigned i = 0; i < w->answer.n && !same; i++) {
            same = equal(&f, &w->answer.outcome[i], walked);
        }
        if (!walked && f.fault == VS_FAULT_NONE && shared(w, gva, ref, &f)) {
            same = true;
            w->answer.n_required = 0; /* the flags of that page's entries are set */
            globals++;
        }
        if (!same) {
            explain(w, gva, ref, &f, "no allowed answer");
        }
        assert_true(same);
        stale_answers += w->answer.stale;
        if (walked && w->ept.prefetch.on && f.fault == VS_FAULT_NONE) { /* and of the next page */
            slow_translate(&w->slow, &w->context, ((gva >> f.page_shift) + 1) << f.page_shift,
                           VS_REF_READ, &w->ahead);
        }
        check_flags(w, gva, ref, &f);
    }
    faults += f.fault != VS_FAULT_NONE;
    if (f.fault == VS_FAULT_PAGE) {
        slow_forget(&w->slow, SLOW_PAGE_FAULT, w->context.vpid, w->context.pcid, 0, gva, 0);
    } else if (f.fault == VS_FAULT_EPT_VIOLATION) {
        slow_forget(&w->slow, SLOW_VIOLATION, w->context.vpid, w->context.pcid, w->context.eptp,
                    gva, f.gpa.v);
    }
}

static void invalidate(struct world *w)
{
    struct slow *s = &w->slow;
    const struct slow_context *c = &w->context;
    uint16_t vpid = (uint16_t)(1 + below(w, 2)), pcid = (uint16_t)below(w, 2);
    uint64_t gva = random_gva(w), eptp = below(w, 2) ? second_root(w, (unsigned)below(w, 2)) : 0;
    vs_gva at = {gva};
    switch (below(w, w->n.kind == SLOW_NPT ? 15 : 12)) {
    case 0:
        vs_ept_invlpg(&w->ept, &w->t, at);
        slow_forget(s, SLOW_INVLPG, c->vpid, c->pcid, 0, gva, 0);
        break;
    case 1:
        vs_ept_flush(&w->ept, &w->t, VS_FLUSH_VPID_ADDRESS, vpid, 0, 0, at);
        slow_forget(s, SLOW_ADDRESS, vpid, 0, 0, gva, 0);
        break;
    case 2:
        vs_ept_flush(&w->ept, &w->t, VS_FLUSH_VPID, vpid, 0, 0, at);
        slow_forget(s, SLOW_VPID, vpid, 0, 0, 0, 0);
        break;
    case 3:
        vs_ept_flush(&w->ept, &w->t, VS_FLUSH_VPID_NONGLOBAL, vpid, 0, 0, at);
        slow_forget(s, SLOW_VPID_NONGLOBAL, vpid, 0, 0, 0, 0);
        break;
    case 4:
        vs_ept_flush(&w->ept, &w->t, VS_FLUSH_ALL, 0, 0, 0, at);
        slow_forget(s, SLOW_ALL, 0, 0, 0, 0, 0);
        break;
    case 5:
        vs_ept_flush(&w->ept, &w->t, VS_FLUSH_EPT, 0, 0, eptp, at);
        slow_forget(s, SLOW_INVEPT, 0, 0, eptp, 0, 0);
        break;
    case 6:
        vs_ept_invpcid(&w->ept, &w->t, 0, pcid, at);
        slow_forget(s, SLOW_PCID_ADDRESS, c->vpid, pcid, 0, gva, 0);
        break;
    case 7:
        vs_ept_invpcid(&w->ept, &w->t, 1, pcid, at);
        slow_forget(s, SLOW_PCID, c->vpid, pcid, 0, gva, 0);
        break;
    case 8:
        vs_ept_tlbi(&w->ept, &w->t, VS_TLBI_VAE1, pcid, gva);
        slow_forget(s, SLOW_INVLPG, c->vpid, pcid, 0, gva, 0);
        break;
    case 9: /* all of one stage 2, in Arm's two steps */
        vs_ept_tlbi(&w->ept, &w->t, VS_TLBI_IPAS2E1, 0, random_guest_frame(w, 1));
        vs_ept_tlbi(&w->ept, &w->t, VS_TLBI_VMALLS12E1, 0, 0);
        slow_forget(s, SLOW_VPID, c->vpid, 0, 0, 0, 0);
        if (c->eptp) {
            slow_forget(s, SLOW_INVEPT, 0, 0, c->eptp, 0, 0);
        }
        break;
    case 12: /* AMD's TLB_CONTROL */
        vs_ept_flush(&w->ept, &w->t, VS_FLUSH_ASID, vpid, 0, 0, at);
        slow_forget(s, SLOW_ASID, vpid, 0, 0, 0, 0);
        break;
    case 13:
        vs_ept_flush(&w->ept, &w->t, VS_FLUSH_ASID_NONGLOBAL, vpid, 0, 0, at);
        slow_forget(s, SLOW_VPID_NONGLOBAL, vpid, 0, 0, 0, 0);
        break;
    case 14:
        vs_ept_flush(&w->ept, &w->t, VS_FLUSH_ASIDS, 0, 0, 0, at);
        slow_settle(s);
        break;
    default: { /* MOV to CR3 */
        uint64_t old = w->cr3[c->vpid & 1][pcid];
        bool keep = chance(w, 300);
        w->cr3[c->vpid & 1][pcid] = guest_root(w);
        set_context(w, c->vpid, pcid, c->eptp);
        slow_root(s, c, old);
        vs_ept_mov_cr3(&w->ept, &w->t, pcid, keep);
        if (!keep) {
            slow_forget(s, SLOW_PCID, c->vpid, pcid, 0, 0, 0);
        }
    }
    }
}

static void settle(struct world *w)
{
    vs_gva none = {0};
    vs_ept_flush(&w->ept, &w->t, VS_FLUSH_ALL, 0, 0, 0, none);
    vs_ept_flush(&w->ept, &w->t, VS_FLUSH_EPT, 0, 0, 0, none);
    slow_settle(&w->slow);
}

static void step(struct world *w)
{
    if (slow_full(&w->slow) || chance(w, 5)) {
        settle(w);
    }
    uint64_t what = below(w, 100);
    if (what < 88) {
        access_both(w);
    } else if (what < 91) {
        change_guest(w);
    } else if (what < 93 && w->virtual) {
        change_second(w);
    } else if (what < 96) {
        invalidate(w);
    } else if (what < 98) {
        set_context(w, (uint16_t)(1 + below(w, 2)), (uint16_t)below(w, 2),
                    second_root(w, (unsigned)below(w, 2)));
    }
}

static void test_the_fast_translation_gives_what_the_slow_one_allows(void **state)
{
    (void)state;
    const char *seed = getenv("VIRTSIM_RANDOM_SEED");
    uint64_t want = effort(60000), first = seed ? strtoull(seed, NULL, 10) : 1;
    struct world *w = malloc(sizeof *w);
    assert_non_null(w);
    for (uint64_t i = 0; accesses < want; i++) {
        start(w, first + i);
        for (unsigned k = 0; k < STEPS; k++) {
            step(w);
        }
        stop(w);
    }
    free(w);
    printf("%llu accesses, %llu first-level hits, %llu faults, %llu with a stale answer allowed, "
           "%llu with a global page of another PCID, %llu not compared\n",
           (unsigned long long)accesses, (unsigned long long)hits, (unsigned long long)faults,
           (unsigned long long)stale_answers, (unsigned long long)globals,
           (unsigned long long)overflows);
    assert_true(overflows * 20 < accesses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_fast_translation_gives_what_the_slow_one_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
