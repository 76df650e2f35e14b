/* SPDX-License-Identifier: MIT */
/*
 * What each transition moves: field by field, under random controls, against the manual's lists as
 * they are written; and that checks which are not made again would have ended as they did.
 */
#include "vmcs/test_vmcs.h"

#include "virtsim/rng.h"

#include <string.h>

/* Which controls move the fields of a group (SDM 3C 26.3.2, 27.3, 27.5); bits of the two words, and
 * whether that the processor has the control is enough. */
struct rule {
    enum vs_vmcs_group group;
    uint64_t exit_save, exit_load, entry_load, has_exit, has_entry, pin, proc2;
};
static const struct rule rules[] = {
    {VS_VMCS_G_DEBUG, VS_EXIT_SAVE_DEBUG, 0, VS_ENTRY_LOAD_DEBUG, 0, 0, 0, 0},
    {VS_VMCS_G_PAT, VS_EXIT_SAVE_PAT, VS_EXIT_LOAD_PAT, VS_ENTRY_LOAD_PAT, 0, 0, 0, 0},
    {VS_VMCS_G_EFER, VS_EXIT_SAVE_EFER, VS_EXIT_LOAD_EFER, VS_ENTRY_LOAD_EFER, 0, 0, 0, 0},
    {VS_VMCS_G_PERF, VS_EXIT_SAVE_PERF, VS_EXIT_LOAD_PERF, VS_ENTRY_LOAD_PERF, 0, 0, 0, 0},
    {VS_VMCS_G_BNDCFGS, 0, 0, VS_ENTRY_LOAD_BNDCFGS, VS_EXIT_CLEAR_BNDCFGS, VS_ENTRY_LOAD_BNDCFGS,
     0, 0},
    {VS_VMCS_G_RTIT, 0, 0, VS_ENTRY_LOAD_RTIT, VS_EXIT_CLEAR_RTIT, VS_ENTRY_LOAD_RTIT, 0, 0},
    {VS_VMCS_G_CET, 0, VS_EXIT_LOAD_CET, VS_ENTRY_LOAD_CET, 0, VS_ENTRY_LOAD_CET, 0, 0},
    {VS_VMCS_G_PKRS, 0, VS_EXIT_LOAD_PKRS, VS_ENTRY_LOAD_PKRS, 0, VS_ENTRY_LOAD_PKRS, 0, 0},
    {VS_VMCS_G_TIMER, VS_EXIT_SAVE_TIMER, 0, 0, 0, 0, VS_PIN_PREEMPTION_TIMER, 0},
    {VS_VMCS_G_APIC, 0, 0, 0, 0, 0, 0, VS_PROC2_INTERRUPT_DELIVERY},
    {VS_VMCS_G_PML, 0, 0, 0, 0, 0, 0, VS_PROC2_PML}};

static bool by_rule(const struct vs_vmx *x, const struct rule *r, enum vs_vmx_way way)
{
    uint64_t exit = VS_GET(x, EXIT_CONTROLS), entry = VS_GET(x, ENTRY_CONTROLS);
    if (vs_vmx_proc2(x) & r->proc2 && way != VS_VMX_LOAD_HOST) {
        return true;
    }
    switch (way) {
    case VS_VMX_SAVE_GUEST:
        return exit & r->exit_save || x->config.cap_exit >> 32 & r->has_exit ||
               x->config.cap_entry >> 32 & r->has_entry;
    case VS_VMX_LOAD_HOST:
        return exit & r->exit_load;
    default:
        return entry & r->entry_load || VS_GET(x, PIN_CONTROLS) & r->pin;
    }
}

static bool pae(const struct vs_vmx *x)
{
    return vs_vmx_proc2(x) & VS_PROC2_EPT && !(VS_GET(x, ENTRY_CONTROLS) & VS_ENTRY_GUEST_64) &&
           VS_LIVE(x, GUEST_CR0) >> 31 & 1 && VS_LIVE(x, GUEST_CR4) >> 5 & 1;
}

static bool moves(const struct vs_vmx *x, unsigned p, enum vs_vmx_way way)
{
    const struct vs_vmcs_field *f = &vs_vmcs_fields[p];
    if (f->area != (way == VS_VMX_LOAD_HOST ? VS_VMCS_HOST : VS_VMCS_GUEST)) {
        return false;
    }
    switch (f->group) {
    case VS_VMCS_G_SEGMENT:
    case VS_VMCS_G_DESCRIPTOR:
    case VS_VMCS_G_CONTROL_REGISTER:
    case VS_VMCS_G_FLOW:
    case VS_VMCS_G_STATE:
    case VS_VMCS_G_SYSENTER:
        return true;
    case VS_VMCS_G_PDPTE:
        return pae(x);
    default:
        break;
    }
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (rules[i].group == f->group) {
            return by_rule(x, &rules[i], way);
        }
    }
    return false;
}

/* A control more, a control less, another mode of the guest. */
static void turn(struct vs_vmx *x, struct vs_rng *rng)
{
    static const unsigned words[] = {VS_VMCS_AT_PIN_CONTROLS, VS_VMCS_AT_PROC_CONTROLS,
                                     VS_VMCS_AT_PROC2_CONTROLS, VS_VMCS_AT_EXIT_CONTROLS,
                                     VS_VMCS_AT_ENTRY_CONTROLS};
    unsigned word = words[vs_rng_below(rng, 5)];
    vs_vmx_put(x, word, vs_vmx_get(x, word) ^ VS_VMX_BIT(vs_rng_below(rng, 32)));
    VS_LIVE(x, GUEST_CR0) ^= vs_rng_below(rng, 2) << 31;
    VS_LIVE(x, GUEST_CR4) ^= vs_rng_below(rng, 2) << 5;
}

/* Registers and VMCS disagree everywhere; afterwards they agree where the manual says so, each has
 * kept its value everywhere else, and the fields of each class are counted. */
static void move_once(struct fixture *f, struct vs_rng *rng, enum vs_vmx_way way)
{
    struct vs_vmx *x = &f->x;
    uint64_t live[VS_VMCS_FIELDS], field[VS_VMCS_FIELDS], n = 0, classes = 0;
    bool moved[VS_VMCS_FIELDS];
    for (unsigned p = 0; p < VS_VMCS_FIELDS; p++) {
        if (p != VS_VMCS_AT_GUEST_CR0 && p != VS_VMCS_AT_GUEST_CR4) {
            x->live[p] = vs_rng_next(rng);
        }
        if (vs_vmcs_fields[p].area != VS_VMCS_CONTROL) {
            vs_vmx_put(x, p, vs_rng_next(rng));
        }
        live[p] = x->live[p];
        field[p] = vs_vmx_get(x, p);
        moved[p] = moves(x, p, way);
        n += moved[p];
    }
    uint64_t fields = vs__vmx_move(x, NULL, way), charged = 0;
    const struct vs_vmx_move *m = &x->move[way];
    for (unsigned p = 0; p < VS_VMCS_FIELDS; p++) {
        bool save = way == VS_VMX_SAVE_GUEST;
        assert_int_equal(x->live[p], moved[p] && !save ? field[p] : live[p]);
        assert_int_equal(vs_vmx_get(x, p), moved[p] && save ? live[p] : field[p]);
    }
    for (unsigned i = 0; i < VS_VMX_CLASS_NONE; i++) {
        classes += m->n[i];
    }
    for (uint32_t i = 0; i < m->n_charges; i++) {
        charged += m->charge[i].n;
    }
    assert_int_equal(fields, n);
    assert_int_equal(classes, n);
    assert_int_equal(charged, n); /* no machine here states a sum */
}

static void test_each_direction_moves_the_fields_of_its_controls(void **state)
{
    struct fixture *f = *state;
    struct vs_rng rng;
    vs_rng_seed(&rng, 41, 0);
    for (unsigned sparse = 0; sparse < 2; sparse++) {
        if (sparse) { /* a region that is in no one place of the host's memory */
            vs_phys_destroy(f->phys);
            f->phys = vs_phys_create_sparse(16u << 20);
        }
        f->config.cap_entry ^= (uint64_t)sparse << (32 + 22); /* PKRS */
        boot(f);
        for (int i = 0; i < 2000; i++) {
            if (vs_rng_below(&rng, 3) == 0) { /* mostly as planned before */
                turn(&f->x, &rng);
            }
            move_once(f, &rng, (enum vs_vmx_way)vs_rng_below(&rng, VS_VMX_WAYS));
        }
    }
}

/* ---- checks ---- */

static const uint64_t edges[] = {0,           1,          2,       UINT64_C(0x00007fffffffffff),
                                 0x80000000u, UINT64_MAX, 0x40000, UINT64_C(0x0000800000000000)};

/* Lists of as many MSRs as a random number says would take for ever. */
static bool is_count(unsigned p)
{
    return p == VS_VMCS_AT_EXIT_MSR_STORE_COUNT || p == VS_VMCS_AT_EXIT_MSR_LOAD_COUNT ||
           p == VS_VMCS_AT_ENTRY_MSR_LOAD_COUNT;
}

/* What happens between an exit and the entry after it, or while the guest runs; the same on both.
 */
static void change(struct fixture *f[2], struct vs_rng *rng, bool in_guest)
{
    unsigned p = vs_rng_below(rng, 3) ? (unsigned)VS_VMCS_AT_GUEST_RIP
                                      : (unsigned)vs_rng_below(rng, VS_VMCS_FIELDS);
    uint64_t kind = vs_rng_below(rng, 4), old = vs_vmx_get(&f[0]->x, p),
             v = kind == 0   ? edges[vs_rng_below(rng, sizeof edges / sizeof *edges)]
                 : kind == 1 ? old ^ VS_VMX_BIT(vs_rng_below(rng, 64))
                 : kind == 2 ? old
                             : 0x400000 + vs_rng_below(rng, 4096);
    v = is_count(p) ? 0 : v;
    bool unseen = vs_rng_below(rng, 4) == 0; /* nobody is told of the write */
    for (unsigned i = 0; i < 2; i++) {
        if (in_guest) {
            f[i]->x.live[p] = v;
        } else if (unseen) {
            vs_vmx_put(&f[i]->x, p, v);
        } else {
            (void)vs_vmx_write(&f[i]->x, NULL, vs_vmcs_fields[p].encoding, v);
        }
    }
}

static void restart(struct fixture *f[2])
{
    for (unsigned i = 0; i < 2; i++) {
        boot(f[i]);
        assert_int_equal(vs_vmx_enter(&f[i]->x, NULL, VS_VMX_LAUNCH), VS_VMX_OK);
    }
}

/* One that remembers what passed, and one that looks at everything every time. */
static void test_checks_that_are_not_made_again_would_have_passed(void **state)
{
    struct fixture *f[2] = {*state, NULL};
    struct vs_rng rng;
    void *second;
    assert_int_equal(setup(&second), 0);
    f[1] = second;
    uint64_t held = 0, failed = 0;
    vs_rng_seed(&rng, 42, 0);
    restart(f);
    for (int i = 0; i < 10000; i++) {
        enum vs_vmx_result r[2];
        if (vs_rng_below(&rng, 4) == 0) {
            change(f, &rng, true);
        }
        for (unsigned k = 0; k < 2; k++) {
            struct vs_vmx_exit_info info = {.reason = VS_EXIT_CPUID, .length = 2};
            r[k] = vs_vmx_exit(&f[k]->x, NULL, &info);
        }
        assert_int_equal(r[0], r[1]);
        for (uint64_t n = vs_rng_below(&rng, 3); n; n--) {
            change(f, &rng, false);
        }
        f[1]->x.checked_region = VS_VMX_NO_VMCS;
        held += r[0] == VS_VMX_OK && vs__vmx_checks_hold(&f[0]->x);
        for (unsigned k = 0; k < 2; k++) {
            r[k] = vs_vmx_enter(&f[k]->x, NULL, VS_VMX_RESUME);
        }
        assert_int_equal(r[0], r[1]);
        assert_int_equal(f[0]->x.checks_guest, f[1]->x.checks_guest);
        assert_memory_equal(f[0]->x.count, f[1]->x.count, sizeof f[0]->x.count);
        assert_memory_equal(f[0]->x.live, f[1]->x.live, sizeof f[0]->x.live);
        for (unsigned p = 0; p < VS_VMCS_FIELDS; p++) {
            assert_int_equal(vs_vmx_get(&f[0]->x, p), vs_vmx_get(&f[1]->x, p));
        }
        if (r[0] != VS_VMX_OK) {
            failed++;
            restart(f);
        }
    }
    assert_true(held > 1000 && failed > 300);
    assert_int_equal(teardown(&second), 0);
}

/* VMREAD finds a field by its encoding, the odd one being the high half of a 64-bit field, and
 * nothing anywhere else. */
static void test_a_field_is_found_by_its_encoding_alone(void **state)
{
    (void)state;
    for (uint32_t encoding = 0; encoding <= 0x8000; encoding++) {
        int found = -1;
        for (int p = 0; p < VS_VMCS_FIELDS; p++) {
            found = vs_vmcs_fields[p].encoding == encoding ? p : found;
        }
        assert_int_equal(vs__vmcs_position(encoding), found);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {T(test_each_direction_moves_the_fields_of_its_controls),
                                       T(test_checks_that_are_not_made_again_would_have_passed),
                                       T(test_a_field_is_found_by_its_encoding_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
