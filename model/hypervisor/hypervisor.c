/* SPDX-License-Identifier: MIT */
/* The path of an exit's handling: common path in, the reason's program, perhaps user space, common
 * path out. */
#include "programs.h"

#include <string.h>

#define VS_DEF_NAME hypervisor
#define VS_DEF_FILE "hypervisor/hypervisor.def"
#include "virtsim/def_tables.h"

#define LINE 64u

/* One program: what a reason adds to the common path. */
struct program {
    enum vs_op exit, handler;
    size_t instructions, code, data, copy, user; /* offsets into the config */
};

static const struct program programs[] = {
#define VS_HV_REASON(name, op, i, c, d, b, u, grade, source)                                       \
    {VS_OP_EXIT_##op,                                                                              \
     VS_OP_HANDLER_##op,                                                                           \
     offsetof(struct vs_hypervisor_config, name##_instructions),                                   \
     offsetof(struct vs_hypervisor_config, name##_code),                                           \
     offsetof(struct vs_hypervisor_config, name##_data),                                           \
     offsetof(struct vs_hypervisor_config, name##_copy),                                           \
     offsetof(struct vs_hypervisor_config, name##_user)},
#include "hypervisor/reasons.def"
#undef VS_HV_REASON
};
#define N (sizeof programs / sizeof programs[0])

static uint64_t knob(const struct vs_hypervisor *h, size_t offset)
{
    uint64_t v;
    memcpy(&v, (const char *)&h->cfg + offset, sizeof v);
    return v;
}

void vs_hv_check(const struct vs_hypervisor_config *c, struct vs_errors *errors)
{
    for (size_t i = 0; i < N; i++) {
        uint64_t code, instructions;
        memcpy(&code, (const char *)c + programs[i].code, sizeof code);
        memcpy(&instructions, (const char *)c + programs[i].instructions, sizeof instructions);
        if (code && !instructions) {
            vs_error(errors,
                     "hypervisor: the program of %s fetches %llu bytes of code but executes no "
                     "instruction",
                     vs_op_name(programs[i].handler), (unsigned long long)code);
        }
    }
}

void vs_hv_init(struct vs_hypervisor *h, const struct vs_hypervisor_config *c,
                struct vs_ledger *ledger, struct vs_clock clock, unsigned vcpu,
                const struct vs_core_port *core, const struct vs_vmcs_port *vmcs,
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
    h->vmcs = *vmcs;
    h->slat = *slat;
    h->data_at = VS_HV_DATA + (uint64_t)vcpu * 0x20000u;
}

enum vs_op vs_hv_handler_op(enum vs_op exit_op)
{
    for (size_t i = 0; i < N; i++) {
        if (programs[i].exit == exit_op) {
            return programs[i].handler;
        }
    }
    return VS_OP_N;
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
    for (uint64_t done = 0; done < bytes; done += LINE) {
        vs_gva a = {at + done};
        h->core.touch(h->core.ctx, t, a, ref);
    }
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

static void read_fields(struct vs_hypervisor *h, struct vs_txn *t, const uint32_t *list)
{
    uint64_t value;
    for (; *list; list++) {
        h->vmcs.vmread(h->vmcs.ctx, t, *list, &value);
        h->count[VS_CNT_hypervisor_vmreads]++;
    }
}

/* What a handler writes is what it read (RIP moved on); the value matters to the VMCS, not to time.
 */
static void write_fields(struct vs_hypervisor *h, struct vs_txn *t, const uint32_t *list)
{
    for (; *list; list++) {
        uint64_t value = 0;
        /* the field's present value, untimed: the handler has it in a register */
        h->vmcs.vmread(h->vmcs.ctx, NULL, *list, &value);
        h->vmcs.vmwrite(h->vmcs.ctx, t, *list, value);
        h->count[VS_CNT_hypervisor_vmwrites]++;
    }
}

static void user_space(struct vs_hypervisor *h, struct vs_txn *t)
{
    h->count[VS_CNT_hypervisor_user_exits]++;
    charge(h, t, VS_ACC_hypervisor_user_switch, h->switch_ps);
    run(h, t, h->cfg.user_instructions, VS_HV_USER_CODE, h->cfg.user_code, VS_HV_USER_DATA,
        h->cfg.user_data);
}

/* Guest memory without a frame gets one; anything else is a device for user space. */
static bool map_page(struct vs_hypervisor *h, struct vs_txn *t, const struct vs_hv_exit *exit,
                     bool *user)
{
    vs_gpa at = {exit->guest_physical};
    vs_hpa frame = {0};
    unsigned shift = 12;
    if (!h->slat.is_memory(h->slat.ctx, at)) {
        h->count[VS_CNT_hypervisor_mmio]++;
        *user = true;
        return true;
    }
    if (!h->slat.map(h->slat.ctx, t, at, &shift, &frame)) {
        return false;
    }
    h->count[VS_CNT_hypervisor_pages_mapped]++;
    if (h->cfg.zero_page) {
        touch(h, t, VS_HV_DIRECT + frame.v, 1ull << shift, VS_REF_WRITE);
    }
    return true;
}

enum vs_hv_result vs_hv_handle(struct vs_hypervisor *h, struct vs_txn *t, enum vs_op op,
                               const struct vs_hv_exit *exit)
{
    const struct program *p = NULL;
    for (size_t i = 0; i < N && !p; i++) {
        p = programs[i].handler == op ? &programs[i] : NULL;
    }
    if (!p) {
        return VS_HV_FAIL;
    }
    const struct vs_hypervisor_config *c = &h->cfg;
    const uint32_t *read, *write;
    bool user = knob(h, p->user) != 0, good = true;
    uint64_t index = (uint64_t)(p - programs);
    vs__hv_fields(op, &read, &write);
    vs_open(t, op);
    h->count[VS_CNT_hypervisor_exits]++;
    charge(h, t, VS_ACC_hypervisor_rsb_fill, h->rsb_ps);
    charge(h, t, VS_ACC_hypervisor_spec_ctrl, h->spec_ps);
    charge(h, t, VS_ACC_hypervisor_fixed, h->fixed_ps);
    run(h, t, c->common_instructions, VS_HV_CODE, c->common_code, h->data_at, c->common_data);
    if (c->common_vmcs) {
        read_fields(h, t, vs__hv_common_read);
        read_fields(h, t, read);
    }
    /* each program has its own code; data follows the common area */
    run(h, t, knob(h, p->instructions), VS_HV_CODE + 0x100000u + index * 0x10000u, knob(h, p->code),
        h->data_at + 0x8000u + index * 0x1000u, knob(h, p->data));
    if (op == VS_OP_HANDLER_EPT_VIOLATION) {
        good = map_page(h, t, exit, &user);
    }
    touch(h, t, h->data_at + 0x1c000u, knob(h, p->copy), VS_REF_WRITE);
    if (user) {
        user_space(h, t);
    }
    if (c->common_vmcs) {
        write_fields(h, t, write);
    }
    charge(h, t, VS_ACC_hypervisor_l1d_flush, h->flush_ps);
    charge(h, t, VS_ACC_hypervisor_spec_ctrl, h->spec_ps);
    vs_close(t);
    return !good ? VS_HV_FAIL : op == VS_OP_HANDLER_HLT ? VS_HV_HALT : VS_HV_RESUME;
}

void vs_hv_wake(struct vs_hypervisor *h, struct vs_txn *t, uint64_t slept_ps)
{
    if (slept_ps <= h->cfg.halt_poll_ns * 1000u) {
        h->count[VS_CNT_hypervisor_polls]++;
        return;
    }
    h->count[VS_CNT_hypervisor_blocks]++;
    charge(h, t, VS_ACC_hypervisor_block, h->block_ps);
    charge(h, t, VS_ACC_hypervisor_wake, h->wake_ps);
}
