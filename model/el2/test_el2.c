/* SPDX-License-Identifier: MIT */
/* Laws of the entry to EL2 and the return. */
#include "el2/el2_world.h"
#include "virtsim/knob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PS 400u /* of a cycle */
#define VCPU 0x10000u
#define ID_AA64PFR0_EL1 VS_SYSREG(3u, 0u, 0u, 4u, 0u)
#define MIDR_EL1 VS_SYSREG(3u, 0u, 0u, 0u, 0u)
#define CNTV_CVAL_EL0 VS_SYSREG(3u, 3u, 14u, 3u, 2u)
#define CNTP_CVAL_EL0 VS_SYSREG(3u, 3u, 14u, 2u, 2u)
#define PMCR_EL0 VS_SYSREG(3u, 3u, 9u, 12u, 0u)
#define TTBR0_EL1 VS_SYSREG(3u, 0u, 2u, 0u, 0u)
#define ACTLR_EL1 VS_SYSREG(3u, 0u, 1u, 0u, 1u)
#define ICC_EOIR1_EL1 VS_SYSREG(3u, 0u, 12u, 12u, 1u)

struct fixture {
    struct vs_ledger *ledger;
    struct vs_phys *phys;
    struct vs_txn t;
    struct vs_el2_config config;
    struct vs_el2 e;
    uint16_t guest, host;
    uint64_t reads, writes, last;
};

static void touch(void *ctx, struct vs_txn *t, vs_hpa at, enum vs_ref ref)
{
    struct fixture *f = ctx;
    (void)t;
    assert_true(at.v >= VCPU && at.v < VCPU + 0x1000u);
    f->reads += ref == VS_REF_READ;
    f->writes += ref == VS_REF_WRITE;
    f->last = at.v;
}

static void boot(struct fixture *f)
{
    struct vs_el2_wiring w = {.ledger = f->ledger,
                              .clock = {PS},
                              .phys = f->phys,
                              .mem = {.ctx = f, .touch = touch},
                              .guest_actor = f->guest};
    vs_el2_init(&f->e, &f->config, &w, (vs_hpa){VCPU});
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
    boot(f);
    vs_ps zero = {0};
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

static uint64_t word(struct fixture *f, uint64_t offset)
{
    return vs_phys_read64(f->phys, (vs_hpa){VCPU + offset});
}

static void leave(struct fixture *f, struct vs_txn *t, uint32_t class, uint64_t gpa)
{
    struct vs_el2_syndrome s = {.class = class, .gpa = gpa};
    vs_el2_exit(&f->e, t, &s);
}

static void test_hcr_decides_what_leaves_the_guest(void **state)
{
    struct fixture *f = *state;
    assert_true(vs_el2_traps(&f->e, VS_EL2_WFX, 0, false));
    assert_true(vs_el2_traps(&f->e, VS_EL2_SYS64, ID_AA64PFR0_EL1, false));
    f->config.trap_wfi = f->config.trap_id = 0;
    boot(f);
    assert_false(vs_el2_traps(&f->e, VS_EL2_WFX, 0, false));
    assert_false(vs_el2_traps(&f->e, VS_EL2_SYS64, ID_AA64PFR0_EL1, false));
    assert_int_equal(f->e.count[VS_CNT_el2_not_trapped], 2);
    /* no bit keeps these in the guest while stage 2 is on */
    assert_true(vs_el2_traps(&f->e, VS_EL2_HVC64, 0, false));
    assert_true(vs_el2_traps(&f->e, VS_EL2_DABT_LOW, 0, false));
    assert_true(vs_el2_traps(&f->e, VS_EL2_IRQ, 0, false));
}

static void test_the_syndrome_says_what_happened(void **state)
{
    struct fixture *f = *state;
    leave(f, NULL, VS_EL2_DABT_LOW, 0x12345678);
    assert_int_equal(word(f, VS_EL2_AT_ESR) >> 26, 0x24);
    assert_int_equal(word(f, VS_EL2_AT_HPFAR), 0x123450);
    leave(f, NULL, VS_EL2_IRQ, 0); /* an interrupt leaves the syndrome alone */
    assert_int_equal(word(f, VS_EL2_AT_ESR) >> 26, 0x24);
    leave(f, NULL, VS_EL2_HVC64, 0);
    assert_int_equal(word(f, VS_EL2_AT_ESR) >> 26, 0x16);
}

static void test_registers_move_through_the_lines_of_the_vcpu(void **state)
{
    struct fixture *f = *state;
    leave(f, &f->t, VS_EL2_HVC64, 0);
    assert_int_equal(f->writes, 4 + 1); /* 31 registers, the fault information */
    assert_int_equal(f->reads, 2);      /* the host's 12 */
    vs_el2_enter(&f->e, &f->t);
    assert_int_equal(f->reads, 2 + 4);
    assert_int_equal(f->writes, 5 + 2);
}

static void test_every_knob_of_time_is_paid_as_often_as_its_part_happens(void **state)
{
    struct fixture *f = *state;
    static const struct {
        size_t at;
        uint64_t times;
    } knob[] = {{offsetof(struct vs_el2_config, exception), 1},
                {offsetof(struct vs_el2_config, eret), 1},
                {offsetof(struct vs_el2_config, store_pair), 2 * (16 + 6)},
                {offsetof(struct vs_el2_config, system), 11 + 9}};
    uint64_t before = 0;
    for (size_t i = 0; i <= sizeof knob / sizeof knob[0]; i++) {
        if (i) {
            *(uint64_t *)(void *)((char *)&f->e.config + knob[i - 1].at) += 1;
        }
        uint64_t start = vs_now(&f->t).v;
        vs_txn_actor(&f->t, f->host);
        leave(f, &f->t, VS_EL2_HVC64, 0);
        vs_el2_enter(&f->e, &f->t);
        uint64_t cycles = (vs_now(&f->t).v - start) / PS;
        assert_true(!i || cycles - before == knob[i - 1].times);
        before = cycles;
    }
}

/* Arm ARM, HCR_EL2: FB 9, TWI 13, TID3 18, TTLB 25, TVM 26, TWE 14, TSC 19, TRVM 30. */
static void test_each_knob_is_its_bit_of_hcr(void **state)
{
    struct fixture *f = *state;
    uint64_t *const knob[] = {&f->config.force_broadcast, &f->config.trap_wfi,
                              &f->config.trap_id,         &f->config.trap_tlbi,
                              &f->config.trap_vm,         &f->config.trap_wfe,
                              &f->config.trap_smc,        &f->config.trap_vm_read};
    static const unsigned bit[] = {9, 13, 18, 25, 26, 14, 19, 30};
    enum { KNOBS = sizeof bit / sizeof bit[0] };
    /* VM, SWIO, PTW, FMO, IMO, AMO, BSU inner shareable, TIDCP, TACR, TSW, RW, E2H */
    const uint64_t always = 0x3full | 1ull << 10 | 7ull << 20 | 1ull << 31 | 1ull << 34;
    for (unsigned i = 0; i <= KNOBS; i++) {
        for (unsigned k = 0; k < KNOBS; k++) {
            *knob[k] = k == i;
        }
        boot(f);
        assert_true(f->e.hcr == (always | (i < KNOBS ? 1ull << bit[i] : 0)));
        assert_int_equal(vs_el2_traps_tlbi(&f->e), i == 3);
        assert_int_equal(vs_el2_traps(&f->e, VS_EL2_WFX, 0, false), i == 1);
        assert_int_equal(vs_el2_traps(&f->e, VS_EL2_SYS64, ID_AA64PFR0_EL1, false), i == 2);
        assert_int_equal(vs_el2_traps(&f->e, VS_EL2_SYS64, TTBR0_EL1, true), i == 4);
        assert_int_equal(vs_el2_traps(&f->e, VS_EL2_WFX, 1, false), i == 5);
        assert_int_equal(vs_el2_traps(&f->e, VS_EL2_SMC64, 0, false), i == 6);
        assert_int_equal(vs_el2_traps(&f->e, VS_EL2_SYS64, TTBR0_EL1, false), i == 7);
    }
}

static void test_an_exception_of_a_32_bit_instruction_says_so(void **state)
{
    struct fixture *f = *state;
    leave(f, NULL, VS_EL2_HVC64, 0);
    assert_true(word(f, VS_EL2_AT_ESR) == (0x16ull << 26 | 1u << 25)); /* EC, IL */
}

static void test_registers_and_fault_information_are_in_lines_of_their_own(void **state)
{
    struct fixture *f = *state;
    struct vs_state_port port = vs_el2_state_port(&f->e);
    static const enum vs_state registers[] = {VS_STATE_FLAGS, VS_STATE_PC},
                               fault[] = {VS_STATE_REASON, VS_STATE_SYNDROME, VS_STATE_FAULT_GPA};
    uint64_t v, line[2];
    for (size_t i = 0; i < 2; i++) {
        assert_true(port.read(port.ctx, &f->t, registers[i], &v));
        line[0] = i ? line[0] : f->last;
        assert_int_equal(f->last / 64, line[0] / 64);
    }
    for (size_t i = 0; i < 3; i++) {
        assert_true(port.read(port.ctx, &f->t, fault[i], &v));
        line[1] = i ? line[1] : f->last;
        assert_int_equal(f->last / 64, line[1] / 64);
    }
    assert_true(line[0] / 64 != line[1] / 64);
    assert_int_equal(f->e.count[VS_CNT_el2_fields], 5);
}

static void test_what_follows_an_entry_is_the_guests(void **state)
{
    struct fixture *f = *state;
    vs_el2_enter(&f->e, &f->t);
    assert_int_equal(f->t.actor, f->guest);
}

/* Arm ARM, D17 and D13.8: which system registers of EL1 leave the guest. */
static void test_system_registers_trap_by_their_group(void **state)
{
    struct fixture *f = *state;
    static const struct {
        uint32_t number;
        bool write, traps;
    } law[] = {
        {ID_AA64PFR0_EL1, false, true}, {MIDR_EL1, false, false}, /* VPIDR_EL2 answers */
        {VS_ICC_SGI1R_EL1, true, true}, /* an interrupt for another vCPU */
        {ICC_EOIR1_EL1, true, false},   /* the virtual interface takes it */
        {CNTV_CVAL_EL0, true, false},   {CNTP_CVAL_EL0, true, false}, {PMCR_EL0, false, true},
        {ACTLR_EL1, false, true},       {TTBR0_EL1, true, false}, /* once the caches are on */
    };
    for (size_t i = 0; i < sizeof law / sizeof law[0]; i++) {
        assert_int_equal(vs_el2_traps(&f->e, VS_EL2_SYS64, law[i].number, law[i].write),
                         law[i].traps);
    }
}

/* What leaves a guest, under its name; ports, pages of an APIC and YIELD do not. */
static void test_a_trap_is_the_exception_class_of_the_manual(void **state)
{
    struct fixture *f = *state;
    struct vs_world_port w = vs_el2_world(&f->e);
    static const struct {
        struct vs_trap trap;
        const char *op; /* NULL: the guest carries on */
        uint64_t class;
    } law[] = {
        {{.kind = VS_TRAP_HALT}, "exit.wfx.wfi", 0x01},
        {{.kind = VS_TRAP_HYPERCALL}, "exit.hvc64", 0x16},
        {{.kind = VS_TRAP_HYPERCALL, .firmware = true}, "exit.smc64", 0x17},
        {{.kind = VS_TRAP_MSR_READ, .number = ID_AA64PFR0_EL1}, "exit.sys64.id", 0x18},
        {{.kind = VS_TRAP_CPU_ID, .number = ID_AA64PFR0_EL1}, "exit.sys64.id", 0x18},
        {{.kind = VS_TRAP_MSR_WRITE, .number = VS_ICC_SGI1R_EL1}, "exit.sys64.write", 0x18},
        {{.kind = VS_TRAP_MSR_READ, .number = PMCR_EL0}, "exit.sys64.read", 0x18},
        {{.kind = VS_TRAP_STAGE2_FAULT}, "exit.data_abort.fault", 0x24},
        {{.kind = VS_TRAP_STAGE2_FAULT, .fetch = true}, "exit.instruction_abort.fault", 0x20},
        {{.kind = VS_TRAP_MMIO}, "exit.data_abort.mmio", 0x24},
        {{.kind = VS_TRAP_MSR_WRITE, .number = CNTV_CVAL_EL0}, NULL, 0},
        {{.kind = VS_TRAP_PAUSE}, NULL, 0},
        {{.kind = VS_TRAP_PAUSE, .event = true}, NULL, 0}, /* the core is the vCPU's alone */
        {{.kind = VS_TRAP_PIO, .number = 0x40}, NULL, 0},
        {{.kind = VS_TRAP_TIMESTAMP}, NULL, 0},
        {{.kind = VS_TRAP_INTERRUPT_WINDOW}, NULL, 0},
        {{.kind = VS_TRAP_EOI}, NULL, 0},
    };
    for (size_t i = 0; i < sizeof law / sizeof law[0]; i++) {
        struct vs_exit exit;
        assert_true(w.enter(w.ctx, NULL));
        assert_int_equal(w.leaves(w.ctx, NULL, &law[i].trap, &exit), law[i].op != NULL);
        if (law[i].op) {
            assert_string_equal(vs_op_name(exit.op), law[i].op);
            assert_true(w.leave(w.ctx, NULL, &exit));
            assert_int_equal(word(f, VS_EL2_AT_ESR) >> 26, law[i].class);
        }
    }
}

/* The handler moves the guest on by the length that ESR_EL2.IL says, in the vCPU structure. */
static void test_handlers_read_what_the_exception_said(void **state)
{
    struct fixture *f = *state;
    struct vs_state_port p = vs_el2_state_port(&f->e);
    struct vs_el2_syndrome s = {
        .class = VS_EL2_DABT_LOW, .iss = 0x47, .far = 0xffff1234, .gpa = 0x9000};
    uint64_t v;
    vs_el2_exit(&f->e, NULL, &s);
    assert_true(p.read(p.ctx, NULL, VS_STATE_REASON, &v) && v == 0x24);
    assert_true(p.read(p.ctx, NULL, VS_STATE_SYNDROME, &v) && v == 0x47);
    assert_true(p.read(p.ctx, NULL, VS_STATE_FAULT_GVA, &v) && v == 0xffff1234);
    assert_true(p.read(p.ctx, NULL, VS_STATE_FAULT_GPA, &v) && v == 0x9000);
    assert_true(p.read(p.ctx, NULL, VS_STATE_LENGTH, &v) && v == 4);
    assert_true(p.write(p.ctx, NULL, VS_STATE_PC, 0x1004));
    assert_true(p.read(p.ctx, NULL, VS_STATE_PC, &v) && v == 0x1004);
    f->last = 0;
    assert_true(p.read(p.ctx, &f->t, VS_STATE_VECTORING, &v) && v == 0); /* x86's: no time */
    assert_int_equal(f->last, 0);
}

/* Arm ARM (DDI 0487), D17.2.37, ESR_EL2: ISS of each class. */
static void test_the_iss_says_size_register_direction_and_status(void **state)
{
    struct fixture *f = *state;
    struct vs_world_port w = vs_el2_world(&f->e);
    const uint32_t isv = 1u << 24, sf = 1u << 15, wnr = 1u << 6, s1ptw = 1u << 7;
    const struct {
        struct vs_trap trap;
        uint32_t iss;
    } law[] = {
        /* data aborts: ISV, SAS, SRT and SF of one register's access, WnR and DFSC of the walk */
        {{.kind = VS_TRAP_MMIO, .size = 1, .gpr = 5, .syndrome = 7}, isv | 5u << 16 | 7},
        {{.kind = VS_TRAP_MMIO, .size = 2, .gpr = 5, .syndrome = 7}, isv | 1u << 22 | 5u << 16 | 7},
        {{.kind = VS_TRAP_MMIO, .size = 4, .gpr = 30, .syndrome = 6 | wnr},
         isv | 2u << 22 | 30u << 16 | wnr | 6},
        {{.kind = VS_TRAP_STAGE2_FAULT, .size = 8, .gpr = 1, .syndrome = 15 | wnr},
         isv | 3u << 22 | 1u << 16 | sf | wnr | 15},
        /* of several registers, of the walk of a guest's table, of a fetch: nobody can emulate it
         */
        {{.kind = VS_TRAP_STAGE2_FAULT, .size = 0, .syndrome = 7}, 7},
        {{.kind = VS_TRAP_STAGE2_FAULT, .size = 16, .syndrome = 7}, 7},
        {{.kind = VS_TRAP_STAGE2_FAULT, .size = 8, .syndrome = 6 | s1ptw}, 6 | s1ptw},
        {{.kind = VS_TRAP_STAGE2_FAULT, .size = 4, .fetch = true, .syndrome = 7}, 7},
        /* MRS and MSR: Op0, Op2, Op1, CRn, Rt, CRm, direction */
        {{.kind = VS_TRAP_MSR_READ, .number = PMCR_EL0, .gpr = 9},
         3u << 20 | 0u << 17 | 3u << 14 | 9u << 10 | 9u << 5 | 12u << 1 | 1u},
        {{.kind = VS_TRAP_MSR_WRITE, .number = CNTP_CVAL_EL0, .gpr = 31},
         3u << 20 | 2u << 17 | 3u << 14 | 14u << 10 | 31u << 5 | 2u << 1},
        /* TLBI VALE1IS, X4 */
        {{.kind = VS_TRAP_INVALIDATE, .number = VS_SYSREG(1u, 0u, 8u, 3u, 5u), .gpr = 4},
         1u << 20 | 5u << 17 | 8u << 10 | 4u << 5 | 3u << 1},
        {{.kind = VS_TRAP_HYPERCALL, .immediate_value = 0xbeef}, 0xbeef},
        {{.kind = VS_TRAP_HYPERCALL, .firmware = true, .immediate_value = 1}, 1},
        {{.kind = VS_TRAP_HALT}, 0},                 /* TI: WFI */
        {{.kind = VS_TRAP_PAUSE, .event = true}, 1}, /* WFE */
    };
    f->config.trap_wfe = f->config.trap_tlbi = f->config.trap_physical_timer = 1;
    boot(f);
    for (size_t i = 0; i < sizeof law / sizeof law[0]; i++) {
        struct vs_exit exit;
        struct vs_trap trap = law[i].trap;
        trap.gva.v = 0xffff800012345678;
        trap.gpa.v = 0x8123456789;
        assert_true(w.enter(w.ctx, NULL));
        assert_true(w.leaves(w.ctx, NULL, &trap, &exit));
        assert_true(w.leave(w.ctx, NULL, &exit));
        assert_int_equal(word(f, VS_EL2_AT_ESR) & 0x1ffffff, law[i].iss);
        assert_true(word(f, VS_EL2_AT_ESR) >> 25 & 1u); /* IL */
        if (trap.kind == VS_TRAP_MMIO || trap.kind == VS_TRAP_STAGE2_FAULT) {
            assert_true(word(f, VS_EL2_AT_FAR) == 0xffff800012345678);
            assert_true(word(f, VS_EL2_AT_HPFAR) == 0x8123456789 >> 12 << 4); /* FIPA */
        }
    }
}

/* Arm ARM, MDCR_EL2.TPM 6 and TPMCR 5, CNTHCTL_EL2.EL1PTEN 11 and EL1PCEN 1: the timer's bit stands
 * elsewhere without HCR_EL2.E2H, where KVM does not give the physical timer away. */
static void test_monitors_and_the_physical_timer_have_registers_of_their_own(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < 8; i++) {
        f->config.trap_monitors = i & 1u;
        f->config.trap_physical_timer = i >> 1 & 1u;
        f->config.vhe = i >> 2 & 1u;
        boot(f);
        assert_true(f->e.mdcr == (i & 1u ? 0x60 : 0));
        assert_int_equal(f->e.hcr >> 34 & 1u, f->config.vhe);
        assert_int_equal(vs_el2_traps(&f->e, VS_EL2_SYS64, PMCR_EL0, false), i & 1u);
        assert_int_equal(vs_el2_traps(&f->e, VS_EL2_SYS64, CNTP_CVAL_EL0, true),
                         f->config.trap_physical_timer || !f->config.vhe);
        assert_false(vs_el2_traps(&f->e, VS_EL2_SYS64, CNTV_CVAL_EL0, true));
    }
    f->e.mdcr = 1u << 5; /* TPMCR alone: PMCR_EL0, not PMCCNTR_EL0 */
    assert_true(vs_el2_traps(&f->e, VS_EL2_SYS64, PMCR_EL0, false));
    assert_false(vs_el2_traps(&f->e, VS_EL2_SYS64, VS_SYSREG(3u, 3u, 9u, 13u, 0u), false));
}

/* Linux arch/arm64/kvm/hyp: with VHE the registers of EL1 move when the vCPU's thread does, without
 * at every exit and entry, which change the exception level twice. */
static void test_without_vhe_each_switch_moves_the_registers_of_el1(void **state)
{
    struct fixture *f = *state;
    uint64_t took[2], touched[2];
    for (unsigned vhe = 0; vhe < 2; vhe++) {
        f->config.vhe = vhe;
        boot(f);
        f->reads = f->writes = 0;
        uint64_t start = vs_now(&f->t).v;
        vs_txn_actor(&f->t, f->host);
        leave(f, &f->t, VS_EL2_HVC64, 0);
        vs_el2_enter(&f->e, &f->t);
        took[vhe] = (vs_now(&f->t).v - start) / PS;
        touched[vhe] = f->reads + f->writes;
    }
    assert_int_equal(took[0] - took[1],
                     4 * 22 * f->config.system + f->config.exception + f->config.eret);
    assert_int_equal(touched[0] - touched[1], 4 * 3); /* 22 registers, three lines */
}

/* YIELD is a hint that no control traps; WFE is one that HCR_EL2.TWE does. */
static void test_yield_never_leaves_a_guest(void **state)
{
    struct fixture *f = *state;
    struct vs_world_port w = vs_el2_world(&f->e);
    struct vs_exit exit;
    for (uint64_t twe = 0; twe < 2; twe++) {
        const struct vs_trap yield = {.kind = VS_TRAP_PAUSE},
                             wfe = {.kind = VS_TRAP_PAUSE, .event = true};
        f->config.trap_wfe = twe;
        boot(f);
        assert_true(w.enter(w.ctx, NULL));
        assert_false(w.leaves(w.ctx, NULL, &yield, &exit));
        assert_int_equal(w.leaves(w.ctx, NULL, &wfe, &exit), twe);
    }
}

/* CPTR_EL2: a guest that has not been given these registers traps once; then they are its own until
 * its thread gives the processor up, which stores them. */
static void test_floating_point_is_given_at_its_first_use(void **state)
{
    struct fixture *f = *state;
    const struct vs_el2_config *c = &f->config;
    const uint64_t move = (16 * c->store_pair + 2 * c->system) * PS;
    assert_true(vs_el2_traps_fp(&f->e, false));
    uint64_t reads = f->reads, writes = f->writes, from = vs_now(&f->t).v;
    vs_el2_give_fp(&f->e, &f->t);
    vs_txn_settle(&f->t);
    assert_int_equal(f->writes - writes, 8); /* 512 bytes of the host's */
    assert_int_equal(f->reads - reads, 8);   /* and of the guest's */
    assert_int_equal(vs_now(&f->t).v - from, 2 * move);
    assert_false(vs_el2_traps_fp(&f->e, false));
    vs_el2_running(&f->e, &f->t, false);
    assert_int_equal(f->writes - writes, 16);
    assert_true(vs_el2_traps_fp(&f->e, false));
    vs_el2_running(&f->e, &f->t, true);
    vs_el2_running(&f->e, &f->t, false); /* what was not given is not stored */
    assert_int_equal(f->writes - writes, 16);
}

/* Since 6.14 the host's registers are stored when the vCPU is loaded, used or not. */
static void test_the_hosts_registers_may_be_stored_at_the_load(void **state)
{
    struct fixture *f = *state;
    f->config.fp_at_load = 1;
    boot(f);
    uint64_t writes = f->writes;
    vs_el2_running(&f->e, &f->t, true);
    assert_int_equal(f->writes - writes, 8);
    vs_el2_give_fp(&f->e, &f->t);
    assert_int_equal(f->writes - writes, 8);
}

/* 32 vectors and 17 predicates of an eighth: 1092 bytes of 256 bits, in lines. */
static void test_sve_moves_its_vectors_and_predicates(void **state)
{
    struct fixture *f = *state;
    f->config.sve = 256;
    boot(f);
    uint64_t reads = f->reads, writes = f->writes;
    assert_true(vs_el2_traps_fp(&f->e, true));
    vs_el2_give_fp(&f->e, &f->t);
    assert_int_equal(f->writes - writes, 18);
    assert_int_equal(f->reads - reads, 18);
    assert_false(vs_el2_traps_fp(&f->e, true));
    assert_false(vs_el2_traps_fp(&f->e, false));
}

/* PSCI's calls are HVC or SMC by their class, and what they ask for by their handler. */
static void test_a_call_to_the_firmware_leaves_as_its_conduit(void **state)
{
    struct fixture *f = *state;
    struct vs_world_port w = vs_el2_world(&f->e);
    struct vs_exit exit;
    vs_el2_enter(&f->e, NULL);
    for (int smc = 0; smc < 2; smc++) {
        struct vs_trap on = {.kind = VS_TRAP_POWER, .firmware = smc != 0, .length = 4},
                       suspend = {
                           .kind = VS_TRAP_HALT, .power = true, .firmware = smc != 0, .length = 4};
        assert_true(w.leaves(w.ctx, NULL, &on, &exit));
        assert_string_equal(vs_op_name(exit.op), smc ? "exit.smc64" : "exit.hvc64");
        assert_int_equal(exit.trap, VS_TRAP_POWER);
        assert_true(w.leaves(w.ctx, NULL, &suspend, &exit));
        assert_string_equal(vs_op_name(exit.op), smc ? "exit.smc64" : "exit.hvc64");
        assert_int_equal(exit.trap, VS_TRAP_HALT);
    }
}

int main(void)
{
#define LAW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LAW(test_hcr_decides_what_leaves_the_guest),
        LAW(test_the_syndrome_says_what_happened),
        LAW(test_registers_move_through_the_lines_of_the_vcpu),
        LAW(test_every_knob_of_time_is_paid_as_often_as_its_part_happens),
        LAW(test_each_knob_is_its_bit_of_hcr),
        LAW(test_an_exception_of_a_32_bit_instruction_says_so),
        LAW(test_registers_and_fault_information_are_in_lines_of_their_own),
        LAW(test_what_follows_an_entry_is_the_guests),
        LAW(test_system_registers_trap_by_their_group),
        LAW(test_a_trap_is_the_exception_class_of_the_manual),
        LAW(test_handlers_read_what_the_exception_said),
        LAW(test_the_iss_says_size_register_direction_and_status),
        LAW(test_yield_never_leaves_a_guest),
        LAW(test_monitors_and_the_physical_timer_have_registers_of_their_own),
        LAW(test_without_vhe_each_switch_moves_the_registers_of_el1),
        LAW(test_floating_point_is_given_at_its_first_use),
        LAW(test_the_hosts_registers_may_be_stored_at_the_load),
        LAW(test_sve_moves_its_vectors_and_predicates),
        LAW(test_a_call_to_the_firmware_leaves_as_its_conduit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
