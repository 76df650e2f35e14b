/* SPDX-License-Identifier: MIT */
/* Laws of a guest without privileges: what faults, what does not, and what a fault moves. */
#include "deprivileged/deprivileged.h"

#include "virtsim/knob.h"
#include "virtsim/x86.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define PAGE 0x10000u

struct fixture {
    struct vs_ledger *ledger;
    struct vs_phys *phys;
    struct vs_deprivileged_config config;
    struct vs_deprivileged d;
    struct vs_world_port world;
    struct vs_state_port state;
    struct vs_txn t;
    uint16_t guest, host;
    unsigned reads, writes, flushes;
    enum vs_flush flushed;
};

static void touch(void *ctx, struct vs_txn *t, vs_hpa at, enum vs_ref ref)
{
    struct fixture *f = ctx;
    (void)t, (void)at;
    f->reads += ref == VS_REF_READ;
    f->writes += ref == VS_REF_WRITE;
}

static uint64_t flush(void *ctx, struct vs_txn *t, enum vs_flush what, uint16_t vpid, uint16_t pcid,
                      uint64_t eptp, vs_gva at)
{
    struct fixture *f = ctx;
    (void)t, (void)vpid, (void)pcid, (void)eptp, (void)at;
    f->flushes++;
    f->flushed = what;
    return 0;
}

static void boot(struct fixture *f)
{
    struct vs_deprivileged_wiring w = {.ledger = f->ledger,
                                       .clock = vs_clock_mhz(1000),
                                       .phys = f->phys,
                                       .mem = {.ctx = f, .touch = touch},
                                       .tlb = {f, flush},
                                       .guest_actor = f->guest,
                                       .tag = 1};
    vs_deprivileged_init(&f->d, &f->config, &w, (vs_hpa){PAGE});
    f->world = vs_deprivileged_world(&f->d);
    f->state = vs_deprivileged_state(&f->d);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    vs_ps zero = {0};
    f->ledger = vs_ledger_create(1);
    f->phys = vs_phys_create(1u << 20);
    uint16_t line = vs_ledger_actor(f->ledger, "vcpu0");
    f->guest = vs_ledger_actor(f->ledger, "vcpu0/guest");
    f->host = vs_ledger_actor(f->ledger, "vcpu0/host");
    vs_defaults(&vs_deprivileged_desc, &f->config);
    boot(f);
    vs_txn_begin(&f->t, f->ledger, line, zero);
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

/* The name of the exit, or "" where the guest carries on. */
static const char *exit_of(struct fixture *f, struct vs_trap trap)
{
    struct vs_exit e;
    return f->world.leaves(f->world.ctx, NULL, &trap, &e) ? vs_op_name(e.op) : "";
}

static struct vs_trap trap_of(enum vs_trap_kind kind, enum vs_x86 x86)
{
    return (struct vs_trap){.kind = kind, .x86 = (uint8_t)x86, .length = 2};
}

static void test_what_needs_ring_0_faults(void **state)
{
    struct fixture *f = *state;
    const struct {
        enum vs_trap_kind kind;
        const char *name;
    } faults[] = {{VS_TRAP_HALT, "exit.gp.hlt"},
                  {VS_TRAP_INVALIDATE, "exit.gp.invlpg"},
                  {VS_TRAP_CONTROL_REGISTER, "exit.gp.cr"},
                  {VS_TRAP_DEBUG_REGISTER, "exit.gp.dr"},
                  {VS_TRAP_PIO, "exit.gp.io"},
                  {VS_TRAP_MSR_READ, "exit.gp.rdmsr"},
                  {VS_TRAP_MSR_WRITE, "exit.gp.wrmsr"},
                  {VS_TRAP_FLAGS, "exit.gp.cli_sti"},
                  {VS_TRAP_DESCRIPTOR_TABLE, "exit.gp.table"},
                  {VS_TRAP_HYPERCALL, "exit.ud.hypercall"},
                  {VS_TRAP_INTERRUPT, "exit.interrupt"}};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        assert_string_equal(exit_of(f, trap_of(faults[i].kind, VS_X86_NONE)), faults[i].name);
    }
    assert_int_equal(f->d.count[VS_CNT_deprivileged_holes], 0);
}

static void test_a_page_fault_has_its_own_vector(void **state)
{
    struct fixture *f = *state;
    struct vs_trap t = trap_of(VS_TRAP_EXCEPTION, VS_X86_NONE);
    t.number = 14;
    assert_string_equal(exit_of(f, t), "exit.pf");
    t.number = 6;
    assert_string_equal(exit_of(f, t), "exit.ud.invalid");
}

static void test_a_sensitive_instruction_that_does_not_fault_is_a_hole(void **state)
{
    struct fixture *f = *state;
    assert_string_equal(exit_of(f, trap_of(VS_TRAP_DESCRIPTOR_TABLE, VS_X86_SGDT)), "");
    assert_string_equal(exit_of(f, trap_of(VS_TRAP_DESCRIPTOR_TABLE, VS_X86_STR)), "");
    assert_string_equal(exit_of(f, trap_of(VS_TRAP_CONTROL_REGISTER, VS_X86_SMSW)), "");
    assert_string_equal(exit_of(f, trap_of(VS_TRAP_FLAGS, VS_X86_POPF)), "");
    assert_string_equal(exit_of(f, trap_of(VS_TRAP_CPU_ID, VS_X86_NONE)), "");
    assert_int_equal(f->d.count[VS_CNT_deprivileged_holes], 5);
    assert_int_equal(f->d.count[VS_CNT_deprivileged_holes_tables], 2);
    assert_int_equal(f->d.count[VS_CNT_deprivileged_holes_status], 1);
    assert_int_equal(f->d.count[VS_CNT_deprivileged_holes_flags], 1);
    assert_int_equal(f->d.count[VS_CNT_deprivileged_holes_cpuid], 1);
    /* what is nobody's privilege is no hole */
    assert_string_equal(exit_of(f, trap_of(VS_TRAP_PAUSE, VS_X86_NONE)), "");
    assert_string_equal(exit_of(f, trap_of(VS_TRAP_TIMESTAMP, VS_X86_NONE)), "");
    assert_string_equal(exit_of(f, trap_of(VS_TRAP_UNDEFINED, VS_X86_RDRAND)), "");
    assert_int_equal(f->d.count[VS_CNT_deprivileged_holes], 5);
}

static void test_later_processors_close_some_holes(void **state)
{
    struct fixture *f = *state;
    f->config.umip = f->config.cpuid_faulting = f->config.time_stamp_disable = 1;
    boot(f);
    assert_string_equal(exit_of(f, trap_of(VS_TRAP_DESCRIPTOR_TABLE, VS_X86_SGDT)),
                        "exit.gp.table");
    assert_string_equal(exit_of(f, trap_of(VS_TRAP_CONTROL_REGISTER, VS_X86_SMSW)), "exit.gp.cr");
    assert_string_equal(exit_of(f, trap_of(VS_TRAP_CPU_ID, VS_X86_NONE)), "exit.gp.cpuid");
    assert_string_equal(exit_of(f, trap_of(VS_TRAP_TIMESTAMP, VS_X86_NONE)), "exit.gp.rdtsc");
    assert_int_equal(f->d.count[VS_CNT_deprivileged_holes], 0);
    assert_string_equal(exit_of(f, trap_of(VS_TRAP_FLAGS, VS_X86_POPF)), ""); /* this one stays */
    assert_int_equal(f->d.count[VS_CNT_deprivileged_holes], 1);
}

static void test_software_moves_the_registers_and_the_gate_the_frame(void **state)
{
    struct fixture *f = *state;
    const struct vs_deprivileged_config *c = &f->config;
    struct vs_exit e = {.op = VS_OP_N};
    struct vs_trap t = trap_of(VS_TRAP_HALT, VS_X86_NONE);
    assert_true(f->world.leaves(f->world.ctx, &f->t, &t, &e));
    uint64_t before = f->t.now_ps;
    assert_true(f->world.leave(f->world.ctx, &f->t, &e));
    assert_int_equal(f->t.now_ps - before, (c->fault + 15 * c->store + 4 * c->segment) * 1000);
    assert_int_equal(f->writes, 1 + 2); /* the frame's line, two of the registers */
    assert_int_equal(f->reads, 0);
    before = f->t.now_ps;
    assert_true(f->world.enter(f->world.ctx, &f->t));
    assert_int_equal(f->t.now_ps - before, (c->iret + 15 * c->store + 4 * c->segment) * 1000);
    assert_int_equal(f->reads, 1 + 2);
    assert_int_equal(f->t.actor, f->guest);
}

static void test_nothing_faults_into_a_monitor_that_runs(void **state)
{
    struct fixture *f = *state;
    struct vs_exit e = {.op = VS_OP_N};
    f->world.leave(f->world.ctx, NULL, &e);
    assert_string_equal(exit_of(f, trap_of(VS_TRAP_HALT, VS_X86_NONE)), "");
    f->world.enter(f->world.ctx, NULL);
    assert_string_equal(exit_of(f, trap_of(VS_TRAP_HALT, VS_X86_NONE)), "exit.gp.hlt");
}

static void test_the_interrupt_flag_is_the_monitors(void **state)
{
    struct fixture *f = *state;
    uint64_t flags, blocked;
    f->world.mask(f->world.ctx, true);
    f->state.read(f->state.ctx, NULL, VS_STATE_FLAGS, &flags);
    assert_int_equal(flags >> 9 & 1, 0);
    f->world.mask(f->world.ctx, false);
    f->state.read(f->state.ctx, NULL, VS_STATE_FLAGS, &flags);
    f->state.read(f->state.ctx, NULL, VS_STATE_INTERRUPTIBILITY, &blocked);
    assert_int_equal(flags >> 9 & 1, 1);
    assert_int_equal(blocked, 1); /* the instruction behind STI has not executed */
    f->world.unshadow(f->world.ctx);
    f->state.read(f->state.ctx, NULL, VS_STATE_INTERRUPTIBILITY, &blocked);
    assert_int_equal(blocked, 0);
}

static void test_a_word_is_a_line_and_what_is_nowhere_is_none(void **state)
{
    struct fixture *f = *state;
    uint64_t v;
    f->state.write(f->state.ctx, &f->t, VS_STATE_PC, 0x1234);
    f->state.read(f->state.ctx, &f->t, VS_STATE_PC, &v);
    assert_int_equal(v, 0x1234);
    assert_int_equal(f->writes, 1);
    assert_int_equal(f->reads, 1);
    f->state.read(f->state.ctx, &f->t, VS_STATE_FAULT_GPA, &v); /* no second dimension */
    assert_int_equal(v, 0);
    assert_int_equal(f->reads, 1);
}

static void test_flushes_drop_the_guests_and_no_more(void **state)
{
    struct fixture *f = *state;
    f->world.flush_tag(f->world.ctx, &f->t, VS_WORLD_PAGE, 1, (vs_gva){0x1000});
    assert_int_equal(f->flushed, VS_FLUSH_VPID_ADDRESS);
    f->world.load(f->world.ctx, &f->t); /* another vCPU had the processor */
    assert_int_equal(f->flushed, VS_FLUSH_VPID);
    assert_int_equal(f->flushes, 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_what_needs_ring_0_faults),
        TEST(test_a_page_fault_has_its_own_vector),
        TEST(test_a_sensitive_instruction_that_does_not_fault_is_a_hole),
        TEST(test_later_processors_close_some_holes),
        TEST(test_software_moves_the_registers_and_the_gate_the_frame),
        TEST(test_nothing_faults_into_a_monitor_that_runs),
        TEST(test_the_interrupt_flag_is_the_monitors),
        TEST(test_a_word_is_a_line_and_what_is_nowhere_is_none),
        TEST(test_flushes_drop_the_guests_and_no_more),
    };
    return cmocka_run_group_tests_name("deprivileged", tests, NULL, NULL);
}
