/* SPDX-License-Identifier: MIT */
/* Laws of rights: what a shadow grants is what the guest's tables grant, with every flag of theirs;
 * what they do not is the guest's own fault, with the error code that it expects. */
#include "shadow/test_shadow.h"

#define SLOTS 8u /* of level 2; from the half on large pages */
#define PAGES 8u

/* P mostly, W, U mostly, A, D, NX, an address bit that the processor does not have. */
static uint64_t any_flags(struct vs_rng *rng)
{
    static const uint64_t flag[] = {2, 0x20, 0x40, NX};
    uint64_t e = (vs_rng_below(rng, 12) ? 1u : 0) | (vs_rng_below(rng, 12) ? 4u : 0);
    for (unsigned i = 0; i < 4; i++) {
        e |= vs_rng_below(rng, 3) ? i == 3 ? 0 : flag[i] : i == 3 ? flag[i] : 0;
    }
    return e | (vs_rng_below(rng, 12) ? 0 : 1ull << 45);
}

/* One table each of levels 4 and 3; below them tables of small pages, and large pages of two
 * frames, some with PAT, which is bit 12 there. */
static void any_tables(struct machine *m)
{
    uint64_t next = CR3 + 4096, l3 = next, l2 = next + 4096;
    poke(m, CR3, l3 | 7u);
    poke(m, l3, l2 | 7u);
    next = l2 + 4096;
    for (uint64_t i = 0; i < SLOTS; i++) {
        uint64_t e = any_flags(&m->rng);
        if (i < SLOTS / 2) {
            poke(m, l2 + i * 8u, e | (vs_rng_below(&m->rng, 8) ? next : (uint64_t)FRAMES << 12));
            for (uint64_t k = 0; k < PAGES; k++) {
                poke(m, next + k * 8u, any_flags(&m->rng) | (1024u + i * PAGES + k) << 12);
            }
            next += 4096;
        } else {
            poke(m, l2 + i * 8u, e | 0x80u | (3u + i % 2u) << 21 | vs_rng_below(&m->rng, 2) << 12);
        }
    }
}

static uint64_t va_of(uint64_t i)
{
    return (i / PAGES) << 21 | (i % PAGES) << 12;
}

struct answer {
    uint64_t gpa, rights, entry[5], at[5];
    unsigned leaf;
    uint32_t error; /* beside W/R, U/S and I/D */
};

/* The guest's own tables, as a processor reads them; `need` as VS_RIGHT_*. */
static struct answer guest(const struct machine *m, uint64_t gva, uint64_t need)
{
    struct answer a = {.rights = VS_RIGHTS};
    uint64_t table = CR3;
    for (unsigned level = 4; level && !a.leaf; level--) {
        a.at[level] = HOST + table + vs_radix_offset(&vs_radix_x86_64, level, gva);
        if (table >= (uint64_t)FRAMES << 12) { /* no memory: all ones */
            a.error = 9;
            return a;
        }
        uint64_t e = a.entry[level] = load(m, a.at[level]);
        if (!(e & 1u)) {
            return a; /* 0 */
        }
        if (e & 1ull << 45) {
            a.error = 9;
            return a;
        }
        a.rights &= e & 4u ? VS_RIGHTS : 0;
        a.rights &= e & 2u ? VS_RIGHTS : ~(uint64_t)VS_RIGHT_WRITE;
        a.rights &= e & NX ? ~(uint64_t)VS_RIGHT_EXECUTE : VS_RIGHTS;
        table = e & VS_RADIX_ADDRESS;
        if (level == 1 || e & 0x80u) {
            uint64_t low = (1ull << vs_radix_shift(level)) - 1u;
            a.gpa = (table & ~low) | (gva & low);
            a.leaf = level;
        }
    }
    a.error = 1;
    a.leaf = (a.rights & need) == need ? a.leaf : 0; /* 0: denied */
    return a;
}

/* Rights that the shadow grants, and where it leads; 0: none. */
static uint64_t shadow(const struct machine *m, uint64_t gva, uint64_t *hpa)
{
    uint64_t table = vs_shadow_root(&m->s), rights = VS_RIGHTS;
    for (unsigned level = 4; level; level--) {
        uint64_t e = load(m, table + vs_radix_offset(&vs_radix_x86_64, level, gva));
        if (!(e & 1u) || !(e & 4u)) {
            return 0;
        }
        rights &= (e & 2u ? VS_RIGHT_WRITE : 0u) | (e & NX ? 0u : VS_RIGHT_EXECUTE) | VS_RIGHT_READ;
        table = e & VS_RADIX_ADDRESS;
        if (level == 1 || e & 0x80u) {
            uint64_t low = (1ull << vs_radix_shift(level)) - 1u;
            *hpa = (table & ~low) | (gva & low);
            return rights;
        }
    }
    return 0;
}

/* Nothing is granted that the guest's tables do not, nor a write before D, nor a use before A. */
static void check_all(const struct machine *m)
{
    for (uint64_t i = 0; i < SLOTS * PAGES; i++) {
        uint64_t hpa = 0, rights = shadow(m, va_of(i), &hpa);
        struct answer a = guest(m, va_of(i), VS_RIGHT_READ);
        if (rights) {
            assert_true(a.leaf);
            assert_int_equal(rights & ~a.rights, 0);
            assert_int_equal(hpa, HOST + a.gpa);
            assert_true(a.entry[a.leaf] & 0x20u);
            assert_true(!(rights & VS_RIGHT_WRITE) || (a.entry[a.leaf] & 0x40u));
        }
    }
}

static void use(struct machine *m, uint64_t gva, unsigned how)
{
    static const uint32_t told[] = {USER_ERROR, USER_ERROR | WRITE_ERROR, USER_ERROR | FETCH_ERROR};
    static const uint64_t right[] = {0, VS_RIGHT_WRITE, VS_RIGHT_EXECUTE};
    uint64_t need = VS_RIGHT_READ | right[how], hpa = 0;
    struct answer before = guest(m, gva, need);
    unsigned tries = 0;
    while ((shadow(m, gva, &hpa) & need) != need) {
        uint32_t error = told[how];
        enum vs_shadow_result r = vs_shadow_fault(&m->s, NULL, gva, &error);
        assert_true(++tries <= 2);
        if (!before.leaf) {
            assert_int_equal(r, VS_SHADOW_INJECT);
            assert_int_equal(error, told[how] | before.error);
            break;
        }
        assert_int_equal(r, VS_SHADOW_RETRY);
    }
    assert_true(!before.leaf || hpa == HOST + before.gpa);
    struct answer after = guest(m, gva, need);
    for (unsigned level = 4; level && before.leaf; level--) {
        uint64_t set = level < before.leaf ? 0 : 0x20u;
        set |= level == before.leaf && how == 1 ? 0x40u : 0;
        assert_int_equal(after.entry[level], before.entry[level] | set);
    }
}

static void test_a_shadow_grants_what_the_guests_tables_grant(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct machine m;
        start(&m, seed & 1u ? 21 : 12, seed >> 1 & 1u, seed);
        any_tables(&m);
        assert_true(vs_shadow_cr3(&m.s, NULL, CR3, false));
        for (int i = 0; i < 200; i++) {
            use(&m, va_of(vs_rng_below(&m.rng, SLOTS * PAGES)), (unsigned)vs_rng_below(&m.rng, 3));
            check_all(&m);
        }
        stop(&m);
    }
}

/* Other vCPUs may hold what an entry granted: taking any right from it concerns them all. */
static void test_a_right_that_is_taken_concerns_the_whole_machine(void **state)
{
    (void)state;
    /* W, U, NX; and P, A, a reserved bit, which leave nothing to hold */
    static const uint64_t bit[] = {2, 4, NX, 1, 0x20, 1ull << 45};
    for (unsigned i = 0; i < 6; i++) {
        struct machine m;
        start(&m, 12, 1, 0);
        uint64_t l3 = CR3 + 4096, l2 = l3 + 4096, l1 = 1u << 21, whole = 1024u << 12 | 0x67u;
        poke(&m, CR3, l3 | 7u);
        poke(&m, l3, l2 | 7u);
        poke(&m, l2, l1 | 7u);
        poke(&m, l2 + 8u, l1 | 0x87u); /* a large page, whose first frame is the table's */
        poke(&m, l1, whole);
        assert_true(vs_shadow_cr3(&m.s, NULL, CR3, false));
        use(&m, 0, 1);
        use(&m, 1u << 21, 1); /* the table is out of sync now */
        assert_int_equal(m.s.count[VS_CNT_shadow_unsyncs], 1);
        check_all(&m);
        poke(&m, l1, whole ^ bit[i]);
        memset(m.flushed, 0, sizeof m.flushed);
        vs_shadow_invlpg(&m.s, NULL, (vs_gva){0});
        assert_int_equal(m.flushed[VS_SHADOW_FLUSH_MACHINE], 1);
        check_all(&m);
        poke(&m, l1, whole); /* giving it back concerns one page here */
        memset(m.flushed, 0, sizeof m.flushed);
        vs_shadow_invlpg(&m.s, NULL, (vs_gva){0});
        assert_int_equal(m.flushed[VS_SHADOW_FLUSH_MACHINE], 0);
        assert_int_equal(m.flushed[VS_SHADOW_FLUSH_PAGE], 1);
        stop(&m);
    }
}

static void test_roots_need_room_for_their_tables(void **state)
{
    (void)state;
    for (uint64_t more = 14; more <= 17; more++) {
        struct vs_shadow_config c;
        struct vs_errors errors = {0};
        vs_defaults(&vs_shadow_desc, &c);
        c.pages = c.roots + more;
        vs_shadow_check(&c, &errors);
        assert_int_equal(errors.n, more < 16);
        vs_errors_free(&errors);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_shadow_grants_what_the_guests_tables_grant),
        cmocka_unit_test(test_a_right_that_is_taken_concerns_the_whole_machine),
        cmocka_unit_test(test_roots_need_room_for_their_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
