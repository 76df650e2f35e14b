/* SPDX-License-Identifier: MIT */
/* Laws of a guest hypervisor at virtual EL2: what its world switch traps, where its registers are,
 * whose an exit is. */
#include "el2/el2_nested.h"
#include "el2/el2_world.h"
#include "virtsim/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define VCPU 0x10000u
#define PAGE 0x20000u
#define VCPU12 0x30000u
#define HCR_EL2 VS_SYSREG(3u, 4u, 1u, 1u, 0u)
#define AT_HCR 0x078u
#define AT_VTTBR 0x020u
#define EL1H 5u

struct fixture {
    struct vs_ledger *ledger;
    struct vs_phys *phys;
    struct vs_txn t;
    struct vs_el2_config config;
    struct vs_el2_nested_config nested;
    struct vs_el2 e;
    struct vs_el2_nested n;
    struct vs_world_port world;
    struct vs_nested_port port;
    uint16_t guest, host;
    uint64_t in_page;
};

static void touch(void *ctx, struct vs_txn *t, vs_hpa at, enum vs_ref ref)
{
    struct fixture *f = ctx;
    (void)t;
    (void)ref;
    f->in_page += at.v >= PAGE && at.v < PAGE + 0x1000u;
}

static void boot(struct fixture *f, uint64_t nv, uint64_t vhe)
{
    struct vs_el2_wiring w = {.ledger = f->ledger,
                              .clock = {400},
                              .phys = f->phys,
                              .mem = {.ctx = f, .touch = touch},
                              .guest_actor = f->guest};
    f->config.nv = nv;
    f->nested.vhe = vhe;
    memset(&f->n, 0, sizeof f->n);
    vs_el2_init(&f->e, &f->config, &w, (vs_hpa){VCPU});
    f->n.config = f->nested;
    vs_el2_nested_setup(&f->n, &f->e, f->host, (vs_hpa){PAGE}, (vs_hpa){VCPU12}, 0x4000);
    vs_el2_enter(&f->e, NULL);
    f->world = vs_el2_world(&f->e);
    f->port = vs_el2_nested_port(&f->n);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->ledger = vs_ledger_create(1);
    f->phys = vs_phys_create(1u << 20);
    uint16_t line = vs_ledger_actor(f->ledger, "vcpu0");
    f->guest = vs_ledger_actor(f->ledger, "vcpu0/guest");
    f->host = vs_ledger_actor(f->ledger, "vcpu0/host");
    vs_defaults(&vs_el2_desc, &f->config);
    vs_defaults(&vs_el2_nested_desc, &f->nested);
    boot(f, 2, 1);
    vs_txn_begin(&f->t, f->ledger, line, (vs_ps){0});
    vs_txn_actor(&f->t, f->host);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    vs_txn_end(&f->t);
    assert_int_equal(vs_ledger_unbalanced(f->ledger, NULL, 0), 0);
    vs_phys_destroy(f->phys);
    vs_ledger_destroy(f->ledger);
    free(f);
    return 0;
}

static uint64_t at(struct fixture *f, uint64_t address)
{
    return vs_phys_read64(f->phys, (vs_hpa){address});
}

/* A trap leaves whoever runs; false: it does not. */
static bool leaves(struct fixture *f, const struct vs_trap *trap)
{
    struct vs_exit exit;
    if (!f->world.leaves(f->world.ctx, &f->t, trap, &exit)) {
        return false;
    }
    f->world.leave(f->world.ctx, &f->t, &exit);
    return true;
}

/* L1 executes one side of its switch: how many of its instructions leave it. */
static unsigned executes(struct fixture *f, bool entry)
{
    struct vs_nested_step step;
    unsigned exits = 0;
    for (unsigned i = 0; f->port.around(f->port.ctx, entry, i, &step); i++) {
        if (leaves(f, &step.trap)) {
            exits++;
            f->port.carry_out(f->port.ctx, &f->t, &step.trap);
            f->world.enter(f->world.ctx, &f->t);
        } else {
            f->port.executes(f->port.ctx, &f->t, &step.trap);
        }
    }
    return exits;
}

/* An exit of L2 becomes one of L1. */
static void reflect(struct fixture *f, const struct vs_trap *trap)
{
    assert_true(leaves(f, trap));
    f->port.save(f->port.ctx, &f->t);
    f->port.leave(f->port.ctx, &f->t);
    f->world.enter(f->world.ctx, &f->t);
    f->port.moves(f->port.ctx, &f->t, false);
}

/* L1 enters L2. */
static void resume(struct fixture *f)
{
    f->port.moves(f->port.ctx, &f->t, true);
    struct vs_trap eret = f->port.entry_trap(f->port.ctx);
    assert_true(leaves(f, &eret));
    assert_true(f->port.check(f->port.ctx, &f->t));
    f->port.merge(f->port.ctx, &f->t);
    f->world.enter(f->world.ctx, &f->t);
}

/* One hypercall of L2: all exits of the processor. */
static unsigned hypercall(struct fixture *f)
{
    const struct vs_trap hvc = {.kind = VS_TRAP_HYPERCALL, .length = 4};
    const uint64_t before = f->e.count[VS_CNT_el2_exits];
    reflect(f, &hvc);
    (void)executes(f, false);
    (void)executes(f, true);
    resume(f);
    return (unsigned)(f->e.count[VS_CNT_el2_exits] - before);
}

/* Each trapping instruction of the switch is an exit; with NV2 what is left has no offset. */
static void test_a_hypercall_of_a_guests_guest_multiplies(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint64_t nv, vhe;
        unsigned exits;
    } cases[] = {{1, 1, 16}, {2, 1, 4}, {1, 0, 107}, {2, 0, 19}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        boot(f, cases[i].nv, cases[i].vhe);
        assert_int_equal(hypercall(f), cases[i].exits);
        assert_int_equal(hypercall(f), cases[i].exits); /* and the next one */
        assert_int_equal(f->n.count[VS_CNT_el2_nested_in_page] != 0, cases[i].nv == 2u);
        assert_int_equal(f->n.count[VS_CNT_el2_nested_levels], cases[i].vhe ? 0 : 4);
        assert_int_equal(f->n.count[VS_CNT_el2_nested_entries], 2);
    }
}

/* What NV2 saves, and nothing else, changes between the two. */
static void test_with_nv2_trapped_accesses_become_accesses_of_the_page(void **state)
{
    struct fixture *f = *state;
    for (unsigned vhe = 0; vhe < 2; vhe++) {
        uint64_t all[2], page[2];
        for (unsigned nv = 1; nv < 3; nv++) {
            boot(f, nv, vhe);
            (void)hypercall(f);
            const uint64_t *c = f->n.count;
            page[nv - 1u] = c[VS_CNT_el2_nested_in_page];
            all[nv - 1u] = c[VS_CNT_el2_nested_trapped] + c[VS_CNT_el2_nested_in_page] +
                           c[VS_CNT_el2_nested_in_register];
        }
        assert_int_equal(all[0], all[1]);
        assert_int_equal(page[0], 0);
        assert_true(page[1] > 10u);
    }
}

/* An MSR of HCR_EL2 that nobody sees is what L0 finds at the ERET. */
static void test_the_page_is_where_the_host_reads_what_was_written(void **state)
{
    struct fixture *f = *state;
    const struct vs_trap wfi = {.kind = VS_TRAP_HALT, .length = 4};
    for (unsigned nv = 1; nv < 3; nv++) {
        boot(f, nv, 1);
        assert_int_equal(at(f, PAGE + AT_VTTBR), 0x4000);
        assert_true(at(f, PAGE + AT_HCR) & VS_HCR_TWI);
        reflect(f, &wfi);
        (void)executes(f, false);
        assert_true(at(f, PAGE + AT_HCR) & VS_HCR_TGE); /* its host's */
        assert_false(at(f, PAGE + AT_HCR) & VS_HCR_TWI);
        (void)executes(f, true);
        assert_false(at(f, PAGE + AT_HCR) & VS_HCR_TGE);
        resume(f);
        assert_int_equal(f->e.hcr & (VS_HCR_NV | VS_HCR_NV1 | VS_HCR_NV2 | VS_HCR_TGE), 0);
        assert_true(f->e.hcr & VS_HCR_TWI);
    }
}

/* kvm_check_illegal_exception_return. */
static void test_an_illegal_eret_is_refused(void **state)
{
    struct fixture *f = *state;
    const struct vs_trap hvc = {.kind = VS_TRAP_HYPERCALL, .length = 4};
    char why[240];
    reflect(f, &hvc);
    (void)executes(f, false);
    f->port.moves(f->port.ctx, &f->t, true); /* without the entry's MSR of HCR_EL2 */
    assert_false(f->port.check(f->port.ctx, &f->t));
    f->port.why(f->port.ctx, why, sizeof why);
    assert_non_null(strstr(why, "TGE"));
    (void)executes(f, true);
    f->n.el2.spsr = 0xd;
    assert_false(f->port.check(f->port.ctx, &f->t));
    f->n.el2.spsr = EL1H | 2u;
    assert_false(f->port.check(f->port.ctx, &f->t));
    f->n.el2.spsr = EL1H;
    assert_true(f->port.check(f->port.ctx, &f->t));
}

/* The virtual HCR_EL2 decides whose an exit is; interrupts and floating point are L0's. */
static void test_whose_an_exit_is(void **state)
{
    struct fixture *f = *state;
    static const struct vs_exit exit;
    const struct vs_trap hvc = {.kind = VS_TRAP_HYPERCALL}, wfi = {.kind = VS_TRAP_HALT},
                         irq = {.kind = VS_TRAP_INTERRUPT},
                         id = {.kind = VS_TRAP_CPU_ID, .number = VS_SYSREG(3u, 0u, 0u, 4u, 0u)};
    struct vs_nested_port *p = &f->port;
    assert_true(p->wants(p->ctx, &f->t, &hvc, &exit));
    assert_true(p->wants(p->ctx, &f->t, &wfi, &exit));
    assert_true(p->wants(p->ctx, &f->t, &id, &exit));
    assert_false(p->wants(p->ctx, &f->t, &irq, &exit));
    assert_int_equal(f->n.count[VS_CNT_el2_nested_exits], 4);
    f->nested.trap_wfi = 0;
    boot(f, 2, 1);
    assert_false(p->wants(p->ctx, NULL, &wfi, &exit));
    assert_true(leaves(f, &wfi)); /* L0's own TWI */
}

/* Its exception's syndrome and addresses are what L1's handlers read. */
static void test_the_syndrome_is_handed_on(void **state)
{
    struct fixture *f = *state;
    const struct vs_trap fault = {.kind = VS_TRAP_STAGE2_FAULT,
                                  .gva = {0x7000123},
                                  .gpa = {0x5678000},
                                  .syndrome = 6,
                                  .size = 8,
                                  .length = 4};
    uint64_t value = 0;
    reflect(f, &fault);
    f->port.emulate(f->port.ctx, &f->t, VS_STATE_REASON, false, &value);
    assert_int_equal(value, VS_EL2_DABT_LOW);
    f->port.emulate(f->port.ctx, &f->t, VS_STATE_FAULT_GPA, false, &value);
    assert_int_equal(value, 0x5678000);
    f->port.emulate(f->port.ctx, &f->t, VS_STATE_FAULT_GVA, false, &value);
    assert_int_equal(value, 0x7000123);
    assert_int_equal(f->n.count[VS_CNT_el2_nested_accesses], 3);
    assert_int_equal(f->e.count[VS_CNT_el2_fields], 0);
    /* HPFAR_EL2, which such an exit reads, is in no page: one exit more than a hypercall's */
    assert_int_equal(executes(f, false), 2);
}

/* An interrupt for L2: L1's entry writes a list register, and the next exit looks at it. */
static void test_an_interrupt_is_a_list_register_more(void **state)
{
    struct fixture *f = *state;
    const struct vs_trap irq = {.kind = VS_TRAP_INTERRUPT},
                         hvc = {.kind = VS_TRAP_HYPERCALL, .length = 4};
    boot(f, 1, 1);
    assert_true(leaves(f, &irq));
    f->port.becomes(f->port.ctx, VS_TRAP_INTERRUPT, 27);
    f->port.save(f->port.ctx, &f->t);
    f->port.leave(f->port.ctx, &f->t);
    f->world.enter(f->world.ctx, &f->t);
    f->port.moves(f->port.ctx, &f->t, false);
    assert_int_equal(executes(f, false), 7);
    assert_int_equal(executes(f, true), 9); /* 7, ICH_HCR_EL2 and ICH_LR0_EL2 */
    resume(f);
    reflect(f, &hvc);
    assert_int_equal(executes(f, false), 10); /* 7, ICH_ELRSR_EL2 and both */
    assert_int_equal(executes(f, true), 7);
    assert_int_equal(f->n.count[VS_CNT_el2_nested_events], 1);
}

/* An ERET has no syndrome but its class, and no address. */
static void test_what_an_eret_says(void **state)
{
    struct fixture *f = *state;
    const struct vs_trap hvc = {.kind = VS_TRAP_HYPERCALL, .length = 4};
    struct vs_note says[VS_NOTES];
    struct vs_exit exit;
    reflect(f, &hvc);
    struct vs_trap eret = f->port.entry_trap(f->port.ctx);
    assert_true(f->world.leaves(f->world.ctx, &f->t, &eret, &exit));
    f->world.leave(f->world.ctx, &f->t, &exit);
    assert_int_equal(f->world.says(f->world.ctx, &exit, says), 1);
    assert_int_equal(says[0].value >> 26, VS_EL2_ERET);
    assert_string_equal(says[0].text, "ERET at virtual EL2");
}

/* L1 below virtual EL2 is any guest: its own registers of EL1 do not leave it. */
static void test_the_host_of_a_guest_hypervisor_without_vhe_is_at_el1(void **state)
{
    struct fixture *f = *state;
    const struct vs_trap hvc = {.kind = VS_TRAP_HYPERCALL, .length = 4};
    boot(f, 1, 0);
    reflect(f, &hvc);
    assert_true(f->e.hcr & VS_HCR_NV && f->e.hcr & VS_HCR_NV1);
    (void)executes(f, false);
    assert_int_equal(f->e.hcr & (VS_HCR_NV | VS_HCR_NV1 | VS_HCR_TVM), 0);
    (void)executes(f, true);
    assert_true(f->e.hcr & VS_HCR_NV);
}

int main(void)
{
#define LAW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LAW(test_a_hypercall_of_a_guests_guest_multiplies),
        LAW(test_with_nv2_trapped_accesses_become_accesses_of_the_page),
        LAW(test_the_page_is_where_the_host_reads_what_was_written),
        LAW(test_an_illegal_eret_is_refused),
        LAW(test_whose_an_exit_is),
        LAW(test_the_syndrome_is_handed_on),
        LAW(test_an_interrupt_is_a_list_register_more),
        LAW(test_what_an_eret_says),
        LAW(test_the_host_of_a_guest_hypervisor_without_vhe_is_at_el1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
