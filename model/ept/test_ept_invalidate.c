/* SPDX-License-Identifier: MIT */
/* Laws of invalidations: what each drops and, as far as this model promises it, what it leaves. */
#include "test_ept.h"

#define GLOBAL_VA (VA + 4096)

/* One page, and a global one beside it, both in the TLBs. */
static void begin(struct fixture *f, const struct vs_ept_config *c)
{
    start(f, c, 12, 12);
    assert_int_equal(vs_space_touch(&f->space, GLOBAL_VA, 12, true, true), VS_OK);
    (void)walk(f, GLOBAL_VA, VS_REF_READ);
    vs_hpa at = {f->ept.guest_leaf};
    vs_phys_write64(f->phys, at, vs_phys_read64(f->phys, at) | vs_radix_x86_64.global);
    (void)vs_ept_flush(&f->ept, NULL, VS_FLUSH_ALL, 0, 0, 0, (vs_gva){0});
    (void)walk(f, VA, VS_REF_READ);
    (void)walk(f, GLOBAL_VA, VS_REF_READ);
    assert_true(probe(f, VA, VS_REF_READ) && probe(f, GLOBAL_VA, VS_REF_READ));
}

struct law {
    bool page, global; /* what is left of both */
};

static void check_invpcid(unsigned type, uint16_t pcid, uint64_t address, struct law left)
{
    struct vs_ept_config c;
    struct fixture f;
    vs_gva at = {address};
    vs_defaults(&vs_ept_desc, &c);
    begin(&f, &c);
    (void)vs_ept_invpcid(&f.ept, &f.t, type, pcid, at);
    assert_int_equal(probe(&f, VA, VS_REF_READ), left.page);
    assert_int_equal(probe(&f, GLOBAL_VA, VS_REF_READ), left.global);
    stop(&f);
}

static void test_invpcid_drops_what_its_type_says(void **state)
{
    (void)state;
    check_invpcid(0, 0, VA, (struct law){false, true});
    check_invpcid(0, 0, GLOBAL_VA, (struct law){true, true}); /* not a global one */
    check_invpcid(0, 1, VA, (struct law){true, true});
    check_invpcid(1, 0, 0, (struct law){false, true});
    check_invpcid(1, 1, 0, (struct law){true, true});
    check_invpcid(2, 0, 0, (struct law){false, false});
    check_invpcid(3, 0, 0, (struct law){false, true});
}

static void test_invlpg_of_another_pcid_drops_a_global_page(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_gva at = {GLOBAL_VA};
    vs_defaults(&vs_ept_desc, &c);
    begin(&f, &c);
    struct vs_ept_context other = f.context;
    other.pcid = 1;
    vs_ept_context(&f.ept, &other);
    (void)vs_ept_invlpg(&f.ept, &f.t, at);
    vs_ept_context(&f.ept, &f.context);
    assert_false(probe(&f, GLOBAL_VA, VS_REF_READ));
    assert_true(probe(&f, VA, VS_REF_READ));
    stop(&f);
}

static void test_invvpid_of_all_contexts_leaves_the_host(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_gva none = {0};
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 0); /* VPID 0 */
    (void)walk(&f, VA, VS_REF_READ);
    (void)vs_ept_flush(&f.ept, &f.t, VS_FLUSH_ALL_VPIDS, 0, 0, 0, none);
    assert_true(probe(&f, VA, VS_REF_READ));
    (void)vs_ept_flush(&f.ept, &f.t, VS_FLUSH_ALL, 0, 0, 0, none);
    assert_false(probe(&f, VA, VS_REF_READ));
    stop(&f);
}

static void check_tlbi(enum vs_tlbi form, uint16_t asid, uint64_t address, struct law left,
                       bool walk_caches, bool nested)
{
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    begin(&f, &c);
    uint64_t counted = f.ept.count[VS_CNT_ept_invalidations];
    (void)vs_ept_tlbi(&f.ept, &f.t, form, asid, address);
    assert_int_equal(f.ept.count[VS_CNT_ept_invalidations] - counted, 1); /* one instruction */
    assert_int_equal(probe(&f, VA, VS_REF_READ), left.page);
    assert_int_equal(probe(&f, GLOBAL_VA, VS_REF_READ), left.global);
    assert_int_equal(vs_settab_used(&f.ept.gpwc[2]) != 0, walk_caches);
    assert_int_equal(vs_settab_used(&f.ept.nested) != 0, nested);
    stop(&f);
}

static void test_tlbi_forms_keep_to_their_stage_address_space_and_level(void **state)
{
    (void)state;
    const struct law none = {false, false}, both = {true, true}, global = {false, true};
    check_tlbi(VS_TLBI_VAE1, 0, VA, global, false, true);
    check_tlbi(VS_TLBI_VALE1, 0, VA, global, true, true);
    check_tlbi(VS_TLBI_VAE1, 1, VA, both, true, true);
    check_tlbi(VS_TLBI_VAAE1, 1, VA, global, false, true);
    check_tlbi(VS_TLBI_VAALE1, 1, VA, global, true, true);
    check_tlbi(VS_TLBI_ASIDE1, 0, 0, global, false, true);
    check_tlbi(VS_TLBI_VMALLE1, 0, 0, none, false, true);
    check_tlbi(VS_TLBI_VMALLS12E1, 0, 0, none, false, false);
    check_tlbi(VS_TLBI_ALLE1, 0, 0, none, false, false);
}

static void test_a_stage_2_address_alone_leaves_combined_entries(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    uint64_t gpa, hpa;
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 12);
    (void)walk(&f, VA, VS_REF_READ);
    assert_true(vs_space_locate(&f.space, VA, &gpa, &hpa));
    uint64_t before = vs_settab_used(&f.ept.nested);
    assert_true(vs_ept_tlbi(&f.ept, &f.t, VS_TLBI_IPAS2E1, 0, gpa) > 0);
    assert_int_equal(vs_settab_used(&f.ept.nested), before - 1);
    assert_int_equal(vs_settab_used(&f.ept.npwc[2]), 0);
    assert_true(probe(&f, VA, VS_REF_READ)); /* until VMALLE1 */
    stop(&f);
    start(&f, &c, 12, 12);
    (void)walk(&f, VA, VS_REF_READ);
    assert_true(vs_space_locate(&f.space, VA, &gpa, &hpa));
    uint64_t tables = vs_settab_used(&f.ept.npwc[2]);
    before = vs_settab_used(&f.ept.nested);
    assert_int_equal(vs_ept_tlbi(&f.ept, &f.t, VS_TLBI_IPAS2LE1, 0, gpa), 1); /* the last level */
    assert_int_equal(vs_settab_used(&f.ept.nested), before - 1);
    assert_int_equal(vs_settab_used(&f.ept.npwc[2]), tables);
    stop(&f);
}

static void test_tlbi_alle1_leaves_what_el2_translates_for_itself(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    start(&f, &c, 12, 0); /* VMID 0, no stage 2 */
    (void)walk(&f, VA, VS_REF_READ);
    (void)vs_ept_tlbi(&f.ept, &f.t, VS_TLBI_ALLE1, 0, 0);
    assert_true(probe(&f, VA, VS_REF_READ));
    stop(&f);
}

static void test_a_tlbi_of_another_core_acts_in_its_vmid_whatever_runs_here(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    begin(&f, &c);
    struct vs_ept_context mine = f.context, host = {0, 0, f.space.cr3, 0, 0}, other = f.context;
    vs_ept_context(&f.ept, &host);
    other.vpid = 7;
    assert_int_equal(vs_ept_tlbi_in(&f.ept, NULL, VS_TLBI_VAE1, &other, VA), 0);
    assert_true(vs_ept_tlbi_in(&f.ept, NULL, VS_TLBI_VAE1, &mine, VA) > 0);
    vs_ept_context(&f.ept, &mine);
    assert_false(probe(&f, VA, VS_REF_READ));
    assert_true(probe(&f, GLOBAL_VA, VS_REF_READ));
    stop(&f);
}

/* SDM 3A 4.10.2.4. */
static void test_a_global_page_serves_every_pcid_of_its_vpid(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    unsigned shift;
    vs_defaults(&vs_ept_desc, &c);
    begin(&f, &c);
    struct vs_ept_context other = f.context;
    other.pcid = 1;
    vs_ept_context(&f.ept, &other);
    assert_non_null(vs_l1_translate(&f.data, f.data.tlb, GLOBAL_VA, &shift));
    assert_true(probe(&f, GLOBAL_VA, VS_REF_READ));
    assert_null(vs_l1_translate(&f.data, f.data.tlb, VA, &shift));
    assert_false(probe(&f, VA, VS_REF_READ));
    other.vpid = 2;
    vs_ept_context(&f.ept, &other);
    assert_null(vs_l1_translate(&f.data, f.data.tlb, GLOBAL_VA, &shift));
    assert_false(probe(&f, GLOBAL_VA, VS_REF_READ));
    /* MOV to CR3 keeps it, in whatever PCID; INVVPID of the VPID does not */
    vs_ept_context(&f.ept, &f.context);
    (void)vs_ept_mov_cr3(&f.ept, &f.t, 0, false);
    (void)vs_ept_mov_cr3(&f.ept, &f.t, 1, false);
    assert_true(probe(&f, GLOBAL_VA, VS_REF_READ));
    (void)vs_ept_flush(&f.ept, &f.t, VS_FLUSH_VPID, 1, 0, 0, (vs_gva){0});
    assert_false(probe(&f, GLOBAL_VA, VS_REF_READ));
    assert_null(vs_l1_translate(&f.data, f.data.tlb, GLOBAL_VA, &shift));
    stop(&f);
}

static void test_without_pge_a_page_marked_global_is_not(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    c.global_pages = 0;
    begin(&f, &c);
    (void)vs_ept_mov_cr3(&f.ept, &f.t, 0, false);
    assert_false(probe(&f, GLOBAL_VA, VS_REF_READ));
    stop(&f);
}

static void test_more_address_spaces_than_tags_drop_everything_and_never_mix(void **state)
{
    (void)state;
    struct vs_ept_config c;
    struct fixture f;
    vs_defaults(&vs_ept_desc, &c);
    c.tags = 4; /* the guest-physical one takes a tag, too; so does the context of set-up */
    start(&f, &c, 12, 12);
    for (uint16_t pcid = 0; pcid < 2; pcid++) {
        f.context.pcid = pcid;
        vs_ept_context(&f.ept, &f.context);
        assert_false(probe(&f, VA, VS_REF_READ));
        (void)walk(&f, VA, VS_REF_READ);
    }
    assert_int_equal(f.ept.count[VS_CNT_ept_tag_wraps], 0);
    f.context.pcid = 0;
    vs_ept_context(&f.ept, &f.context);
    assert_true(probe(&f, VA, VS_REF_READ));
    for (uint16_t pcid = 2; pcid < 40; pcid++) {
        f.context.pcid = pcid;
        vs_ept_context(&f.ept, &f.context);
        assert_false(probe(&f, VA, VS_REF_READ));
        (void)walk(&f, VA, VS_REF_READ);
    }
    assert_true(f.ept.count[VS_CNT_ept_tag_wraps] >= 38 / 3);
    stop(&f);
}

/* AMD has no flush of nested translations alone: TLB_CONTROL's flushes drop them with the rest (APM
 * volume 2, 15.16; Linux arch/x86/kvm/svm/svm.c, svm_flush_tlb_asid). Two ASIDs of one machine; a
 * walk after the flush is as long as the first one ever was, and the other ASID's is not. */
static void test_a_flush_by_asid_drops_its_nested_translations_too(void **state)
{
    (void)state;
    static const struct {
        enum vs_flush what;
        bool other; /* is left */
    } cases[] = {{VS_FLUSH_ASID, true}, {VS_FLUSH_ASID_NONGLOBAL, true}, {VS_FLUSH_ASIDS, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct vs_ept_config c;
        struct fixture f;
        vs_defaults(&vs_ept_desc, &c);
        start_formats(&f, &c, &vs_radix_x86_64, &vs_radix_x86_64, 12, 12);
        struct vs_ept_context other = f.context;
        other.vpid = 2;
        uint64_t first = references(&f, VA);
        vs_ept_context(&f.ept, &other);
        assert_int_equal(references(&f, VA), first); /* nothing is shared between ASIDs */
        vs_ept_context(&f.ept, &f.context);
        assert_true(references(&f, VA) < first);
        (void)vs_ept_flush(&f.ept, &f.t, cases[i].what, 1, 0, 0, (vs_gva){0});
        assert_false(probe(&f, VA, VS_REF_READ));
        assert_int_equal(references(&f, VA), first);
        vs_ept_context(&f.ept, &other);
        assert_int_equal(probe(&f, VA, VS_REF_READ), cases[i].other);
        assert_int_equal(references(&f, VA) < first, cases[i].other);
        stop(&f);
    }
}

/* What a guest asks for on its own (INVPCID) leaves the second dimension alone. */
static void test_a_guests_own_invalidations_leave_nested_translations(void **state)
{
    (void)state;
    for (unsigned type = 1; type < 4; type++) {
        struct vs_ept_config c;
        struct fixture f;
        vs_defaults(&vs_ept_desc, &c);
        start_formats(&f, &c, &vs_radix_x86_64, &vs_radix_x86_64, 12, 12);
        (void)walk(&f, VA, VS_REF_READ);
        (void)vs_ept_invpcid(&f.ept, &f.t, type, 0, (vs_gva){VA});
        assert_false(probe(&f, VA, VS_REF_READ));
        assert_true(vs_settab_used(&f.ept.nested) != 0);
        stop(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_invpcid_drops_what_its_type_says),
        cmocka_unit_test(test_invlpg_of_another_pcid_drops_a_global_page),
        cmocka_unit_test(test_invvpid_of_all_contexts_leaves_the_host),
        cmocka_unit_test(test_tlbi_forms_keep_to_their_stage_address_space_and_level),
        cmocka_unit_test(test_a_stage_2_address_alone_leaves_combined_entries),
        cmocka_unit_test(test_tlbi_alle1_leaves_what_el2_translates_for_itself),
        cmocka_unit_test(test_a_tlbi_of_another_core_acts_in_its_vmid_whatever_runs_here),
        cmocka_unit_test(test_a_global_page_serves_every_pcid_of_its_vpid),
        cmocka_unit_test(test_without_pge_a_page_marked_global_is_not),
        cmocka_unit_test(test_more_address_spaces_than_tags_drop_everything_and_never_mix),
        cmocka_unit_test(test_a_flush_by_asid_drops_its_nested_translations_too),
        cmocka_unit_test(test_a_guests_own_invalidations_leave_nested_translations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
