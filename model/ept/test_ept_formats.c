/* SPDX-License-Identifier: MIT */
/* Laws that hold for every pair of page-table formats: how many references a walk makes with each
 * cache off and on, what a fault says, what is logged, and which configurations are refused. */
#include "test_ept.h"

#include "effort.h"

struct pair {
    struct vs_radix_format g, n;
};

#define PAIRS 11
static void make_pairs(struct pair p[PAIRS])
{
    p[0] = (struct pair){vs_radix_x86_64, vs_radix_ept};
    p[1] = (struct pair){vs_radix_x86_64_la57, vs_radix_ept};
    p[2] = (struct pair){vs_radix_x86_64, vs_radix_ept5};
    p[3] = (struct pair){vs_radix_x86_64_la57, vs_radix_ept5};
    p[4] = (struct pair){vs_radix_x86_64, vs_radix_x86_64}; /* nested paging */
    p[5] = (struct pair){arm(1, 12, 16, 0), arm(2, 12, 24, 1)};
    p[6] = (struct pair){arm(1, 12, 25, 0), arm(2, 12, 30, 0)};
    p[7] = (struct pair){arm(1, 14, 16, 0), arm(2, 14, 24, 1)};
    p[8] = (struct pair){arm(1, 16, 16, 0), arm(2, 16, 16, 2)};
    p[9] = (struct pair){arm(1, 16, 16, 0), arm(2, 12, 24, 1)};
    p[10] = (struct pair){arm(1, 14, 17, 0), arm(2, 12, 24, 1)};
}

/* Every leaf of both dimensions: check(f, levels left, leaf level) of guest and host. */
struct shape {
    unsigned n, m;         /* references of one dimension alone */
    unsigned gleaf, nleaf; /* levels */
    const struct pair *p;
};
static void each_shape(void (*check)(const struct shape *s))
{
    struct pair p[PAIRS];
    make_pairs(p);
    uint64_t k = 0;
    for (int i = 0; i < PAIRS; i++) {
        for (unsigned g = 1; g <= p[i].g.max_leaf && g < p[i].g.levels; g++) {
            for (unsigned h = 1; h <= p[i].n.max_leaf && h <= p[i].n.levels; h++) {
                struct shape s = {p[i].g.levels - g + 1, p[i].n.levels - h + 1, g, h, &p[i]};
                if (effort_takes(k++)) {
                    check(&s);
                }
            }
        }
    }
}

static void begin(struct fixture *f, const struct vs_ept_config *c, const struct shape *s)
{
    start_formats(f, c, &s->p->g, &s->p->n, vs_radix_level_shift(&s->p->g, s->gleaf),
                  vs_radix_level_shift(&s->p->n, s->nleaf));
}

static void uncached(const struct shape *s)
{
    struct vs_ept_config c;
    struct fixture f;
    everything_off(&c);
    begin(&f, &c, s);
    uint64_t want = (uint64_t)(s->n + 1) * (s->m + 1) - 1;
    assert_int_equal(references(&f, VA), want);
    assert_int_equal(references(&f, VA), want);
    assert_int_equal(f.ept.count[VS_CNT_ept_refs_guest], 2 * s->n);
    stop(&f);
    /* the second dimension off: one alone is left */
    start_formats(&f, &c, &s->p->g, &s->p->n, vs_radix_level_shift(&s->p->g, s->gleaf), 0);
    assert_int_equal(references(&f, VA), s->n);
    stop(&f);
}

static void test_without_caches_a_walk_makes_n_plus_1_times_m_plus_1_minus_1(void **state)
{
    (void)state;
    each_shape(uncached);
}

static void guest_cached(const struct shape *s)
{
    for (unsigned level = s->gleaf + 1; level <= s->p->g.levels; level++) {
        struct vs_ept_config c;
        struct fixture f;
        everything_off(&c);
        uint64_t *size[] = {NULL, NULL, &c.gpde, &c.gpdpte, &c.gpml4e, &c.gpml5e};
        *size[level] = 4;
        begin(&f, &c, s);
        assert_int_equal(references(&f, VA), (s->n + 1) * (s->m + 1) - 1);
        assert_int_equal(references(&f, VA), (level - s->gleaf) * (s->m + 1));
        stop(&f);
    }
}

static void test_a_guest_entry_cached_at_a_level_leaves_the_levels_below_it(void **state)
{
    (void)state;
    each_shape(guest_cached);
}

/* A guest table in several pages of a host with smaller ones: what is cached is a piece of it. */
static void
test_a_guest_entry_is_cached_for_the_piece_of_its_table_that_was_translated(void **state)
{
    (void)state;
    static const unsigned granules[] = {14, 16};
    for (int i = 0; i < 2; i++) {
        struct vs_radix_format g = arm(1, granules[i], 17, 0), n = arm(2, 12, 24, 1);
        struct vs_ept_config c;
        struct fixture f;
        everything_off(&c);
        c.gpde = 16;
        start_formats(&f, &c, &g, &n, granules[i], 12);
        uint64_t piece = 512ull << granules[i], pieces = 1ull << (granules[i] - 12u);
        for (uint64_t k = 1; k < pieces; k++) {
            assert_int_equal(vs_space_touch(&f.space, VA + k * piece, granules[i], true, true),
                             VS_OK);
        }
        for (uint64_t k = 0; k < pieces; k++) { /* each is walked to from the root once */
            assert_int_equal(references(&f, VA + k * piece), 4u * (g.levels + 1u) - 1u);
        }
        for (uint64_t k = 0; k < pieces; k++) {
            uint64_t gpa, hpa;
            struct vs_translation w = walk(&f, VA + k * piece + 8, VS_REF_READ);
            assert_true(vs_space_locate(&f.space, VA + k * piece + 8, &gpa, &hpa));
            assert_int_equal(w.hpa.v, hpa);
            assert_int_equal(references(&f, VA + k * piece), 4);
        }
        /* and is dropped by what drops whole tables */
        (void)vs_ept_invlpg(&f.ept, NULL, (vs_gva){VA});
        assert_int_equal(references(&f, VA), 4u * (g.levels + 1u) - 1u);
        stop(&f);
    }
}

static void nested_cached(const struct shape *s)
{
    for (unsigned level = s->nleaf + 1; level <= s->p->n.levels; level++) {
        struct vs_ept_config c;
        struct fixture f;
        everything_off(&c);
        uint64_t *size[] = {NULL, NULL, &c.npde, &c.npdpte, &c.npml4e, &c.npml5e};
        *size[level] = 64;
        begin(&f, &c, s);
        (void)references(&f, VA);
        assert_int_equal(references(&f, VA), s->n + (s->n + 1) * (level - s->nleaf));
        stop(&f);
    }
}

static void test_a_nested_entry_cached_at_a_level_shortens_every_nested_walk(void **state)
{
    (void)state;
    each_shape(nested_cached);
}

static void nested_tlb(const struct shape *s)
{
    struct vs_ept_config c;
    struct fixture f;
    everything_off(&c);
    c.nested_entries = 64;
    begin(&f, &c, s);
    (void)references(&f, VA);
    assert_int_equal(references(&f, VA), s->n);
    stop(&f);
}

static void test_with_a_nested_tlb_only_the_guests_entries_are_left(void **state)
{
    (void)state;
    each_shape(nested_tlb);
}

static void lines(const struct shape *s)
{
    struct vs_ept_config c;
    struct fixture f;
    everything_off(&c);
    c.line_entries = 256;
    begin(&f, &c, s);
    (void)references(&f, VA);
    assert_int_equal(references(&f, VA), (s->gleaf == 1 ? 1 : 0) + (s->nleaf == 1 ? s->n + 1 : 0));
    stop(&f);
}

static void test_lines_of_page_tables_leave_the_entries_of_level_1(void **state)
{
    (void)state;
    each_shape(lines);
}

static void tlb_reach(const struct shape *s)
{
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    begin(&f, &c, s);
    unsigned g = vs_radix_level_shift(&s->p->g, s->gleaf),
             n = vs_radix_level_shift(&s->p->n, s->nleaf), want = g < n ? g : n;
    assert_int_equal(walk(&f, VA, VS_REF_READ).page_shift, want);
    assert_true(probe(&f, VA + (1ull << want) - 8, VS_REF_READ));
    assert_false(probe(&f, VA + (1ull << want), VS_REF_READ));
    /* INVLPG drops every piece of the guest's page */
    vs_gva last = {VA + (1ull << g) - 1};
    (void)vs_ept_invlpg(&f.ept, &f.t, last);
    assert_false(probe(&f, VA, VS_REF_READ));
    stop(&f);
}

static void test_an_entry_reaches_the_smaller_page_and_invlpg_the_guests_whole_page(void **state)
{
    (void)state;
    each_shape(tlb_reach);
}

static void test_contexts_stay_apart_at_negative_addresses(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    unsigned shift;
    uint64_t kernel = 0xffff800000000000ull;
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 12);
    assert_int_equal(vs_space_touch(&f.space, kernel, 12, true, true), VS_OK);
    (void)walk(&f, kernel, VS_REF_READ);
    assert_non_null(vs_l1_translate(&f.data, f.data.tlb, kernel, &shift));
    struct vs_ept_context other = f.context;
    other.pcid = 1;
    vs_ept_context(&f.ept, &other);
    assert_null(vs_l1_translate(&f.data, f.data.tlb, kernel, &shift));
    stop(&f);
}

static void test_an_execute_only_page_is_fetched_from_and_not_read(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 12);
    uint64_t gpa, hpa;
    vs_hpa at;
    unsigned level;
    assert_true(vs_space_locate(&f.space, VA, &gpa, &hpa));
    assert_true(vs_radix_find(f.phys, &vs_radix_ept, f.vm.ept_root, gpa, NULL, &at, &level));
    uint64_t entry = vs_phys_read64(f.phys, at);
    vs_phys_write64(f.phys, at, (entry & ~7ull) | 4u);
    assert_int_equal(walk(&f, VA, VS_REF_FETCH).fault, VS_FAULT_NONE);
    assert_false(probe(&f, VA, VS_REF_READ));
    struct vs_translation r = walk(&f, VA, VS_REF_READ);
    assert_int_equal(r.fault, VS_FAULT_EPT_VIOLATION);
    assert_int_equal(r.qualification, 1u | 4u << 3 | 1u << 7 | 1u << 8);
    stop(&f);
    c.execute_only = 0; /* a part without it: an entry it does not know */
    start(&f, &c, 12, 12);
    assert_true(vs_space_locate(&f.space, VA, &gpa, &hpa));
    assert_true(vs_radix_find(f.phys, &vs_radix_ept, f.vm.ept_root, gpa, NULL, &at, &level));
    vs_phys_write64(f.phys, at, (vs_phys_read64(f.phys, at) & ~7ull) | 4u);
    assert_int_equal(walk(&f, VA, VS_REF_FETCH).fault, VS_FAULT_EPT_MISCONFIG);
    stop(&f);
}

static void test_mode_based_execution_asks_bit_10_and_reports_both(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    c.mbec = 1;
    struct vs_radix_format g, n;
    struct vs_errors errors = {NULL, 0};
    vs_ept_formats_of(&c, &g, &n, &errors);
    start_formats(&f, &c, &g, &n, 12, 12);
    uint64_t gpa, hpa;
    vs_hpa at;
    unsigned level;
    assert_int_equal(walk(&f, VA, VS_REF_FETCH).fault, VS_FAULT_NONE);
    assert_true(vs_space_locate(&f.space, VA, &gpa, &hpa));
    assert_true(vs_radix_find(f.phys, &n, f.vm.ept_root, gpa, NULL, &at, &level));
    vs_phys_write64(f.phys, at, vs_phys_read64(f.phys, at) & ~(1ull << 10));
    (void)vs_ept_flush(&f.ept, NULL, VS_FLUSH_EPT, 0, 0, 0, (vs_gva){0});
    struct vs_translation x = walk(&f, VA, VS_REF_FETCH);
    assert_int_equal(x.fault, VS_FAULT_EPT_VIOLATION);
    assert_int_equal(x.qualification, 4u | 7u << 3 | 1u << 7 | 1u << 8);
    stop(&f);
}

static void test_a_nested_page_fault_tells_the_final_address_from_a_table(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    everything_off(&c);
    start_formats(&f, &c, &vs_radix_x86_64, &vs_radix_x86_64, 12, 12);
    assert_int_equal(vs_space_touch(&f.space, VA + 4096, 12, true, false), VS_OK);
    assert_int_equal(walk(&f, VA + 4096, VS_REF_READ).qualification, 4u | 1ull << 32);
    assert_int_equal(walk(&f, VA + 4096, VS_REF_WRITE).qualification, 6u | 1ull << 32);
    assert_int_equal(walk(&f, VA + 4096, VS_REF_FETCH).qualification, 20u | 1ull << 32);
    vs_hpa root = {f.vm.ept_root};
    vs_phys_write64(f.phys, root, 0);
    /* walks of the guest's tables count as writes */
    assert_int_equal(walk(&f, VA, VS_REF_READ).qualification, 6u | 1ull << 33);
    stop(&f);
}

/* Bit 8 of a top-level entry: ignored by Intel, reserved by AMD in both dimensions. */
static void test_amd_reserves_the_global_bit_of_upper_entries(void **state)
{
    (void)state;
    for (unsigned amd = 0; amd < 2; amd++) {
        struct vs_ept_config c;
        struct fixture f;
        struct vs_radix_format g, n;
        struct vs_errors errors = {NULL, 0};
        everything_off(&c);
        c.vendor = amd ? VS_VENDOR_AMD : VS_VENDOR_INTEL;
        c.mode = amd ? VS_EPT_NPT : VS_EPT_SHADOW;
        vs_ept_formats_of(&c, &g, &n, &errors);
        assert_int_equal(errors.n, 0);
        start_formats(&f, &c, &g, amd ? &n : &vs_radix_ept, 12, amd ? 12 : 0);
        uint64_t gpa = f.space.cr3, top = gpa;
        assert_true(!amd || vs_vm_locate(&f.vm, gpa, &top));
        vs_hpa at = vs_radix_entry(top, 4, VA);
        vs_phys_write64(f.phys, at, vs_phys_read64(f.phys, at) | 1u << 8);
        struct vs_translation x = walk(&f, VA, VS_REF_READ);
        assert_int_equal(x.fault, amd ? VS_FAULT_PAGE : VS_FAULT_NONE);
        assert_int_equal(x.error_code, amd ? 1u | 4u | 8u : 0); /* P, U/S, RSVD */
        if (amd) {
            vs_hpa nested = vs_radix_entry(f.vm.ept_root, 4, 0);
            vs_phys_write64(f.phys, at, vs_phys_read64(f.phys, at) & ~(1ull << 8));
            vs_phys_write64(f.phys, nested, vs_phys_read64(f.phys, nested) | 1u << 8);
            x = walk(&f, VA, VS_REF_READ);
            assert_int_equal(x.fault, VS_FAULT_EPT_VIOLATION);
            assert_int_equal(x.qualification & 0xffu, 1u | 2u | 4u | 8u);
        }
        stop(&f);
    }
}

static void test_a_stage_2_fault_tells_level_kind_and_stage_1_walk(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    everything_off(&c);
    struct vs_radix_format g = arm(1, 12, 16, 0), n = arm(2, 12, 24, 1);
    start_formats(&f, &c, &g, &n, 12, 12);
    assert_int_equal(vs_space_touch(&f.space, VA + 4096, 12, true, false), VS_OK);
    uint64_t gpa, hpa;
    assert_false(vs_space_locate(&f.space, VA + 4096, &gpa, &hpa));
    struct vs_translation w = walk(&f, VA + 4096, VS_REF_WRITE);
    assert_int_equal(w.fault, VS_FAULT_EPT_VIOLATION);
    assert_int_equal(w.qualification & ~3ull, 4u | 1u << 6); /* translation fault, WnR */
    for (unsigned i = 0; i < 1024; i++) {                    /* both root tables */
        vs_hpa at = {f.vm.ept_root + i * 8u};
        vs_phys_write64(f.phys, at, 0);
    }
    assert_int_equal(walk(&f, VA, VS_REF_READ).qualification, 5u | 1u << 7); /* level 1, S1PTW */
    stop(&f);
    /* stage 1: nothing mapped at Arm's level 0 */
    start_formats(&f, &c, &g, &n, 12, 12);
    assert_int_equal(walk(&f, VA | 1ull << 46, VS_REF_READ).qualification, 4);
    assert_int_equal(walk(&f, VA | 1ull << 48, VS_REF_READ).fault, VS_FAULT_PAGE);
    stop(&f);
}

static void test_the_modification_log_holds_each_page_once_and_says_when_it_is_full(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 12);
    for (uint64_t page = 1; page < 600; page++) {
        assert_int_equal(vs_space_touch(&f.space, VA + page * 4096, 12, true, true), VS_OK);
    }
    /* the guest's tables are written by its own walks: let them be logged first */
    for (uint64_t page = 0; page < 600; page++) {
        (void)walk(&f, VA + page * 4096, VS_REF_READ);
    }
    f.ept.pml = (struct vs_ept_pml){true, 4096, VS_EPT_PML_ENTRIES - 1};
    uint64_t gpa, hpa, logged = f.ept.count[VS_CNT_ept_pml_logged];
    for (uint64_t page = 0; page < VS_EPT_PML_ENTRIES; page++) {
        assert_int_equal(walk(&f, VA + page * 4096, VS_REF_WRITE).fault, VS_FAULT_NONE);
        assert_int_equal(walk(&f, VA + page * 4096 + 8, VS_REF_WRITE).fault, VS_FAULT_NONE);
        assert_true(vs_space_locate(&f.space, VA + page * 4096, &gpa, &hpa));
        vs_hpa at = {4096 + (VS_EPT_PML_ENTRIES - 1 - page) * 8};
        assert_int_equal(vs_phys_read64(f.phys, at), gpa);
    }
    assert_int_equal(f.ept.count[VS_CNT_ept_pml_logged] - logged, VS_EPT_PML_ENTRIES);
    struct vs_translation full = walk(&f, VA + VS_EPT_PML_ENTRIES * 4096, VS_REF_WRITE);
    assert_int_equal(full.fault, VS_FAULT_PML_FULL);
    assert_int_equal(walk(&f, VA, VS_REF_WRITE).fault, VS_FAULT_NONE); /* dirty already */
    /* a read that has an accessed flag to set finds the full log too, and sets none */
    vs_gva other = {VA + 599 * 4096};
    assert_true(vs_space_locate(&f.space, other.v, &gpa, &hpa));
    uint64_t entry, flags = 0x300;
    vs_hpa leaf;
    unsigned level;
    assert_true(vs_radix_find(f.phys, &f.vm.format, f.vm.ept_root, gpa, NULL, &leaf, &level));
    entry = vs_phys_read64(f.phys, leaf);
    vs_phys_write64(f.phys, leaf, entry & ~flags);
    (void)vs_ept_flush(&f.ept, NULL, VS_FLUSH_EPT, 0, 0, 0, (vs_gva){0});
    assert_int_equal(walk(&f, other.v, VS_REF_READ).fault, VS_FAULT_PML_FULL);
    assert_int_equal(vs_phys_read64(f.phys, leaf) & flags, 0);
    f.ept.pml.index = VS_EPT_PML_ENTRIES - 1; /* the hypervisor has read it */
    assert_int_equal(walk(&f, other.v, VS_REF_READ).fault, VS_FAULT_NONE);
    assert_int_equal(vs_phys_read64(f.phys, leaf) & flags, 0x100);
    assert_int_equal(f.ept.pml.index, VS_EPT_PML_ENTRIES - 1); /* what is read is not logged */
    assert_int_equal(walk(&f, VA + VS_EPT_PML_ENTRIES * 4096, VS_REF_WRITE).fault, VS_FAULT_NONE);
    stop(&f);
}

static size_t mistakes(const struct vs_ept_config *c)
{
    struct vs_errors errors = {NULL, 0};
    vs_ept_check(c, &errors);
    size_t n = errors.n;
    vs_errors_free(&errors);
    return n;
}

static void test_formats_that_do_not_go_together_are_refused(void **state)
{
    (void)state;
    struct vs_ept_config c;
    vs_defaults(&vs_ept_desc, &c);
    assert_int_equal(mistakes(&c), 0);
    /* bit = cpu.vendor: whose is it */
    static const unsigned exists[] = {[VS_EPT_NATIVE] = 7,
                                      [VS_EPT_EPT] = 1,
                                      [VS_EPT_NPT] = 2,
                                      [VS_EPT_STAGE2] = 4,
                                      [VS_EPT_SHADOW] = 3};
    for (c.vendor = VS_VENDOR_INTEL; c.vendor <= VS_VENDOR_ARM; c.vendor++) {
        for (c.mode = VS_EPT_NATIVE; c.mode <= VS_EPT_SHADOW; c.mode++) {
            c.guest_format = c.vendor == VS_VENDOR_ARM;
            assert_int_equal(mistakes(&c), !(exists[c.mode] >> c.vendor & 1u));
        }
    }
    c.vendor = VS_VENDOR_INTEL;
    c.mode = VS_EPT_NATIVE;
    c.guest_format = 1; /* Arm's tables on an x86 processor */
    assert_int_equal(mistakes(&c), 1);
    c.vendor = VS_VENDOR_ARM;
    c.mode = VS_EPT_STAGE2;
    c.guest_granule = 2; /* 64K tables and 4K pages */
    assert_int_equal(mistakes(&c), 1);
    c.guest_page = 4;
    assert_int_equal(mistakes(&c), 0);
    c.guest_page = 6; /* 512M */
    assert_int_equal(mistakes(&c), 0);
    c.guest_page = 1;
    assert_int_equal(mistakes(&c), 1);
    c.guest_page = 4;
    c.host_sl0 = 2; /* 40 bits do not start at level 0 */
    assert_int_equal(mistakes(&c), 0);
    c.host_t0sz = 26;
    assert_int_equal(mistakes(&c), 1);
    c.host_sl0 = 1;
    c.host_t0sz = 33; /* 31 bits: less than guest.memory */
    assert_int_equal(mistakes(&c), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_a_guest_entry_is_cached_for_the_piece_of_its_table_that_was_translated),
        cmocka_unit_test(test_without_caches_a_walk_makes_n_plus_1_times_m_plus_1_minus_1),
        cmocka_unit_test(test_a_guest_entry_cached_at_a_level_leaves_the_levels_below_it),
        cmocka_unit_test(test_a_nested_entry_cached_at_a_level_shortens_every_nested_walk),
        cmocka_unit_test(test_with_a_nested_tlb_only_the_guests_entries_are_left),
        cmocka_unit_test(test_lines_of_page_tables_leave_the_entries_of_level_1),
        cmocka_unit_test(test_an_entry_reaches_the_smaller_page_and_invlpg_the_guests_whole_page),
        cmocka_unit_test(test_contexts_stay_apart_at_negative_addresses),
        cmocka_unit_test(test_an_execute_only_page_is_fetched_from_and_not_read),
        cmocka_unit_test(test_mode_based_execution_asks_bit_10_and_reports_both),
        cmocka_unit_test(test_a_nested_page_fault_tells_the_final_address_from_a_table),
        cmocka_unit_test(test_amd_reserves_the_global_bit_of_upper_entries),
        cmocka_unit_test(test_a_stage_2_fault_tells_level_kind_and_stage_1_walk),
        cmocka_unit_test(test_the_modification_log_holds_each_page_once_and_says_when_it_is_full),
        cmocka_unit_test(test_formats_that_do_not_go_together_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
