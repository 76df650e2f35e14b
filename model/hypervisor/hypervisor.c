/* SPDX-License-Identifier: MIT */
/* The path of an exit's handling: common path in, the reason's program, perhaps user space, common
 * path out. */
#include "programs.h"

#include <string.h>

#define VS_DEF_NAME hypervisor
#define VS_DEF_FILE "hypervisor/hypervisor.def"
#include "virtsim/def_tables.h"

#define LINE 64u

/* One vCPU's part of VS_HV_DATA, and a program's part of VS_HV_CODE, as long as the list of
 * programs makes them. The bounds of the knobs keep each inside its part. */
#define DATA_PROGRAM 0x8000u                   /* after the common data: 4 KiB a program */
#define DATA_COPY (DATA_PROGRAM + N * 0x1000u) /* source and destination of copies */
#define COPY_BYTES 0x2000u                     /* of each */
#define DATA_BYTES (DATA_COPY + 2u * COPY_BYTES)
#define DATA_PARTS (VS_HV_AREA_BYTES / DATA_BYTES) /* vCPUs that have their own */
#define CODE_PROGRAM 0x100000u                     /* after the common code: 64 KiB a program */
#define NS 1000u

#define RFLAGS_IF (1u << 9)

/* One program: what a trap adds to the common path. */
struct program {
    enum vs_trap_kind trap;
    size_t instructions, code, data, copy, user; /* offsets into the config */
};

static const struct program programs[] = {
#define VS_HV_PROGRAM(name, trap, i, c, d, b, u, grade, source)                                    \
    {VS_TRAP_##trap,                                                                               \
     offsetof(struct vs_hypervisor_config, name##_instructions),                                   \
     offsetof(struct vs_hypervisor_config, name##_code),                                           \
     offsetof(struct vs_hypervisor_config, name##_data),                                           \
     offsetof(struct vs_hypervisor_config, name##_copy),                                           \
     offsetof(struct vs_hypervisor_config, name##_user)},
#include "hypervisor/programs.def"
#undef VS_HV_PROGRAM
};
#define N (sizeof programs / sizeof programs[0])
_Static_assert(CODE_PROGRAM + N * 0x10000u <= VS_HV_AREA_BYTES, "programs' code leaves its area");

static uint64_t knob(const struct vs_hypervisor *h, size_t offset)
{
    uint64_t v;
    memcpy(&v, (const char *)&h->cfg + offset, sizeof v);
    return v;
}

void vs_hv_check(const struct vs_hypervisor_config *c, struct vs_errors *errors)
{
    if (c->user_code && !c->user_instructions) {
        vs_error(errors, "hypervisor.user.code_bytes = %llu, but hypervisor.user.instructions = 0",
                 (unsigned long long)c->user_code);
    }
    if (c->fault_around & (c->fault_around - 1u)) {
        vs_error(errors, "host.fault_around = %llu: an aligned group is a power of two",
                 (unsigned long long)c->fault_around);
    }
    for (size_t i = 0; i < N; i++) {
        uint64_t code, instructions;
        memcpy(&code, (const char *)c + programs[i].code, sizeof code);
        memcpy(&instructions, (const char *)c + programs[i].instructions, sizeof instructions);
        if (code && !instructions) {
            vs_error(errors,
                     "hypervisor: the program of %s fetches %llu bytes of code but executes no "
                     "instruction",
                     vs_op_name(vs_trap_handler(programs[i].trap)), (unsigned long long)code);
        }
    }
}

void vs_hv_init(struct vs_hypervisor *h, const struct vs_hypervisor_config *c,
                struct vs_ledger *ledger, struct vs_clock clock, unsigned vcpu,
                const struct vs_core_port *core, const struct vs_state_port *state,
                const struct vs_slat_port *slat)
{
    memset(h, 0, sizeof *h);
    h->cfg = *c;
    h->account = vs_ledger_accounts(ledger, &vs_hypervisor_desc);
    h->spec_ps = c->spec_ctrl * clock.period_ps;
    h->rsb_ps = c->rsb_fill * clock.period_ps;
    h->flush_ps = c->l1d_flush * clock.period_ps;
    h->fixed_ps = c->fixed * clock.period_ps;
    h->switch_ps = c->user_switch * clock.period_ps;
    h->block_ps = c->block * clock.period_ps;
    h->wake_ps = c->wake * clock.period_ps;
    h->core = *core;
    h->state = *state;
    h->slat = *slat;
    h->direct_at = VS_HV_DIRECT;
    h->data_at = VS_HV_DATA + (uint64_t)(vcpu % DATA_PARTS) * DATA_BYTES;
}

static void charge(const struct vs_hypervisor *h, struct vs_txn *t, unsigned account, uint64_t ps)
{
    if (ps) {
        vs_ps d = {ps};
        vs_txn_settle(t);
        vs_charge(t, (uint16_t)(h->account + account), d);
    }
}

static void touch(struct vs_hypervisor *h, struct vs_txn *t, uint64_t at, uint64_t bytes,
                  enum vs_ref ref)
{
    vs_gva a = {at};
    vs_core_touches(&h->core, t, a, bytes, ref);
}

/* Code is fetched, instructions execute, data is read and the last quarter of it written. */
static void run(struct vs_hypervisor *h, struct vs_txn *t, uint64_t instructions, uint64_t code_at,
                uint64_t code, uint64_t data_at, uint64_t data)
{
    touch(h, t, code_at, code, VS_REF_FETCH);
    uint64_t read = data - data / 4;
    touch(h, t, data_at, read, VS_REF_READ);
    touch(h, t, data_at + read, data - read, VS_REF_WRITE);
    if (instructions) {
        h->core.instructions(h->core.ctx, t, instructions);
    }
}

/* Time of state that is read and written, unless the machine states its handlers as one sum. */
static struct vs_txn *timed(const struct vs_hypervisor *h, struct vs_txn *t)
{
    return h->cfg.common_vmcs ? t : NULL;
}

static uint64_t read_field(struct vs_hypervisor *h, struct vs_txn *t, enum vs_state field)
{
    uint64_t value = 0;
    t = timed(h, t);
    h->state.read(h->state.ctx, t, field, &value);
    h->count[VS_CNT_hypervisor_vmreads] += t != NULL;
    return value;
}

static void write_field(struct vs_hypervisor *h, struct vs_txn *t, enum vs_state field,
                        uint64_t value)
{
    t = timed(h, t);
    h->state.write(h->state.ctx, t, field, value);
    h->count[VS_CNT_hypervisor_vmwrites] += t != NULL;
}

static void read_fields(struct vs_hypervisor *h, struct vs_txn *t, const enum vs_state *list)
{
    for (; *list; list++) {
        uint64_t value = read_field(h, t, *list);
        h->pc = *list == VS_STATE_PC ? value : h->pc;
        h->length = *list == VS_STATE_LENGTH ? value : h->length;
    }
}

/* What a program writes: the next instruction, the window closed; what else it writes keeps its
 * value, which the handler has in a register. */
static void write_fields(struct vs_hypervisor *h, struct vs_txn *t, const enum vs_state *list)
{
    for (; *list; list++) {
        uint64_t value = 0;
        h->state.read(h->state.ctx, NULL, *list, &value);
        if (*list == VS_STATE_PC) {
            value = h->pc + h->length;
        } else if (*list == VS_STATE_CONTROLS) {
            value &= ~(uint64_t)VS_CONTROLS_WINDOW;
        }
        write_field(h, t, *list, value);
    }
}

/* Each program has its own code and data. */
static void run_program(struct vs_hypervisor *h, struct vs_txn *t, const struct program *p)
{
    uint64_t index = (uint64_t)(p - programs);
    run(h, t, knob(h, p->instructions), VS_HV_CODE + CODE_PROGRAM + index * 0x10000u,
        knob(h, p->code), h->data_at + DATA_PROGRAM + index * 0x1000u, knob(h, p->data));
}

static void copy(struct vs_hypervisor *h, struct vs_txn *t, uint64_t bytes)
{
    uint64_t from = h->data_at + DATA_COPY, to = from + COPY_BYTES;
    for (uint64_t done = 0; done < bytes; done += LINE) {
        vs_gva a = {from + done % COPY_BYTES}, b = {to + done % COPY_BYTES};
        h->core.touch(h->core.ctx, t, a, VS_REF_READ);
        h->core.touch(h->core.ctx, t, b, VS_REF_WRITE);
    }
}

static void user_space(struct vs_hypervisor *h, struct vs_txn *t)
{
    h->count[VS_CNT_hypervisor_user_exits]++;
    charge(h, t, VS_ACC_hypervisor_user_switch, h->switch_ps);
    run(h, t, h->cfg.user_instructions, VS_HV_USER_CODE, h->cfg.user_code, VS_HV_USER_DATA,
        h->cfg.user_data);
}

static const struct program *find(enum vs_trap_kind trap)
{
    for (size_t i = 0; i < N; i++) {
        if (programs[i].trap == trap) {
            return &programs[i];
        }
    }
    return NULL;
}

/* Not memory: a device. The instruction is decoded and emulated as any device's is. */
static void emulate(struct vs_hypervisor *h, struct vs_txn *t, bool *user)
{
    const struct program *p = find(VS_TRAP_MMIO);
    const enum vs_state *read, *write;
    vs__hv_fields(p->trap, &read, &write);
    h->count[VS_CNT_hypervisor_mmio]++;
    read_fields(h, t, read);
    run_program(h, t, p);
    write_fields(h, t, write);
    *user = *user || knob(h, p->user) != 0;
}

static bool back_one(struct vs_hypervisor *h, struct vs_txn *t, vs_gpa at, unsigned *shift)
{
    vs_hpa frame = {0};
    if (!h->slat.map(h->slat.ctx, t, at, shift, &frame)) {
        return false;
    }
    h->count[VS_CNT_hypervisor_pages_mapped]++;
    if (h->cfg.zero_page) {
        vs_gva page = {h->direct_at + frame.v};
        h->core.store_string(h->core.ctx, t, page, 1ull << *shift);
    }
    return true;
}

/* The page and, with fault-around, its neighbours in an aligned group. */
static bool back(struct vs_hypervisor *h, struct vs_txn *t, vs_gpa at)
{
    unsigned shift = 12;
    if (!back_one(h, t, at, &shift)) {
        return false;
    }
    bool alone = !h->slat.backed || (h->slat.page_shift && shift != h->slat.page_shift);
    uint64_t n = alone ? 1u : h->cfg.fault_around, first = (at.v >> shift) & ~(n - 1u);
    for (uint64_t k = 0; k < n && n > 1; k++) {
        vs_gpa next = {(first + k) << shift};
        unsigned same = shift;
        if (first + k == at.v >> shift || !h->slat.is_memory(h->slat.ctx, next) ||
            h->slat.backed(h->slat.ctx, next)) {
            continue;
        }
        h->core.instructions(h->core.ctx, t, h->cfg.around_instructions);
        if (!back_one(h, t, next, &same)) {
            return false;
        }
        h->count[VS_CNT_hypervisor_pages_around]++;
    }
    return true;
}

/* Guest memory without a frame gets one; anything else is a device. */
static bool map_page(struct vs_hypervisor *h, struct vs_txn *t, const struct vs_hv_exit *exit,
                     bool *user)
{
    vs_gpa at = {exit->guest_physical};
    if (!h->slat.is_memory(h->slat.ctx, at)) {
        emulate(h, t, user);
        return true;
    }
    return back(h, t, at);
}

bool vs_hv_back(struct vs_hypervisor *h, struct vs_txn *t, vs_gpa at)
{
    run_program(h, t, find(VS_TRAP_STAGE2_FAULT));
    return back(h, t, at);
}

void vs_hv_device(struct vs_hypervisor *h, struct vs_txn *t)
{
    bool user = false;
    emulate(h, t, &user);
    if (user) {
        user_space(h, t);
    }
}

static void open_window(struct vs_hypervisor *h, struct vs_txn *t)
{
    uint64_t controls = 0; /* kept in memory by the hypervisor */
    h->state.read(h->state.ctx, NULL, VS_STATE_CONTROLS, &controls);
    write_field(h, t, VS_STATE_CONTROLS, controls | VS_CONTROLS_WINDOW);
    h->count[VS_CNT_hypervisor_windows]++;
}

bool vs_hv_inject(struct vs_hypervisor *h, struct vs_txn *t, uint8_t vector, bool virtual_delivery)
{
    if (virtual_delivery) {
        uint64_t highest = read_field(h, t, VS_STATE_VIRTUAL_INTR);
        write_field(h, t, VS_STATE_VIRTUAL_INTR, highest > vector ? highest : vector);
        h->count[VS_CNT_hypervisor_injections]++;
        return true;
    }
    bool blocked = read_field(h, t, VS_STATE_INTERRUPTIBILITY) != 0 ||
                   !(read_field(h, t, VS_STATE_FLAGS) & RFLAGS_IF);
    if (!blocked) {
        write_field(h, t, VS_STATE_ENTRY_INTR, VS_EVENT_VALID | vector);
        h->count[VS_CNT_hypervisor_injections]++;
        return true;
    }
    open_window(h, t);
    return false;
}

void vs_hv_inject_exception(struct vs_hypervisor *h, struct vs_txn *t, uint8_t vector,
                            uint32_t error)
{
    write_field(h, t, VS_STATE_ENTRY_ERROR, error);
    write_field(h, t, VS_STATE_ENTRY_INTR,
                VS_EVENT_VALID | VS_EVENT_EXCEPTION | VS_EVENT_ERROR | vector);
}

void vs_hv_preemption_timer(struct vs_hypervisor *h, struct vs_txn *t, uint64_t ticks)
{
    write_field(h, t, VS_STATE_TIMER, ticks);
}

void vs_hv_fast_eoi(struct vs_hypervisor *h, struct vs_txn *t)
{
    const struct program *p = find(VS_TRAP_APIC_ACCESS);
    uint64_t index = (uint64_t)(p - programs);
    run(h, t, h->cfg.fast_eoi, VS_HV_CODE + CODE_PROGRAM + index * 0x10000u, h->cfg.fast_eoi_code,
        h->data_at + DATA_PROGRAM + index * 0x1000u, 0);
}

uint64_t vs_hv_log_index(struct vs_hypervisor *h, struct vs_txn *t)
{
    return read_field(h, t, VS_STATE_LOG_INDEX);
}

void vs_hv_log_reset(struct vs_hypervisor *h, struct vs_txn *t, uint64_t index)
{
    write_field(h, t, VS_STATE_LOG_INDEX, index);
}

void vs_hv_guest_cr3(struct vs_hypervisor *h, struct vs_txn *t, uint64_t cr3)
{
    write_field(h, t, VS_STATE_CR3, cr3);
}

enum vs_hv_result vs_hv_handle(struct vs_hypervisor *h, struct vs_txn *t, enum vs_trap_kind trap,
                               const struct vs_hv_exit *exit)
{
    const struct program *p = find(trap);
    const struct vs_hypervisor_config *c = &h->cfg;
    const enum vs_state *read, *write;
    if (!p) {
        return VS_HV_FAIL;
    }
    bool user = knob(h, p->user) != 0 || exit->user, good = true;
    /* KVM's fasteoi skips the instruction without looking at it */
    vs__hv_fields(exit->fast && trap == VS_TRAP_APIC_ACCESS ? VS_TRAP_CONTROL_REGISTER : trap,
                  &read, &write);
    vs_open(t, vs_trap_handler(trap));
    h->count[VS_CNT_hypervisor_exits]++;
    h->pc = h->length = 0;
    charge(h, t, VS_ACC_hypervisor_rsb_fill, h->rsb_ps);
    charge(h, t, VS_ACC_hypervisor_spec_ctrl, h->spec_ps);
    charge(h, t, VS_ACC_hypervisor_fixed, h->fixed_ps);
    run(h, t, c->common_instructions, VS_HV_CODE, c->common_code, h->data_at, c->common_data);
    read_fields(h, t, vs__hv_common_read);
    if (exit->log) {
        exit->log(exit->log_ctx, t);
    }
    read_fields(h, t, read);
    if (!exit->fast) {
        run_program(h, t, p);
    }
    if (trap == VS_TRAP_STAGE2_FAULT && !exit->fast) {
        good = map_page(h, t, exit, &user);
    } else if (exit->device) {
        emulate(h, t, &user);
    }
    if (exit->work) {
        exit->work(exit->ctx, t);
    }
    copy(h, t, knob(h, p->copy));
    if (user) {
        user_space(h, t);
    }
    write_fields(h, t, write);
    if (exit->inject && vs_hv_inject(h, t, exit->inject, exit->virtual_delivery) && exit->more) {
        open_window(h, t);
    }
    charge(h, t, VS_ACC_hypervisor_l1d_flush, h->flush_ps);
    charge(h, t, VS_ACC_hypervisor_spec_ctrl, h->spec_ps);
    vs_close(t);
    return !good ? VS_HV_FAIL : trap == VS_TRAP_HALT ? VS_HV_HALT : VS_HV_RESUME;
}

void vs_hv_host_interrupt(struct vs_hypervisor *h, struct vs_txn *t)
{
    h->count[VS_CNT_hypervisor_host_interrupts]++;
    vs_open(t, VS_OP_HANDLER_INTERRUPT);
    run_program(h, t, find(VS_TRAP_INTERRUPT));
    vs_close(t);
}

/* KVM's kvm_vcpu_halt: short halts that polling missed make it grow, long ones shrink it. */
static void adapt(struct vs_hypervisor *h, uint64_t halt_ps)
{
    const struct vs_hypervisor_config *c = &h->cfg;
    uint64_t most = c->halt_poll_ns * NS, start = c->halt_poll_grow_start * NS, now = h->poll_ps;
    if (halt_ps <= now) {
        return;
    }
    if (now && halt_ps > most) {
        now = c->halt_poll_shrink ? now / c->halt_poll_shrink : 0;
        now = now < start ? 0 : now;
    } else if (now < most && halt_ps < most && c->halt_poll_grow) {
        now = now * c->halt_poll_grow;
        now = now < start ? start : now;
    }
    h->poll_ps = now < most ? now : most;
}

void vs_hv_wake(struct vs_hypervisor *h, struct vs_txn *t, vs_ps since, vs_ps event)
{
    uint64_t halt = event.v > since.v ? event.v - since.v : 0, asleep = h->poll_ps + h->block_ps;
    h->count[VS_CNT_hypervisor_polled] += (halt < h->poll_ps ? halt : h->poll_ps) / NS;
    if (halt <= h->poll_ps) {
        h->count[VS_CNT_hypervisor_polls]++;
        return;
    }
    /* going to sleep is done when it is done, event or not */
    uint64_t rest = asleep > halt ? asleep - halt : 0;
    h->count[VS_CNT_hypervisor_blocks]++;
    charge(h, t, VS_ACC_hypervisor_block, rest);
    charge(h, t, VS_ACC_hypervisor_wake, h->wake_ps);
    adapt(h, halt + rest + h->wake_ps);
}
