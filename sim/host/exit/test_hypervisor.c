/* SPDX-License-Identifier: MIT */
/* Laws of exit handlers: what a program runs, what it costs cold and warm, what it asks of the VMCS
 * and of memory. */
#include "test_hypervisor.h"

#define HANDLERS VS_TRAP_N

/* KVM on Intel's processors has a program for each trap, but for those of others. Two of them are
 * about a guest hypervisor, which is not here (model/vmcs/test_vmcs_nested.c). */
static bool has(const struct fixture *f, size_t trap)
{
    bool none = f->set->by_trap[trap] == VS_PROGRAM_NONE;
    bool others = trap == VS_TRAP_IPI || trap == VS_TRAP_FLOATING_POINT || trap == VS_TRAP_POWER ||
                  trap == VS_TRAP_FLAGS || trap == VS_TRAP_NESTED_STATE ||
                  trap == VS_TRAP_NESTED_FLAG || trap == VS_TRAP_NESTED_LEVEL ||
                  trap == VS_TRAP_INTERRUPT_RETURN;
    assert_int_equal(none, others);
    return !none && trap != VS_TRAP_NESTED_ENTRY && trap != VS_TRAP_NESTED_EXIT;
}

static uint64_t lines(uint64_t bytes)
{
    return (bytes + 63) / 64;
}

/* What the steps of a program have of a number; of bytes, in lines. */
static uint64_t own(const struct fixture *f, const char *program, enum vs_step_number number)
{
    const struct vs_program *p = &f->set->program[vs_program_set_find(f->set, program)];
    uint64_t sum = 0;
    for (size_t i = 0; i < p->desc->n; i++) {
        uint16_t knob = p->step[i].number[number];
        bool event = p->step[i].when == VS_WHEN_EVENTFD; /* of exits that signal one */
        uint64_t v = knob == VS_PROGRAM_NONE || event ? 0 : f->values[knob];
        bool bytes = number == VS_NUMBER_CODE || number == VS_NUMBER_DATA;
        sum += bytes ? lines(v) : v;
    }
    return sum;
}

/* The same of the way in and out, whatever the reason. */
static uint64_t around(const struct fixture *f, enum vs_step_number number)
{
    return own(f, "stub", number) + own(f, "path_in", number) + own(f, "path_out", number);
}

/* And of the way to user space and back. */
static uint64_t outside(const struct fixture *f, enum vs_step_number number)
{
    return own(f, "user_space", number) + own(f, "user_space.process", number);
}

/* ---- programs ---- */

static void test_a_handler_is_the_sum_of_its_parts(void **state)
{
    struct fixture *f = *state;
    uint64_t handled = 0;
    for (size_t i = 0; i < HANDLERS; i++) {
        if (!has(f, i)) {
            continue;
        }
        handled++;
        uint64_t took = handle(f, (enum vs_trap_kind)i, plain), sum = 0;
        const struct vs_op_acc *a =
            vs_ledger_acc(f->ledger, f->host, vs_trap_handler((enum vs_trap_kind)i));
        for (size_t k = 0; k < vs_ledger_n_accounts(f->ledger); k++) {
            sum += a->work[k].ps;
        }
        assert_true(took > 0);
        assert_int_equal(a->n, 1);
        assert_int_equal(a->total_ps, took);
        assert_int_equal(sum, took);
        assert_int_equal(a->n_child, 0);
    }
    assert_int_equal(f->h.count[VS_CNT_hypervisor_exits], handled);
}

static void test_a_program_executes_its_instructions_and_touches_its_lines(void **state)
{
    struct fixture *f = *state;
    handle(f, VS_TRAP_CPU_ID, plain);
    assert_int_equal(f->core.instructions,
                     around(f, VS_NUMBER_INSTRUCTIONS) + own(f, "cpu_id", VS_NUMBER_INSTRUCTIONS));
    assert_int_equal(f->core.touches[VS_REF_FETCH],
                     around(f, VS_NUMBER_CODE) + own(f, "cpu_id", VS_NUMBER_CODE));
    assert_int_equal(f->core.touches[VS_REF_READ] + f->core.touches[VS_REF_WRITE],
                     around(f, VS_NUMBER_DATA) + own(f, "cpu_id", VS_NUMBER_DATA));
}

static void test_a_cold_handler_costs_its_misses_more_than_a_warm_one(void **state)
{
    struct fixture *f = *state;
    uint64_t cold = handle(f, VS_TRAP_CPU_ID, plain), misses = f->core.misses;
    uint64_t warm = handle(f, VS_TRAP_CPU_ID, plain);
    assert_int_equal(f->core.misses, misses);
    assert_int_equal(cold - warm, misses * (MISS_PS - HIT_PS));
    f->core.n = 0; /* the guest has evicted everything */
    assert_int_equal(handle(f, VS_TRAP_CPU_ID, plain), cold);
}

static void test_handlers_share_the_common_path_only(void **state)
{
    struct fixture *f = *state;
    handle(f, VS_TRAP_CPU_ID, plain);
    uint64_t before = f->core.misses;
    handle(f, VS_TRAP_MSR_READ, plain);
    assert_int_equal(f->core.misses - before,
                     own(f, "msr.read", VS_NUMBER_CODE) + own(f, "msr.read", VS_NUMBER_DATA));
}

static void test_each_vcpu_has_its_own_data_inside_its_part(void **state)
{
    struct fixture *f = *state;
    *number(f, "cpu_id.copy.copy_bytes") = 1 << 20; /* copies wrap inside their part */
    uint64_t end = VS_HV_DATA;
    for (unsigned vcpu = 0; vcpu < 128; vcpu += 127) {
        build(f, vcpu);
        f->core.lowest = UINT64_MAX;
        f->core.highest = 0;
        for (size_t i = 0; i < HANDLERS; i++) {
            if (has(f, i)) {
                handle(f, (enum vs_trap_kind)i, plain);
            }
        }
        assert_true(f->core.lowest >= end);
        end = f->core.highest;
    }
    assert_true(end < VS_HV_DATA + VS_HV_AREA_BYTES);
}

static void test_a_copied_line_is_a_load_and_a_store(void **state)
{
    struct fixture *f = *state;
    handle(f, VS_TRAP_MSR_READ, plain);
    uint64_t reads = f->core.touches[VS_REF_READ], writes = f->core.touches[VS_REF_WRITE];
    *number(f, "msr.read.copy.copy_bytes") = 1000;
    build(f, 0);
    handle(f, VS_TRAP_MSR_READ, plain);
    assert_int_equal(f->core.touches[VS_REF_READ], 2 * reads + 16);
    assert_int_equal(f->core.touches[VS_REF_WRITE], 2 * writes + 16);
}

static void test_user_space_costs_its_switch_and_its_program(void **state)
{
    struct fixture *f = *state;
    *number(f, "pio.user_space.taken") = 0;
    build(f, 0);
    handle(f, VS_TRAP_PIO, plain);
    uint64_t kernel = handle(f, VS_TRAP_PIO, plain);
    *number(f, "pio.user_space.taken") = 1;
    build(f, 0);
    handle(f, VS_TRAP_PIO, plain);
    uint64_t user = handle(f, VS_TRAP_PIO, plain);
    uint64_t touches = outside(f, VS_NUMBER_CODE) + outside(f, VS_NUMBER_DATA);
    assert_int_equal(user - kernel, outside(f, VS_NUMBER_CYCLES) * CLOCK_PS +
                                        outside(f, VS_NUMBER_INSTRUCTIONS) * INSTRUCTION_PS +
                                        touches * HIT_PS);
    assert_int_equal(f->h.count[VS_CNT_hypervisor_user_exits], 2);
}

static void test_mitigations_are_charged_on_the_ways_they_are_taken(void **state)
{
    struct fixture *f = *state;
    handle(f, VS_TRAP_HYPERCALL, plain);
    uint64_t without = handle(f, VS_TRAP_HYPERCALL, plain);
    *number(f, "spec_ctrl.write.cycles") = 100;
    *number(f, "rsb_fill.fill.cycles") = 10;
    *number(f, "path_out.l1d_flush.cycles") = 1;
    build(f, 0);
    uint64_t with = handle(f, VS_TRAP_HYPERCALL, plain);
    assert_int_equal(with - without, (2 * 100 + 10 + 1) * CLOCK_PS);
}

static void test_a_trap_without_a_program_is_refused_untimed(void **state)
{
    struct fixture *f = *state;
    struct vs_hv_exit e = plain;
    assert_int_equal(vs_hv_handle(&f->h, &f->t, VS_TRAP_N, &e), VS_HV_NOTHING);
    assert_int_equal(vs_now(&f->t).v, 0);
}

/* ---- VMCS ---- */

/* How many fields a program reads and writes in the ordinary case, what it calls included. */
static void fields(const struct fixture *f, unsigned program, unsigned *reads, unsigned *writes)
{
    const struct vs_program *p = &f->set->program[program];
    for (size_t i = 0; i < p->desc->n; i++) {
        const struct vs_step *s = &p->step[i];
        bool ordinary = s->when == VS_WHEN_ALWAYS || (s->when == VS_WHEN_FAST && s->negated);
        for (unsigned k = 0; ordinary && k < s->n_fields; k++) {
            *(s->value[k] == VS_VALUE_READ ? reads : writes) += 1;
        }
        if (ordinary && s->kind == VS_STEP_CALL && s->only == VS_PROGRAM_NONE) {
            fields(f, s->callee, reads, writes);
        }
    }
}

static void test_vmreads_and_vmwrites_are_as_many_as_the_lists_are_long(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < HANDLERS; i++) {
        if (!has(f, i)) {
            continue;
        }
        unsigned reads, writes;
        uint64_t r = f->state.reads, w = f->state.writes;
        reads = writes = 0;
        fields(f, f->set->by_trap[i], &reads, &writes);
        handle(f, (enum vs_trap_kind)i, plain);
        assert_true(reads >= 2);
        assert_int_equal(f->state.reads - r, reads);
        assert_int_equal(f->state.writes - w, writes);
    }
    assert_int_equal(f->h.count[VS_CNT_hypervisor_vmreads], f->state.reads);
    assert_int_equal(f->h.count[VS_CNT_hypervisor_vmwrites], f->state.writes);
}

static void test_an_emulated_instruction_is_stepped_over_a_fault_is_not(void **state)
{
    struct fixture *f = *state;
    f->state.field[VS_STATE_PC] = 0x1000;
    f->state.field[VS_STATE_LENGTH] = 2;
    handle(f, VS_TRAP_CPU_ID, plain);
    assert_int_equal(field(f, VS_STATE_PC), 0x1002);
    handle(f, VS_TRAP_STAGE2_FAULT, plain);
    handle(f, VS_TRAP_INTERRUPT, plain);
    assert_int_equal(field(f, VS_STATE_PC), 0x1002);
}

static void test_handlers_stated_as_one_sum_take_exactly_that(void **state)
{
    struct fixture *f = *state;
    f->config.common_vmcs = 0;
    memset(f->values, 0, f->set->component.n_knobs * sizeof *f->values);
    *number(f, "path_in.fixed.cycles") = 800;
    build(f, 0);
    f->state.field[VS_STATE_LENGTH] = 2;
    assert_int_equal(handle(f, VS_TRAP_CPU_ID, plain), 800 * CLOCK_PS);
    assert_int_equal(f->h.count[VS_CNT_hypervisor_vmreads], 0);
    assert_int_equal(field(f, VS_STATE_PC), 2); /* the guest goes on all the same */
}

/* ---- memory ---- */

static void test_a_first_touch_maps_and_clears_one_page_of_the_hosts_size(void **state)
{
    struct fixture *f = *state;
    const unsigned shifts[] = {12, 21};
    for (int i = 0; i < 2; i++) {
        struct vs_hv_exit e = {.guest_physical = 0x12345678};
        f->slat.shift = shifts[i];
        f->slat.maps = f->core.direct_lines = 0;
        handle(f, VS_TRAP_STAGE2_FAULT, e);
        assert_int_equal(f->slat.maps, 1);
        assert_int_equal(f->slat.last, 0x12345678 >> shifts[i]);
        assert_int_equal(f->core.direct_lines, (1u << shifts[i]) / 64);
        assert_int_equal(f->core.direct_from, DIRECT_FRAME);
    }
    assert_int_equal(f->h.count[VS_CNT_hypervisor_pages_mapped], 2);
    *number(f, "back.zero.taken") = 0;
    build(f, 0);
    f->core.direct_lines = 0;
    handle(f, VS_TRAP_STAGE2_FAULT, plain);
    assert_int_equal(f->core.direct_lines, 0);
}

static void test_exhausted_host_memory_fails_the_handler_with_its_books_closed(void **state)
{
    struct fixture *f = *state;
    struct vs_hv_exit e = plain;
    f->slat.exhausted_after = 0;
    assert_int_equal(vs_hv_handle(&f->h, &f->t, VS_TRAP_STAGE2_FAULT, &e), VS_HV_FAIL);
    assert_int_equal(vs_ledger_acc(f->ledger, f->host, VS_OP_HANDLER_STAGE2_FAULT)->n, 1);
    assert_int_equal(f->h.count[VS_CNT_hypervisor_pages_mapped], 0);
}

static void test_a_violation_outside_memory_is_emulated_like_a_misconfiguration(void **state)
{
    struct fixture *f = *state;
    struct vs_hv_exit device = {.guest_physical = MEMORY};
    unsigned violation, misconfig, writes;
    violation = misconfig = writes = 0;
    fields(f, f->set->by_trap[VS_TRAP_STAGE2_FAULT], &violation, &writes);
    fields(f, f->set->by_trap[VS_TRAP_MMIO], &misconfig, &writes);
    f->state.field[VS_STATE_LENGTH] = 3;
    handle(f, VS_TRAP_STAGE2_FAULT, device);
    assert_int_equal(f->slat.maps, 0);
    assert_int_equal(f->state.reads, violation + misconfig - 2); /* the common ones once */
    assert_int_equal(f->state.writes, writes);
    assert_int_equal(f->core.instructions, around(f, VS_NUMBER_INSTRUCTIONS) +
                                               own(f, "stage2_fault", VS_NUMBER_INSTRUCTIONS) +
                                               own(f, "mmio", VS_NUMBER_INSTRUCTIONS) +
                                               outside(f, VS_NUMBER_INSTRUCTIONS));
    assert_int_equal(f->h.count[VS_CNT_hypervisor_user_exits], 1);
    assert_int_equal(f->h.count[VS_CNT_hypervisor_mmio], 1);
    assert_int_equal(field(f, VS_STATE_PC), 3);
    device.guest_physical = MEMORY - 1; /* the last byte of memory is no device */
    handle(f, VS_TRAP_STAGE2_FAULT, device);
    assert_int_equal(f->slat.maps, 1);
}

/* ---- configuration ---- */

static void test_code_without_instructions_is_refused(void **state)
{
    struct fixture *f = *state;
    struct vs_errors e = {NULL, 0};
    vs_hv_check(&f->config, f->set, f->values, &e);
    assert_int_equal(e.n, 0);
    *number(f, "cpu_id.search.instructions") = 0;
    *number(f, "user_space.process.device.instructions") = 0;
    vs_hv_check(&f->config, f->set, f->values, &e);
    assert_int_equal(e.n, 2);
    assert_non_null(strstr(e.text[0], "hypervisor.cpu_id.search.code_bytes"));
    vs_errors_free(&e);
}

static void test_a_quarter_of_a_programs_data_is_written(void **state)
{
    struct fixture *f = *state;
    handle(f, VS_TRAP_CPU_ID, plain);
    uint64_t read = f->core.touches[VS_REF_READ], written = f->core.touches[VS_REF_WRITE];
    *number(f, "path_in.exit.data_bytes") += 1024;
    *number(f, "cpu_id.search.data_bytes") += 512;
    build(f, 0);
    handle(f, VS_TRAP_CPU_ID, plain);
    assert_int_equal(f->core.touches[VS_REF_READ] - 2 * read, 12 + 6);
    assert_int_equal(f->core.touches[VS_REF_WRITE] - 2 * written, 4 + 2);
}

static void test_a_copy_reads_one_place_and_writes_another(void **state)
{
    struct fixture *f = *state;
    handle(f, VS_TRAP_MSR_READ, plain);
    *number(f, "msr.read.copy.copy_bytes") = 1024;
    build(f, 0);
    uint64_t before = f->core.misses;
    handle(f, VS_TRAP_MSR_READ, plain);
    assert_int_equal(f->core.misses - before, 2 * 16); /* no line of them was seen before */
}

static void test_what_user_space_is_asked_costs_the_same_whatever_the_reason(void **state)
{
    struct fixture *f = *state;
    struct vs_hv_exit asked = plain;
    asked.user = true;
    handle(f, VS_TRAP_CPU_ID, plain);
    assert_int_equal(f->h.count[VS_CNT_hypervisor_user_exits], 0);
    handle(f, VS_TRAP_CPU_ID, asked);
    assert_int_equal(f->h.count[VS_CNT_hypervisor_user_exits], 1);
}

/* KVM's own: interrupt controllers and the interval timer; the event timer's page and what has no
 * device are QEMU's. A byte beside a device is none of it. */
static void test_a_device_is_emulated_where_its_port_or_address_says(void **state)
{
    struct fixture *f = *state;
    static const struct {
        bool port;
        uint64_t io;
        bool user;
    } rows[] = {{true, 0x40, false},        {true, 0x43, false},        {true, 0x3f, true},
                {true, 0x44, true},         {true, 0x21, false},        {true, 0xa0, false},
                {true, 0x70, true},         {true, 0x80, true},         {false, 0xfec00000, false},
                {false, 0xfec000ff, false}, {false, 0xfec00100, true},  {false, 0xfee00000, false},
                {false, 0xfed00000, true},  {false, 0x08000000, false}, {false, 0x40, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vs_hv_exit e = {.port = rows[i].port, .io = rows[i].io};
        uint64_t before = f->h.count[VS_CNT_hypervisor_user_exits];
        handle(f, rows[i].port ? VS_TRAP_PIO : VS_TRAP_MMIO, e);
        assert_int_equal(f->h.count[VS_CNT_hypervisor_user_exits] - before, rows[i].user);
    }
    f->config.in_kernel_pit = 0;
    build(f, 0);
    struct vs_hv_exit pit = {.port = true, .io = 0x40};
    handle(f, VS_TRAP_PIO, pit);
    assert_int_equal(f->h.count[VS_CNT_hypervisor_user_exits], 1);
    pit.io = 0x20; /* somebody outside asks, wherever the device is */
    pit.user = true;
    handle(f, VS_TRAP_PIO, pit);
    assert_int_equal(f->h.count[VS_CNT_hypervisor_user_exits], 2);
}

/* Registers of PCI functions are where no device of the board's is: above the first ports and the
 * first MiB, outside of the chipset's addresses and of configuration space. */
static void test_what_is_the_boards_is_no_functions(void **state)
{
    (void)state;
    static const struct {
        bool port;
        uint64_t io;
        bool board;
    } rows[] = {{true, 0x40, true},         {true, 0x3f8, true},         {true, 0xcf8, true},
                {true, 0xfff, true},        {true, 0x1000, false},       {true, 0xc050, false},
                {false, 0xb8000, true},     {false, 0x100000, false},    {false, 0xafffffff, false},
                {false, 0xb0000000, true},  {false, 0xbfffffff, true},   {false, 0xc0000000, false},
                {false, 0xfebfffff, false}, {false, 0xfec00000, true},   {false, 0xfed00000, true},
                {false, 0xfee00000, true},  {false, 0x100000000, false}, {false, 0x08000000, true},
                {false, 0x09000000, true},  {false, 0x0a000000, false},  {false, 0x3f000000, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(vs_hv_of_board(rows[i].port, rows[i].io), rows[i].board);
    }
}

/* The common path reads reason and vectoring; stepping over an instruction takes RFLAGS, its
 * length, RIP and interruptibility, and writes RIP. Counted where they arrive. */
static void test_each_handler_reads_and_writes_the_fields_that_kvms_does(void **state)
{
    struct fixture *f = *state;
    static const struct {
        enum vs_trap_kind trap;
        uint64_t reads, writes;
    } rows[] = {{VS_TRAP_CPU_ID, 2 + 4, 1},
                {VS_TRAP_MSR_WRITE, 2 + 4, 1},
                {VS_TRAP_CONTROL_REGISTER, 2 + 1 + 4, 1},
                {VS_TRAP_PIO, 2 + 2 + 4, 1},
                {VS_TRAP_INTERRUPT, 2 + 1, 0},
                {VS_TRAP_INTERRUPT_WINDOW, 2, 1},
                {VS_TRAP_STAGE2_FAULT, 2 + 2, 0},
                {VS_TRAP_MMIO, 2 + 1 + 8, 2},
                {VS_TRAP_APIC_ACCESS, 2 + 1 + 8, 2},
                {VS_TRAP_APIC_WRITE, 2 + 1, 0},
                {VS_TRAP_TIMER, 2, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t reads = f->state.reads, writes = f->state.writes;
        handle(f, rows[i].trap, plain);
        assert_int_equal(f->state.reads - reads, rows[i].reads);
        assert_int_equal(f->state.writes - writes, rows[i].writes);
    }
    /* fasteoi skips the instruction without looking at it */
    struct vs_hv_exit fast = plain;
    fast.fast = true;
    uint64_t reads = f->state.reads, writes = f->state.writes;
    handle(f, VS_TRAP_APIC_ACCESS, fast);
    assert_int_equal(f->state.reads - reads, 2 + 1 + 4);
    assert_int_equal(f->state.writes - writes, 1);
}

/* A huge page among small ones, or the other way round, comes alone. */
static void test_a_page_that_is_not_of_the_hosts_size_has_no_neighbours_to_back(void **state)
{
    struct fixture *f = *state;
    f->config.fault_around = 16;
    for (unsigned size = 12; size <= 21; size += 9) {
        build(f, 0);
        f->h.slat.page_shift = size;
        f->slat.maps = 0;
        f->slat.backed = 0;
        handle(f, VS_TRAP_STAGE2_FAULT, plain);
        assert_int_equal(f->slat.maps, size == 12 ? 16 : 1);
    }
}

static void test_a_fault_around_group_is_a_power_of_two(void **state)
{
    struct fixture *f = *state;
    for (uint64_t n = 1; n <= 16; n++) {
        struct vs_errors e = {NULL, 0};
        f->config.fault_around = n;
        vs_hv_check(&f->config, f->set, f->values, &e);
        assert_int_equal(e.n, (n & (n - 1)) != 0);
        vs_errors_free(&e);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static void test_fault_around_backs_what_is_missing_in_its_group(void **state)
{
    struct fixture *f = *state;
    f->config.fault_around = 16;
    build(f, 0);
    f->slat.backed = 19; /* of pages 16 to 31 three have a frame */
    struct vs_hv_exit e = {.guest_physical = 20u << 12};
    handle(f, VS_TRAP_STAGE2_FAULT, e);
    assert_int_equal(f->slat.maps, 1 + 12);
    assert_int_equal(f->h.count[VS_CNT_hypervisor_pages_around], 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_a_handler_is_the_sum_of_its_parts),
        T(test_a_program_executes_its_instructions_and_touches_its_lines),
        T(test_a_cold_handler_costs_its_misses_more_than_a_warm_one),
        T(test_handlers_share_the_common_path_only),
        T(test_each_vcpu_has_its_own_data_inside_its_part),
        T(test_a_copied_line_is_a_load_and_a_store),
        T(test_user_space_costs_its_switch_and_its_program),
        T(test_mitigations_are_charged_on_the_ways_they_are_taken),
        T(test_a_trap_without_a_program_is_refused_untimed),
        T(test_vmreads_and_vmwrites_are_as_many_as_the_lists_are_long),
        T(test_an_emulated_instruction_is_stepped_over_a_fault_is_not),
        T(test_handlers_stated_as_one_sum_take_exactly_that),
        T(test_a_first_touch_maps_and_clears_one_page_of_the_hosts_size),
        T(test_exhausted_host_memory_fails_the_handler_with_its_books_closed),
        T(test_a_violation_outside_memory_is_emulated_like_a_misconfiguration),
        T(test_code_without_instructions_is_refused),
        T(test_fault_around_backs_what_is_missing_in_its_group),
        T(test_a_quarter_of_a_programs_data_is_written),
        T(test_a_copy_reads_one_place_and_writes_another),
        T(test_what_user_space_is_asked_costs_the_same_whatever_the_reason),
        T(test_what_is_the_boards_is_no_functions),
        T(test_each_handler_reads_and_writes_the_fields_that_kvms_does),
        T(test_a_page_that_is_not_of_the_hosts_size_has_no_neighbours_to_back),
        T(test_a_fault_around_group_is_a_power_of_two),
        T(test_a_device_is_emulated_where_its_port_or_address_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
