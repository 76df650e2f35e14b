/* SPDX-License-Identifier: MIT */
/* Laws of scalable mode, each with the section of the VT-d specification (3.x) that states it. */
#include "test_scalable.h"

#define HIGH_DEVICE 0x0190u /* device 18: the other half of a root entry */
#define GPA 0x800000u
#define READ 1u

static void second(struct iommu_machine *m, uint64_t from, uint64_t to, unsigned shift,
                   unsigned rights)
{
    assert_int_equal(iommu_machine_map(m, DOMAIN, from, to, shift, rights), VS_OK);
}

static uint64_t loads(struct iommu_machine *m, uint32_t pasid, uint64_t at, bool write)
{
    uint64_t before = m->loads, out;
    assert_true(ask(m, pasid, at, write, &out));
    return m->loads - before;
}

/* Everything that is cached goes, by descriptors. */
static void flush(struct iommu_machine *m)
{
    vs_iommu_queue_global(&m->iommu);
    assert_true(vs_iommu_queue(&m->iommu, 7u | 3u << 4, 0));
    vs_iommu_execute(&m->iommu, &m->t);
}

static void vtd_3_4_3_a_request_reads_root_context_directory_and_pasid_entry(void **state)
{
    (void)state;
    struct iommu_machine m;
    uint64_t out;
    start(&m, true);
    attach(&m, DEVICE, 0, VS_IOMMU_SECOND, 0);
    second(&m, IOVA, FRAME, 12, 3);
    assert_int_equal(loads(&m, VS_IOMMU_NO_PASID, IOVA, false), 4 + 4);
    assert_int_equal(loads(&m, VS_IOMMU_NO_PASID, IOVA, true), 0);
    assert_true(ask(&m, VS_IOMMU_NO_PASID, IOVA + 9, false, &out));
    assert_int_equal(out, FRAME + 9);
    assert_int_equal(m.iommu.count[VS_CNT_iommu_pasid_misses], 1);
    assert_int_equal(m.iommu.count[VS_CNT_iommu_pasid_hits], 2);
    iommu_machine_stop(&m);
}

static void vtd_9_1_devices_above_15_are_in_the_upper_half_of_a_root_entry(void **state)
{
    (void)state;
    struct iommu_machine m;
    vs_hpa out;
    start(&m, true);
    attach(&m, HIGH_DEVICE, 0, VS_IOMMU_PASS, 0);
    assert_int_equal(vs_phys_read64(m.phys, (vs_hpa){IOMMU_ROOT + 16}), 0);
    assert_true(vs_iommu_translate(&m.iommu, &m.t, HIGH_DEVICE, VS_IOMMU_NO_PASID, (vs_iova){IOVA},
                                   true, &out));
    assert_int_equal(out.v, IOVA); /* pass-through */
    assert_int_equal(reason(&m, VS_IOMMU_NO_PASID, IOVA, false), VS_IOMMU_SM_ROOT_NOT_PRESENT);
    iommu_machine_stop(&m);
}

static void vtd_3_6_the_first_level_marks_what_is_used_and_written(void **state)
{
    (void)state;
    struct iommu_machine m;
    uint64_t out, root;
    start(&m, true);
    root = attach(&m, DEVICE, PASID, VS_IOMMU_FIRST, page(&m));
    first(&m, root, IOVA, FRAME, 12, USER_RW);
    assert_int_equal(loads(&m, PASID, IOVA, false), 4 + 4);
    assert_int_equal(m.iommu.count[VS_CNT_iommu_first_refs], 4);
    assert_int_equal(m.iommu.count[VS_CNT_iommu_refs], 0);
    assert_int_equal(m.iommu.count[VS_CNT_iommu_marks], 4); /* accessed, at each level */
    assert_int_equal(loads(&m, PASID, IOVA, false), 0);
    assert_int_equal(loads(&m, PASID, IOVA, true), 1); /* the leaf, to be marked dirty */
    assert_int_equal(m.iommu.count[VS_CNT_iommu_marks], 5);
    assert_int_equal(loads(&m, PASID, IOVA, true), 0);
    assert_true(ask(&m, PASID, IOVA + 5, true, &out));
    assert_int_equal(out, FRAME + 5);
    iommu_machine_stop(&m);
}

/* The nested walk: each of the four first-level entries lies at a guest-physical address that takes
 * a second-level walk, and so does the page: 4 + 5 * 4 references. */
static void vtd_3_8_a_nested_walk_is_24_references_without_caches(void **state)
{
    static const struct {
        unsigned first, second;
        uint64_t first_refs, second_refs;
    } law[] = {{12, 12, 4, 20}, {21, 12, 3, 16}, {12, 21, 4, 15}, {21, 21, 3, 12}, {30, 30, 2, 6}};
    (void)state;
    for (size_t k = 0; k < sizeof law / sizeof law[0]; k++) {
        struct iommu_machine m;
        uint64_t out, root, at = IOVA & ~((1ull << law[k].first) - 1u);
        start(&m, false);
        root = attach(&m, DEVICE, PASID, VS_IOMMU_NESTED, page(&m));
        first(&m, root, at, 0, law[k].first, USER_RW);
        for (uint64_t g = 0; g < IOMMU_BYTES; g += 1ull << law[k].second) {
            second(&m, g, g, law[k].second, 3);
        }
        assert_int_equal(loads(&m, PASID, at, false), 4 + law[k].first_refs + law[k].second_refs);
        assert_int_equal(m.iommu.count[VS_CNT_iommu_first_refs], law[k].first_refs);
        assert_int_equal(m.iommu.count[VS_CNT_iommu_refs], law[k].second_refs);
        assert_true(ask(&m, PASID, at + 77, false, &out));
        assert_int_equal(out, 77);
        unsigned both = law[k].first < law[k].second ? law[k].first : law[k].second;
        assert_int_equal(loads(&m, PASID, at + (1ull << both) - 1u, false), 0);
        if (both < law[k].first) { /* the IOTLB's entry is as large as the smaller of both */
            assert_true(loads(&m, PASID, at + (1ull << both), false) > 0);
        }
        iommu_machine_stop(&m);
    }
}

static void vtd_6_2_4_paging_structure_caches_shorten_nested_walks(void **state)
{
    (void)state;
    struct iommu_machine m;
    start(&m, true);
    uint64_t root = attach(&m, DEVICE, PASID, VS_IOMMU_NESTED, page(&m));
    for (uint64_t p = 0; p < 2; p++) {
        first(&m, root, IOVA + p * 4096, FRAME + p * 4096, 12, USER_RW);
    }
    for (uint64_t g = 0; g < IOMMU_BYTES; g += 4096) {
        second(&m, g, g, 12, 3);
    }
    uint64_t cold = loads(&m, PASID, IOVA, false) - 4;
    assert_true(cold < 24); /* second-level entries are shared by the tables' addresses */
    assert_int_equal(loads(&m, PASID, IOVA + 4096, false), 2); /* a leaf of each level */
    iommu_machine_stop(&m);
}

static void vtd_3_4_3_each_pasid_has_translations_of_its_own(void **state)
{
    (void)state;
    struct iommu_machine m;
    uint64_t out;
    start(&m, true);
    for (uint32_t p = 1; p < 4; p++) {
        uint64_t root = attach(&m, DEVICE, p, VS_IOMMU_FIRST, page(&m));
        first(&m, root, IOVA, FRAME + p * 4096, 12, USER_RW);
    }
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t p = 1; p < 4; p++) {
            assert_true(ask(&m, p, IOVA, false, &out));
            assert_int_equal(out, FRAME + p * 4096);
        }
    }
    iommu_machine_stop(&m);
}

static void vtd_7_1_3_what_is_wrong_with_a_table_is_a_fault_of_that_number(void **state)
{
    enum where { ROOT, CONTEXT, DIRECTORY, ENTRY };
    static const struct {
        enum where where;
        unsigned word;
        uint64_t clear, set;
        unsigned reason;
    } law[] = {
        {ROOT, 0, 1, 0, 0x39},
        {ROOT, 0, 0, 1u << 11, 0x3a},
        {ROOT, 0, 0, 1ull << 40, 0x40},
        {CONTEXT, 0, 1, 0, 0x41},
        {CONTEXT, 0, 0, 1u << 5, 0x42},
        {CONTEXT, 1, 0, 1u << 21, 0x42},
        {CONTEXT, 3, 0, 1, 0x42},
        {CONTEXT, 0, 1u << 3, 0, 0x45},
        {CONTEXT, 0, 0, 1ull << 40, 0x50},
        {DIRECTORY, 0, 1, 0, 0x51},
        {DIRECTORY, 0, 0, 1u << 2, 0x52},
        {DIRECTORY, 0, 0, 1ull << 40, 0x58},
        {ENTRY, 0, 1, 0, 0x59},
        {ENTRY, 0, 0, 1u << 10, 0x5a},
        {ENTRY, 7, 0, 1, 0x5a},
        {ENTRY, 0, 7u << 6, 5u << 6, 0x5b}, /* no such type */
        {ENTRY, 0, 7u << 2, 3u << 2, 0x5b}, /* five levels */
        {ENTRY, 2, 0, 1u << 2, 0x5b},
        {ENTRY, 0, 0, 1ull << 40, 0x7b},
    };
    (void)state;
    for (size_t k = 0; k < sizeof law / sizeof law[0]; k++) {
        struct iommu_machine m;
        start(&m, true);
        uint64_t root = attach(&m, DEVICE, PASID, VS_IOMMU_NESTED, page(&m)), out;
        first(&m, root, IOVA, FRAME, 12, USER_RW);
        for (uint64_t g = 0; g < IOMMU_BYTES; g += 1u << 21) {
            second(&m, g, g, 21, 3);
        }
        uint64_t base = law[k].where == ROOT        ? IOMMU_ROOT + 16
                        : law[k].where == CONTEXT   ? context_at(&m)
                        : law[k].where == DIRECTORY ? directory_at(&m)
                                                    : entry_at(&m);
        vs_hpa at = {base + 8u * law[k].word};
        uint64_t old = vs_phys_read64(m.phys, at);
        vs_phys_write64(m.phys, at, (old & ~law[k].clear) | law[k].set);
        assert_int_equal(reason(&m, PASID, IOVA, false), law[k].reason);
        vs_phys_write64(m.phys, at, old);
        flush(&m); /* nothing that is wrong is cached, what was right before it may be */
        assert_true(ask(&m, PASID, IOVA, false, &out));
        iommu_machine_stop(&m);
    }
}

static void vtd_7_1_3_a_pasid_beyond_the_directory(void **state)
{
    (void)state;
    struct iommu_machine m;
    start(&m, true);
    attach(&m, DEVICE, PASID, VS_IOMMU_PASS, 0);
    assert_int_equal(reason(&m, 64u << 9, IOVA, false), 0x46); /* PDTS 2: 512 entries */
    assert_int_equal(reason(&m, (64u << 9) - 1u, IOVA, false), 0x51);
    vs_phys_write64(m.phys, (vs_hpa){context_at(&m) + 8}, 64u << 9); /* RID_PASID */
    flush(&m);
    assert_int_equal(reason(&m, VS_IOMMU_NO_PASID, IOVA, false), 0x43);
    assert_int_equal(reason(&m, PASID, IOVA, false), 0x43);
    iommu_machine_stop(&m);
}

/* SCT.4, SCT.9, SGN.4, SGN.5 of table 30. */
static void vtd_7_1_3_what_a_context_and_a_request_cannot_be(void **state)
{
    (void)state;
    struct iommu_machine m;
    uint64_t out;
    start(&m, true);
    attach(&m, DEVICE, PASID, VS_IOMMU_PASS, 0);
    vs_phys_write64(m.phys, (vs_hpa){context_at(&m) + 8}, PASID); /* RID_PASID */
    flush(&m);
    assert_true(ask(&m, VS_IOMMU_NO_PASID, IOVA, false, &out));
    assert_int_equal(reason(&m, PASID, IOVA, false), 0x48);
    assert_int_equal(reason(&m, VS_IOMMU_NO_PASID, 1ull << 48, false), 0x83);
    vs_phys_write64(m.phys, (vs_hpa){context_at(&m)},
                    vs_phys_read64(m.phys, (vs_hpa){context_at(&m)}) | 1u << 4); /* PRE, no DTE */
    flush(&m);
    assert_int_equal(reason(&m, VS_IOMMU_NO_PASID, IOVA, false), 0x43);
    iommu_machine_stop(&m);
    start(&m, true);
    attach(&m, DEVICE, PASID, VS_IOMMU_SECOND, IOMMU_SECOND + DOMAIN * 4096u);
    assert_int_equal(reason(&m, PASID, 1ull << 48, false), 0x84);
    iommu_machine_stop(&m);
}

static void vtd_7_1_3_what_a_page_forbids_is_a_fault_of_that_number(void **state)
{
    static const struct {
        uint64_t first, leaf; /* flags; bits that the leaf has besides */
        unsigned second;
        bool write;
        unsigned reason;
    } law[] = {
        {5, 0, 3, true, 0x85},  {3, 0, 3, false, 0x81}, {7, 1ull << 51, 3, false, 0x74},
        {7, 0, 0, false, 0x79}, {7, 0, 1, true, 0x85},  {7, 0, 2, false, 0x86},
    };
    (void)state;
    for (size_t k = 0; k < sizeof law / sizeof law[0]; k++) {
        struct iommu_machine m;
        start(&m, true);
        uint64_t root = attach(&m, DEVICE, PASID, VS_IOMMU_NESTED, page(&m));
        first(&m, root, IOVA, FRAME, 12, law[k].first);
        for (uint64_t g = 0; g < FRAME; g += 4096) {
            second(&m, g, g, 12, 3);
        }
        vs_hpa at;
        unsigned level;
        struct vs_radix_alloc alloc = {.ctx = &m, .table = iommu_machine_table};
        assert_true(vs_radix_find(m.phys, &vs_radix_x86_64, root, IOVA, &alloc, &at, &level));
        vs_phys_write64(m.phys, at, vs_phys_read64(m.phys, at) | law[k].leaf);
        if (law[k].second) {
            second(&m, FRAME, FRAME, 12, law[k].second);
        }
        assert_int_equal(reason(&m, PASID, IOVA, law[k].write), law[k].reason);
        assert_int_equal(reason(&m, PASID, 1ull << 47, false), 0x80); /* not canonical */
        assert_int_equal(reason(&m, PASID, IOVA + 4096, false), 0x71);
        iommu_machine_stop(&m);
    }
}

static void vtd_7_1_3_first_level_entries_with_reserved_bits(void **state)
{
    (void)state;
    struct iommu_machine m;
    start(&m, true);
    uint64_t root = attach(&m, DEVICE, PASID, VS_IOMMU_FIRST, page(&m));
    first(&m, root, IOVA, FRAME, 12, USER_RW);
    vs_hpa top = vs_radix_entry(root, 4, IOVA);
    uint64_t old = vs_phys_read64(m.phys, top);
    vs_phys_write64(m.phys, top, old | 1u << 7); /* a page of 512 GiB */
    assert_int_equal(reason(&m, PASID, IOVA, false), 0x72);
    vs_phys_write64(m.phys, top, old | 1ull << 40); /* a table outside of memory */
    assert_int_equal(reason(&m, PASID, IOVA, false), 0x70);
    iommu_machine_stop(&m);
}

/* 3.8.1: setting accessed and dirty bits in a table is a write that the second level must allow. */
static void vtd_3_8_1_marks_need_write_permission_of_the_second_level(void **state)
{
    (void)state;
    struct iommu_machine m;
    uint64_t out;
    start(&m, true);
    uint64_t root = attach(&m, DEVICE, PASID, VS_IOMMU_NESTED, page(&m));
    first(&m, root, IOVA, FRAME, 12, USER_RW);
    for (uint64_t g = 0; g < IOMMU_BYTES; g += 1u << 21) {
        second(&m, g, g, 21, g ? 3 : 1); /* the tables are in the first 2 MiB */
    }
    assert_int_equal(reason(&m, PASID, IOVA, false), 0x77);
    for (unsigned l = 4; l; l--) { /* once they are marked, reading them is enough */
        struct vs_radix_alloc alloc = {.ctx = &m, .table = iommu_machine_table};
        uint64_t table = root;
        for (unsigned k = 4; k > l; k--) {
            table = vs_phys_read64(m.phys, vs_radix_entry(table, k, IOVA)) & VS_RADIX_ADDRESS;
        }
        vs_hpa at = vs_radix_entry(table, l, IOVA);
        (void)alloc;
        vs_phys_write64(m.phys, at, vs_phys_read64(m.phys, at) | 1u << 5);
    }
    assert_true(ask(&m, PASID, IOVA, false, &out));
    assert_int_equal(reason(&m, PASID, IOVA, true), 0x77); /* the dirty bit is missing */
    iommu_machine_stop(&m);
}

static void vtd_7_1_faults_that_nobody_wants_recorded(void **state)
{
    (void)state;
    for (unsigned where = 0; where < 3; where++) {
        struct iommu_machine m;
        uint64_t out;
        start(&m, true);
        uint64_t root = attach(&m, DEVICE, PASID, VS_IOMMU_FIRST, page(&m));
        first(&m, root, IOVA, FRAME, 12, USER_RW);
        vs_hpa at = {where == 0 ? context_at(&m) : where == 1 ? directory_at(&m) : entry_at(&m)};
        vs_phys_write64(m.phys, at, vs_phys_read64(m.phys, at) | 2u);
        for (unsigned twice = 0; twice < 2; twice++) { /* from tables, from caches */
            assert_false(ask(&m, PASID, IOVA + 4096, false, &out));
            assert_int_equal(m.iommu.n_faults, 0);
        }
        assert_int_equal(m.iommu.count[VS_CNT_iommu_faults], 2);
        iommu_machine_stop(&m);
    }
}

static void vtd_6_5_2_4_a_pasid_entry_is_the_old_one_until_its_cache_is_invalidated(void **state)
{
    static const struct {
        uint32_t pasid; /* of the descriptor */
        uint16_t domain;
        bool seen;
    } law[] = {{PASID, DOMAIN, true},
               {VS_IOMMU_NO_PASID, DOMAIN, true},
               {PASID + 1, DOMAIN, false},
               {PASID, DOMAIN + 1, false},
               {VS_IOMMU_NO_PASID, DOMAIN + 1, false}};
    (void)state;
    for (size_t k = 0; k < sizeof law / sizeof law[0]; k++) {
        struct iommu_machine m;
        uint64_t out;
        start(&m, true);
        uint64_t root = attach(&m, DEVICE, PASID, VS_IOMMU_FIRST, page(&m)), other = page(&m);
        first(&m, root, IOVA, FRAME, 12, USER_RW);
        first(&m, other, IOVA, FRAME + 4096, 12, USER_RW);
        assert_true(ask(&m, PASID, IOVA, false, &out));
        vs_phys_write64(m.phys, (vs_hpa){entry_at(&m) + 16}, other);
        vs_iommu_queue_piotlb(&m.iommu, DOMAIN, PASID, (vs_iova){0}, VS_IOMMU_ALL_PAGES);
        vs_iommu_execute(&m.iommu, &m.t);
        assert_true(ask(&m, PASID, IOVA, false, &out));
        assert_int_equal(out, FRAME); /* the entry is cached */
        vs_iommu_queue_pasid(&m.iommu, law[k].domain, law[k].pasid);
        vs_iommu_queue_piotlb(&m.iommu, DOMAIN, PASID, (vs_iova){0}, VS_IOMMU_ALL_PAGES);
        vs_iommu_execute(&m.iommu, &m.t);
        assert_true(ask(&m, PASID, IOVA, false, &out));
        assert_int_equal(out, law[k].seen ? FRAME + 4096 : FRAME);
        iommu_machine_stop(&m);
    }
}

static void vtd_6_5_2_5_pasid_based_invalidation_drops_pages_of_one_pasid(void **state)
{
    static const struct {
        uint32_t pasid;
        uint64_t at;
        unsigned order;
        bool dropped;
    } law[] = {{PASID, IOVA, 0, true},
               {PASID, IOVA + 4096, 0, false},
               {PASID, IOVA & ~0x1fffffull, 9, true},
               {PASID, IOVA + 4096, VS_IOMMU_ALL_PAGES, true},
               {PASID + 1, IOVA, 0, false}};
    (void)state;
    for (size_t k = 0; k < sizeof law / sizeof law[0]; k++) {
        struct iommu_machine m;
        uint64_t out;
        start(&m, true);
        uint64_t root = attach(&m, DEVICE, PASID, VS_IOMMU_FIRST, page(&m));
        first(&m, root, IOVA, FRAME, 12, USER_RW);
        assert_true(ask(&m, PASID, IOVA, false, &out));
        vs_iommu_queue_piotlb(&m.iommu, DOMAIN, law[k].pasid, (vs_iova){law[k].at}, law[k].order);
        vs_iommu_execute(&m.iommu, &m.t);
        assert_int_equal(loads(&m, PASID, IOVA, false) > 0, law[k].dropped);
        iommu_machine_stop(&m);
    }
}

/* Table 6-5: nobody knows which first-level page a second-level one was part of. */
static void
vtd_6_5_2_3_a_second_level_page_takes_all_nested_translations_of_its_domain(void **state)
{
    (void)state;
    for (unsigned type = VS_IOMMU_FIRST; type <= VS_IOMMU_NESTED; type++) {
        struct iommu_machine m;
        uint64_t out;
        start(&m, true);
        uint64_t root = attach(&m, DEVICE, PASID, type, page(&m));
        first(&m, root, GPA, GPA, 12, USER_RW);
        for (uint64_t g = 0; g < IOMMU_BYTES; g += 4096) {
            second(&m, g, g, 12, 3);
        }
        assert_true(ask(&m, PASID, GPA, false, &out));
        vs_iommu_queue_iotlb_page(&m.iommu, DOMAIN, (vs_iova){GPA + 0x100000}, VS_IOMMU_LEAVES);
        vs_iommu_execute(&m.iommu, &m.t);
        assert_int_equal(loads(&m, PASID, GPA, false) > 0, type == VS_IOMMU_NESTED);
        vs_iommu_queue_iotlb_page(&m.iommu, DOMAIN, (vs_iova){GPA}, VS_IOMMU_LEAVES);
        vs_iommu_execute(&m.iommu, &m.t);
        assert_int_equal(loads(&m, PASID, GPA, false) > 0, type != VS_IOMMU_FIRST);
        iommu_machine_stop(&m);
    }
}

static void vtd_6_5_2_descriptors_have_256_bits(void **state)
{
    (void)state;
    struct iommu_machine m;
    vs_hpa status = {FRAME};
    start(&m, true);
    for (unsigned k = 0; k < 127; k++) {
        assert_true(vs_iommu_queue(&m.iommu, 1u | 1u << 4, 0));
    }
    assert_false(vs_iommu_queue(&m.iommu, 1u | 1u << 4, 0));
    uint64_t before = m.loads;
    vs_iommu_execute(&m.iommu, &m.t);
    assert_int_equal(m.loads - before, 127); /* one reference each */
    vs_iommu_queue_wait(&m.iommu, status, 7);
    vs_iommu_queue_wait(&m.iommu, (vs_hpa){FRAME + 4}, 9); /* around the ring's end */
    assert_int_equal(vs_phys_read64(m.phys, (vs_hpa){IOMMU_QUEUE}), 5u | 1u << 5 | 9ull << 32);
    vs_iommu_execute(&m.iommu, &m.t);
    assert_int_equal(vs_phys_read64(m.phys, status), 7u | 9ull << 32);
    iommu_machine_stop(&m);
}

static void vtd_6_5_2_legacy_mode_has_no_pasid_descriptors(void **state)
{
    (void)state;
    struct iommu_machine m;
    struct vs_iommu_config c;
    vs_defaults(&vs_iommu_desc, &c);
    assert_true(iommu_machine_start(&m, &c));
    vs_iommu_queue_piotlb(&m.iommu, DOMAIN, PASID, (vs_iova){0}, VS_IOMMU_ALL_PAGES);
    vs_iommu_execute(&m.iommu, &m.t);
    assert_true(m.iommu.queue_error);
    iommu_machine_stop(&m);
}

/* More PASIDs than the caches' tags: none is taken for another. */
static void tags_of_pasids_that_are_gone_are_not_mistaken(void **state)
{
    (void)state;
    struct iommu_machine m;
    uint64_t out;
    start(&m, true);
    attach(&m, DEVICE, PASID, VS_IOMMU_FIRST, page(&m));
    uint64_t even = page(&m), odd = page(&m);
    first(&m, even, IOVA, FRAME, 12, USER_RW);
    first(&m, odd, IOVA, FRAME + 4096, 12, USER_RW);
    for (uint32_t n = 0; n < 3u * VS_IOMMU_TAGS; n++) {
        vs_phys_write64(m.phys, (vs_hpa){entry_at(&m) + 16}, n & 1u ? odd : even);
        vs_phys_write64(m.phys, (vs_hpa){entry_at(&m) + 8}, n / 2u % 40000u); /* another domain */
        assert_true(vs_iommu_queue(&m.iommu, 7u | 3u << 4, 0));
        if (n & 1u) {
            vs_iommu_queue_piotlb(&m.iommu, (uint16_t)(n / 2u % 40000u), PASID, (vs_iova){0},
                                  VS_IOMMU_ALL_PAGES);
        }
        vs_iommu_execute(&m.iommu, &m.t);
        assert_true(ask(&m, PASID, IOVA, false, &out));
        assert_int_equal(out, n & 1u ? FRAME + 4096 : FRAME);
    }
    iommu_machine_stop(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vtd_3_4_3_a_request_reads_root_context_directory_and_pasid_entry),
        cmocka_unit_test(vtd_9_1_devices_above_15_are_in_the_upper_half_of_a_root_entry),
        cmocka_unit_test(vtd_3_6_the_first_level_marks_what_is_used_and_written),
        cmocka_unit_test(vtd_3_8_a_nested_walk_is_24_references_without_caches),
        cmocka_unit_test(vtd_6_2_4_paging_structure_caches_shorten_nested_walks),
        cmocka_unit_test(vtd_3_4_3_each_pasid_has_translations_of_its_own),
        cmocka_unit_test(vtd_7_1_3_what_is_wrong_with_a_table_is_a_fault_of_that_number),
        cmocka_unit_test(vtd_7_1_3_a_pasid_beyond_the_directory),
        cmocka_unit_test(vtd_7_1_3_what_a_context_and_a_request_cannot_be),
        cmocka_unit_test(vtd_7_1_3_what_a_page_forbids_is_a_fault_of_that_number),
        cmocka_unit_test(vtd_7_1_3_first_level_entries_with_reserved_bits),
        cmocka_unit_test(vtd_3_8_1_marks_need_write_permission_of_the_second_level),
        cmocka_unit_test(vtd_7_1_faults_that_nobody_wants_recorded),
        cmocka_unit_test(vtd_6_5_2_4_a_pasid_entry_is_the_old_one_until_its_cache_is_invalidated),
        cmocka_unit_test(vtd_6_5_2_5_pasid_based_invalidation_drops_pages_of_one_pasid),
        cmocka_unit_test(
            vtd_6_5_2_3_a_second_level_page_takes_all_nested_translations_of_its_domain),
        cmocka_unit_test(vtd_6_5_2_descriptors_have_256_bits),
        cmocka_unit_test(vtd_6_5_2_legacy_mode_has_no_pasid_descriptors),
        cmocka_unit_test(tags_of_pasids_that_are_gone_are_not_mistaken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
