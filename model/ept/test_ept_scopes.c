/* SPDX-License-Identifier: MIT */
/* Laws of scopes: global entries where tags have run out, what a fault drops, what is left to other
 * address spaces, and what invalidations and lookups cost. */
#include "test_ept.h"

#define GLOBAL_VA (VA + 4096)

static void mark_global(struct fixture *f)
{
    assert_int_equal(vs_space_touch(&f->space, GLOBAL_VA, 12, true, true), VS_OK);
    (void)walk(f, GLOBAL_VA, VS_REF_READ);
    vs_hpa at = {f->ept.guest_leaf};
    vs_phys_write64(f->phys, at, vs_phys_read64(f->phys, at) | vs_radix_x86_64.global);
    (void)vs_ept_flush(&f->ept, NULL, VS_FLUSH_ALL, 0, 0, 0, (vs_gva){0});
    (void)walk(f, VA, VS_REF_READ);
    (void)walk(f, GLOBAL_VA, VS_REF_READ);
}

/* SDM 3A 4.10.4.1: MOV to CR3 and INVPCID of one context leave global entries, INVLPG drops those
 * of its address in every PCID; also where they have no tag of their own. */
static void test_global_entries_keep_their_scope_when_tags_have_run_out(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 4; how++) {
        struct vs_ept_config c;
        struct fixture f;
        vs_defaults(&vs_ept_desc, &c);
        c.tags = 4; /* of set-up, of both PCIDs, and guest-physical */
        start(&f, &c, 12, 12);
        struct vs_ept_context other = f.context;
        other.pcid = 1;
        vs_ept_context(&f.ept, &other);
        vs_ept_context(&f.ept, &f.context);
        mark_global(&f);
        assert_int_equal(f.ept.count[VS_CNT_ept_tag_wraps], 0);
        assert_false(f.ept.data->globals);
        vs_gva at = {GLOBAL_VA};
        if (how == 0) {
            (void)vs_ept_mov_cr3(&f.ept, &f.t, 0, false);
        } else if (how == 1) {
            (void)vs_ept_invpcid(&f.ept, &f.t, 1, 0, at);
        } else if (how == 2) {
            (void)vs_ept_invpcid(&f.ept, &f.t, 3, 0, at);
        } else {
            vs_ept_context(&f.ept, &other);
            (void)vs_ept_invlpg(&f.ept, &f.t, at);
            vs_ept_context(&f.ept, &f.context);
        }
        assert_int_equal(probe(&f, GLOBAL_VA, VS_REF_READ), how < 3);
        assert_int_equal(probe(&f, VA, VS_REF_READ), how == 3);
        stop(&f);
    }
}

/* APM volume 2, 15.16.1: TLB_CONTROL 3 drops an ASID's global entries, 7 leaves them. */
static void test_a_flush_of_an_asid_says_whether_global_entries_go(void **state)
{
    (void)state;
    for (unsigned all = 0; all < 2; all++) {
        struct vs_ept_config c;
        struct fixture f;
        vs_defaults(&vs_ept_desc, &c);
        start_formats(&f, &c, &vs_radix_x86_64, &vs_radix_x86_64, 12, 12);
        mark_global(&f);
        (void)vs_ept_flush(&f.ept, &f.t, all ? VS_FLUSH_ASID : VS_FLUSH_ASID_NONGLOBAL, 1, 0, 0,
                           (vs_gva){0});
        assert_false(probe(&f, VA, VS_REF_READ));
        assert_int_equal(probe(&f, GLOBAL_VA, VS_REF_READ), !all);
        stop(&f);
    }
}

/* SDM 2A, INVPCID: type 2 is of the current VPID. */
static void test_invpcid_of_all_contexts_leaves_other_vpids(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 12);
    struct vs_ept_context other = f.context;
    other.vpid = 2;
    (void)walk(&f, VA, VS_REF_READ);
    vs_ept_context(&f.ept, &other);
    (void)walk(&f, VA, VS_REF_READ);
    (void)vs_ept_invpcid(&f.ept, &f.t, 2, 0, (vs_gva){0});
    assert_false(probe(&f, VA, VS_REF_READ));
    vs_ept_context(&f.ept, &f.context);
    assert_true(probe(&f, VA, VS_REF_READ));
    stop(&f);
}

/* EL2 has no stage 2: its IPAS2E1 is an instruction like another, and drops no machine's entries.
 */
static void test_a_stage_2_address_without_a_stage_2_drops_nothing(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    uint64_t gpa, hpa;
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 12);
    (void)walk(&f, VA, VS_REF_READ);
    assert_true(vs_space_locate(&f.space, VA, &gpa, &hpa));
    uint64_t nested = vs_settab_used(&f.ept.nested), n = f.ept.count[VS_CNT_ept_invalidations];
    vs_ept_context(&f.ept, &(struct vs_ept_context){0, 0, f.space.cr3, 0, 0});
    for (int last = 0; last < 2; last++) {
        enum vs_tlbi form = last ? VS_TLBI_IPAS2LE1 : VS_TLBI_IPAS2E1;
        assert_int_equal(vs_ept_tlbi(&f.ept, &f.t, form, 0, gpa), 0);
    }
    assert_int_equal(vs_settab_used(&f.ept.nested), nested);
    assert_int_equal(f.ept.count[VS_CNT_ept_invalidations], n + 2);
    stop(&f);
}

/* Each machine's entries carry its EP4TA, linear ones and guest-physical ones. */
static void test_no_more_tags_are_given_than_there_are(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    c.tags = 5;
    start(&f, &c, 12, 12);
    struct vs_ept_context next = f.context;
    for (uint16_t i = 0; i < 40; i++) {
        next.vpid = i;
        next.eptp = f.context.eptp + i * 4096ull;
        vs_ept_context(&f.ept, &next);
        assert_true(f.ept.n_tags <= 5);
    }
    stop(&f);
}

/* A number may be an address of both dimensions: each is dropped in its own. */
static void test_an_address_of_stage_2_is_none_of_stage_1(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 12);
    (void)walk(&f, VA, VS_REF_READ);
    (void)vs_ept_tlbi(&f.ept, &f.t, VS_TLBI_IPAS2E1, 0, VA);
    assert_true(probe(&f, VA, VS_REF_READ));
    (void)vs_ept_tlbi(&f.ept, &f.t, VS_TLBI_IPAS2LE1, 0, VA);
    assert_true(probe(&f, VA, VS_REF_READ));
    stop(&f);
}

/* SDM 3A 4.10.4.1: a page fault drops what is cached for its address, in its own address space. */
static void test_a_fault_drops_its_own_vpids_entries_only(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    unsigned shift;
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 12);
    struct vs_ept_context other = f.context;
    other.vpid = 2;
    assert_true(vs_space_protect(&f.space, VA, VS_RIGHT_READ, &shift));
    (void)walk(&f, VA, VS_REF_READ);
    vs_ept_context(&f.ept, &other);
    (void)walk(&f, VA, VS_REF_READ);
    assert_int_equal(walk(&f, VA, VS_REF_WRITE).fault, VS_FAULT_PAGE);
    assert_false(probe(&f, VA, VS_REF_READ));
    vs_ept_context(&f.ept, &f.context);
    assert_true(probe(&f, VA, VS_REF_READ));
    stop(&f);
}

static void test_a_fault_drops_what_was_prefetched(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    unsigned shift;
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 12);
    assert_int_equal(vs_space_touch(&f.space, VA + 4096, 12, true, true), VS_OK);
    assert_true(vs_space_protect(&f.space, VA + 4096, VS_RIGHT_READ, &shift));
    vs_ept_prefetcher(&f.ept, f.ledger, vs_ledger_actor(f.ledger, "vcpu0/prefetch"), (vs_ps){0});
    (void)walk(&f, VA, VS_REF_READ);
    assert_true(f.ept.prefetch.full);
    assert_int_equal(walk(&f, VA + 4096, VS_REF_WRITE).fault, VS_FAULT_PAGE);
    assert_false(f.ept.prefetch.full);
    vs_ept_prefetcher_end(&f.ept);
    stop(&f);
}

/* ---- prices ------------------------------------------------------------------------------------
 */

static void test_a_page_and_a_context_are_dropped_at_their_own_price(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    c.invlpg = 100;
    c.flush = 300;
    start(&f, &c, 12, 12);
    vs_gva at = {VA};
    (void)vs_ept_invlpg(&f.ept, &f.t, at);
    (void)vs_ept_mov_cr3(&f.ept, &f.t, 0, false);
    (void)vs_ept_mov_cr3(&f.ept, &f.t, 0, true); /* bit 63: nothing is dropped, nothing paid */
    const struct vs_part *w = f.t.by_op[VS_OP_INVALIDATE]->work + f.ept.account;
    assert_int_equal(w[VS_ACC_ept_invalidate_address].n, 1);
    assert_int_equal(w[VS_ACC_ept_invalidate_address].ps, 100 * 500);
    assert_int_equal(w[VS_ACC_ept_invalidate_context].n, 1);
    assert_int_equal(w[VS_ACC_ept_invalidate_context].ps, 300 * 500);
    assert_int_equal(f.ept.count[VS_CNT_ept_invalidations], 2);
    stop(&f);
}

static void test_every_table_entry_above_the_last_level_looks_its_line_up(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    everything_off(&c);
    c.line_entries = 64;
    c.line_latency = 3;
    start(&f, &c, 12, 0);
    for (uint64_t i = 1; i <= 3; i++) {
        (void)walk(&f, VA, VS_REF_READ);
        const struct vs_part *w = f.t.by_op[VS_OP_WALK]->work + f.ept.account;
        assert_int_equal(w[VS_ACC_ept_lines].n, 3 * i);
        assert_int_equal(w[VS_ACC_ept_lines].ps, 3 * i * 3 * 500);
        assert_int_equal(f.ept.count[VS_CNT_ept_line_misses], 3);
        assert_int_equal(f.ept.count[VS_CNT_ept_line_hits], 3 * (i - 1));
    }
    stop(&f);
}

/* TTBR1's tables may have fewer levels than TTBR0's: its walks wait for the caches it has. */
static void test_each_half_waits_for_the_walk_caches_of_its_own_levels(void **state)
{
    (void)state;
    for (unsigned upper = 0; upper < 2; upper++) {
        struct vs_radix_format g = arm(1, 12, 16, 0), u = arm(1, 12, 34, 0); /* 4 and 2 levels */
        struct vs_ept_config c;
        struct fixture f;
        everything_off(&c);
        c.gpde = c.gpml4e = 4;
        c.gpde_latency = 2;
        c.gpml4e_latency = 9;
        start_formats(&f, &c, &g, &g, 12, 0);
        vs_ept_upper(&f.ept, &u);
        f.context.upper = f.context.cr3;
        vs_ept_context(&f.ept, &f.context);
        assert_int_equal(u.levels, 2);
        (void)walk(&f, upper ? UINT64_MAX - 4095 : VA, VS_REF_READ); /* whatever is there */
        const struct vs_part *w = f.t.by_op[VS_OP_WALK]->work + f.ept.account;
        assert_int_equal(w[VS_ACC_ept_guest_pwc_l4].ps, upper ? 0 : 9 * 500);
        assert_int_equal(w[VS_ACC_ept_guest_pwc_l2].ps, upper ? 2 * 500 : 0);
        stop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_global_entries_keep_their_scope_when_tags_have_run_out),
        cmocka_unit_test(test_a_flush_of_an_asid_says_whether_global_entries_go),
        cmocka_unit_test(test_invpcid_of_all_contexts_leaves_other_vpids),
        cmocka_unit_test(test_a_stage_2_address_without_a_stage_2_drops_nothing),
        cmocka_unit_test(test_no_more_tags_are_given_than_there_are),
        cmocka_unit_test(test_an_address_of_stage_2_is_none_of_stage_1),
        cmocka_unit_test(test_a_fault_drops_its_own_vpids_entries_only),
        cmocka_unit_test(test_a_fault_drops_what_was_prefetched),
        cmocka_unit_test(test_a_page_and_a_context_are_dropped_at_their_own_price),
        cmocka_unit_test(test_every_table_entry_above_the_last_level_looks_its_line_up),
        cmocka_unit_test(test_each_half_waits_for_the_walk_caches_of_its_own_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
