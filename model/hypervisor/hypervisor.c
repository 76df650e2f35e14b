/* SPDX-License-Identifier: MIT */
/* What programs ask of the world around them, and the exits that start them. */
#include "hypervisor/hypervisor_impl.h"

#include <string.h>

#define VS_DEF_NAME hypervisor
#define VS_DEF_FILE "hypervisor/hypervisor.def"
#include "virtsim/def_tables.h"

/* One vCPU's part of VS_HV_DATA: the programs', then source and destination of copies. */
#define DATA_COPY (VS_PROGRAM_DATA + VS_PROGRAM_TRAPS * VS_PROGRAM_TRAP_DATA)
#define COPY_BYTES 0x2000u /* of each */
#define DATA_BYTES (DATA_COPY + 2u * COPY_BYTES)
#define DATA_PARTS (VS_HV_AREA_BYTES / DATA_BYTES) /* vCPUs that have their own */

#define RFLAGS_IF (1u << 9)
#define NMI_VECTOR 2u
#define INVALID_OPCODE 6u

_Static_assert(VS_PROGRAM_CODE + VS_PROGRAM_TRAPS * VS_PROGRAM_TRAP_CODE <= VS_HV_AREA_BYTES,
               "programs' code leaves its area");

void vs_hv_affect(struct vs_hypervisor *h, const struct vs_hv_affected *by)
{
    h->affected = *by;
    h->l1d_due = true;
}

enum { L1D_NEVER, L1D_COND, L1D_ALWAYS }; /* hypervisor.l1d_flush */

/* ---- what a program asks ---- */

/* Time of state that is read and written, unless the machine states its handlers as one sum. */
static struct vs_txn *timed(const struct vs_hypervisor *h, struct vs_txn *t)
{
    return h->cfg.common_vmcs ? t : NULL;
}

/* Reads a field of the guest's state, and counts it where it takes time. */
static uint64_t read_field(struct vs_hypervisor *h, struct vs_txn *t, enum vs_state field)
{
    uint64_t value = 0;
    t = timed(h, t);
    h->state.read(h->state.ctx, t, field, &value);
    h->count[VS_CNT_hypervisor_vmreads] += t != NULL;
    h->value[field] = value;
    return value;
}

/* Writes a field of the guest's state, and counts it where it takes time. */
static void write_field(struct vs_hypervisor *h, struct vs_txn *t, enum vs_state field,
                        uint64_t value)
{
    t = timed(h, t);
    h->state.write(h->state.ctx, t, field, value);
    h->count[VS_CNT_hypervisor_vmwrites] += t != NULL;
}

/* Reads the fields that a step of a program names. */
static void port_read(void *ctx, struct vs_txn *t, const uint8_t *what, unsigned n)
{
    struct vs_hypervisor *h = ctx;
    if (h->state.read_all) {
        t = timed(h, t);
        h->state.read_all(h->state.ctx, t, what, n, h->value);
        h->count[VS_CNT_hypervisor_vmreads] += t ? n : 0;
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        (void)read_field(h, t, (enum vs_state)what[i]);
    }
}

/* KVM's __grow_ple_window and __shrink_ple_window: by a factor where that is smaller than the
 * first window, else by so much. */
static uint64_t grown(const struct vs_hypervisor *h, uint64_t now)
{
    uint64_t by = h->cfg.ple_grow, first = h->first_spin;
    uint64_t next = !by ? first : by < first ? now * by : now + by;
    return by && next > h->cfg.ple_max ? h->cfg.ple_max : next;
}

void vs__hv_set_spin(struct vs_hypervisor *h, struct vs_txn *t, uint64_t now, uint64_t next,
                     unsigned counter)
{
    if (next != now) {
        h->count[counter]++;
        write_field(h, t, VS_STATE_SPIN, next);
    }
}

/* An instruction that is emulated was the one behind STI: kvm_skip_emulated_instruction ends what
 * that held back (vmx_set_interrupt_shadow, which looks at the field first;
 * svm_set_interrupt_shadow). */
static void end_shadow(struct vs_hypervisor *h, struct vs_txn *t)
{
    write_field(h, t, VS_STATE_INTERRUPTIBILITY, 0);
    h->state.read(h->state.ctx, NULL, VS_STATE_INTERRUPTIBILITY,
                  &h->value[VS_STATE_INTERRUPTIBILITY]);
}

/* What a step writes. What software keeps in memory, or in a register, is looked at untimed. */
static void port_write(void *ctx, struct vs_txn *t, enum vs_state what, enum vs_state_value kind)
{
    struct vs_hypervisor *h = ctx;
    uint64_t value = 0, vector = h->exit->inject;
    const uint32_t made = 1u << VS_VALUE_VECTOR | 1u << VS_VALUE_VECTORED |
                          1u << VS_VALUE_UNDEFINED | 1u << VS_VALUE_NMI | 1u << VS_VALUE_HIGHEST;
    _Static_assert(VS_VALUE_N < 32, "a bit for each");
    if (!(made >> kind & 1u)) {
        h->state.read(h->state.ctx, NULL, what, &value);
    }
    switch (kind) {
    case VS_VALUE_NEXT:
        value = h->value[VS_STATE_PC] + h->value[VS_STATE_LENGTH];
        if (vs_unlikely(h->value[VS_STATE_INTERRUPTIBILITY] & VS_BLOCKS_SHADOW)) {
            end_shadow(h, t);
        }
        break;
    case VS_VALUE_CLOSED:
        value &= ~(uint64_t)VS_CONTROLS_WINDOW;
        break;
    case VS_VALUE_OPEN:
        value |= VS_CONTROLS_WINDOW;
        break;
    case VS_VALUE_VECTOR:
        value = VS_EVENT_VALID | vector;
        break;
    case VS_VALUE_NMI:
        value = VS_EVENT_VALID | VS_EVENT_NMI | NMI_VECTOR;
        break;
    case VS_VALUE_NMI_OPEN:
        if (value & VS_CONTROLS_NMI_WINDOW) {
            return; /* exec_controls_setbit looks at its copy first */
        }
        value |= VS_CONTROLS_NMI_WINDOW;
        break;
    case VS_VALUE_NMI_CLOSED:
        value &= ~(uint64_t)VS_CONTROLS_NMI_WINDOW;
        break;
    case VS_VALUE_VECTORED:
        value = VS_EVENT_VALID | (h->value[VS_STATE_VECTORING] & VS_EVENT_VECTOR);
        break;
    case VS_VALUE_UNDEFINED:
        value = VS_EVENT_VALID | VS_EVENT_EXCEPTION | INVALID_OPCODE;
        h->threw = true;
        break;
    case VS_VALUE_GROWN:
        h->first_spin = h->first_spin ? h->first_spin : value;
        vs__hv_set_spin(h, t, value, grown(h, value), VS_CNT_hypervisor_spins_grown);
        return;
    case VS_VALUE_HIGHEST:
        value = h->value[what] > vector ? h->value[what] : vector;
        break;
    case VS_VALUE_KEEP:
    case VS_VALUE_READ:
    case VS_VALUE_N:
        break;
    }
    write_field(h, t, what, value);
}

/* The exit is about a device: it says so, or its address is none of the guest's memory. */
static bool of_device(const struct vs_hypervisor *h)
{
    const struct vs_hv_exit *e = h->exit;
    vs_gpa at = {e->guest_physical};
    bool fault = h->trap == VS_TRAP_STAGE2_FAULT && !e->fast;
    return fault ? !h->slat.is_memory(h->slat.ctx, at) : e->device;
}

/* Nothing but RFLAGS.IF can hold an interrupt back: no instruction does, nor an NMI that the entry
 * carries. */
static bool unblocked(const struct vs_hypervisor *h)
{
    return !(h->value[VS_STATE_INTERRUPTIBILITY] & ~(uint64_t)VS_BLOCKS_NMI) && !h->nmi_injected;
}

/* User space is asked. Apart, as a call in port_holds would have every condition save registers. */
static __attribute__((noinline)) bool asks_user(const struct vs_hypervisor *h, bool taken)
{
    const struct vs_hv_exit *e = h->exit;
    return ((taken && !e->eventfd && !vs__hv_in_kernel(&h->cfg, e->port, e->io)) || e->user) &&
           !h->been_in_user;
}

/* Says whether a condition of a program holds. */
static bool port_holds(void *ctx, enum vs_predicate p, bool taken)
{
    const struct vs_hypervisor *h = ctx;
    const struct vs_hv_exit *e = h->exit;
    switch (p) {
    case VS_WHEN_FAST:
        return e->fast;
    case VS_WHEN_DEVICE:
        return of_device(h);
    case VS_WHEN_MISSING:
        return h->trap == VS_TRAP_STAGE2_FAULT && !e->fast && !e->nested && !of_device(h);
    case VS_WHEN_NESTED_MISSING:
        return h->trap == VS_TRAP_STAGE2_FAULT && !e->fast && e->nested;
    case VS_WHEN_DECODED:
        return !e->undecoded;
    case VS_WHEN_VECTORING:
        return h->value[VS_STATE_VECTORING] & VS_EVENT_VALID;
    case VS_WHEN_RSB:
        return h->cfg.mitigations && h->affected.spectre_v2;
    case VS_WHEN_IBRS:
        return h->cfg.mitigations && h->affected.retbleed && !h->affected.amd;
    case VS_WHEN_UNTRAIN:
        return h->cfg.mitigations && h->affected.retbleed && h->affected.amd;
    case VS_WHEN_VERW:
        return h->cfg.mitigations && h->affected.mds;
    case VS_WHEN_BHB:
        return h->cfg.mitigations && h->affected.bhb;
    case VS_WHEN_IBPB:
        return h->cfg.ibpb_on_exit;
    case VS_WHEN_HOST_MSRS:
        return h->cfg.host_registers;
    case VS_WHEN_L1D_FLUSH: /* vmx_l1d_flush */
        return h->cfg.mitigations && h->affected.l1tf &&
               (h->cfg.l1d_flush == L1D_ALWAYS || (h->cfg.l1d_flush == L1D_COND && h->l1d_due));
    case VS_WHEN_USER:
        return asks_user(h, taken);
    case VS_WHEN_EVENTFD:
        return e->eventfd;
    case VS_WHEN_INJECT:
        return e->inject != 0;
    case VS_WHEN_INJECTED:
        return h->injected;
    case VS_WHEN_MORE:
        return h->injected && e->more;
    case VS_WHEN_VIRTUAL_DELIVERY:
        return e->virtual_delivery;
    case VS_WHEN_UNBLOCKED:
        return unblocked(h);
    case VS_WHEN_INTERRUPTIBLE:
        return unblocked(h) && h->value[VS_STATE_FLAGS] & RFLAGS_IF;
    case VS_WHEN_NMI:
        return e->nmi;
    case VS_WHEN_NMI_OPEN:
        return !h->value[VS_STATE_INTERRUPTIBILITY];
    case VS_WHEN_NMI_VIRTUAL:
        return e->virtual_nmi;
    case VS_WHEN_NMI_LEFT:
        return !h->nmi_held || e->more_nmis;
    case VS_WHEN_NMI_WAITS:
        return !h->nmi_injected || (e->more_nmis && !h->nmi_held);
    default: /* about a guest hypervisor; always; or no word of a hypervisor's */
        return vs__hv_nested_holds(h, p);
    }
}

/* What knobs and the processor decide. */
static bool port_settled(void *ctx, enum vs_predicate p)
{
    const struct vs_hypervisor *h = ctx;
    switch (p) {
    case VS_WHEN_RSB:
    case VS_WHEN_IBRS:
    case VS_WHEN_UNTRAIN:
    case VS_WHEN_VERW:
    case VS_WHEN_BHB:
    case VS_WHEN_IBPB:
    case VS_WHEN_HOST_MSRS:
        return true;
    case VS_WHEN_L1D_FLUSH:
        return !h->cfg.mitigations || !h->affected.l1tf;
    case VS_WHEN_NESTED:
    case VS_WHEN_NESTED_MISSING:
        return !h->cfg.nesting;
    default:
        return false;
    }
}

/* The page of h->page gets a frame. */
static bool map(struct vs_hypervisor *h, struct vs_txn *t, unsigned *shift)
{
    if (!h->slat.map(h->slat.ctx, t, h->page, shift, &h->frame)) {
        return false;
    }
    h->shift = *shift;
    h->count[VS_CNT_hypervisor_pages_mapped]++;
    return true;
}

/* Does what a step of a program does beyond its instructions. */
static bool port_action(void *ctx, struct vs_txn *t, enum vs_action a)
{
    struct vs_hypervisor *h = ctx;
    const struct vs_hv_exit *e = h->exit;
    unsigned shift = 12;
    switch (a) {
    case VS_ACTION_WORK:
        if (e->work) {
            e->work(e->ctx, t);
            h->exit = e; /* it may have started a program of its own */
        }
        break;
    case VS_ACTION_READ_LOG:
        if (e->log) {
            e->log(e->log_ctx, t);
        }
        break;
    case VS_ACTION_FLUSH_L1D:
        h->count[VS_CNT_hypervisor_l1d_flushes]++;
        h->l1d_due = false;
        h->affected.flush_l1d(h->affected.ctx, t);
        break;
    case VS_ACTION_MAP:
        h->page.v = e->guest_physical;
        if (!map(h, t, &shift)) {
            return false;
        }
        h->group_shift = shift;
        break;
    case VS_ACTION_MAP_AROUND:
        shift = h->group_shift;
        h->count[VS_CNT_hypervisor_pages_around]++;
        return map(h, t, &shift);
    case VS_ACTION_USER_EXIT:
        h->count[VS_CNT_hypervisor_user_exits]++;
        h->been_in_user = h->l1d_due = true;
        break;
    case VS_ACTION_DEVICE_DOMAIN:
    case VS_ACTION_OWN_DOMAIN:
        vs__hv_domain(h, a == VS_ACTION_DEVICE_DOMAIN);
        break;
    case VS_ACTION_EMULATED:
        h->l1d_due = true;
        h->count[VS_CNT_hypervisor_mmio]++;
        break;
    case VS_ACTION_INJECTED:
        h->count[VS_CNT_hypervisor_injections]++;
        h->injected = true;
        break;
    case VS_ACTION_WINDOW:
        h->count[VS_CNT_hypervisor_windows]++;
        h->windowed = true;
        break;
    case VS_ACTION_NMI_INJECTED:
        h->count[VS_CNT_hypervisor_nmis]++;
        h->nmi_injected = true;
        break;
    case VS_ACTION_NMI_HELD:
        h->count[VS_CNT_hypervisor_nmis]++;
        h->nmi_held = true;
        break;
    case VS_ACTION_NMI_WINDOW:
        h->count[VS_CNT_hypervisor_nmi_windows]++;
        h->nmi_windowed = true;
        break;
    default: /* about a guest hypervisor; nothing; or no word of a hypervisor's */
        return vs__hv_nested(h, t, a);
    }
    return true;
}

/* Whether an action only counts, or finds nothing to do. */
static bool port_quiet(void *ctx, enum vs_action a)
{
    const struct vs_hypervisor *h = ctx;
    switch (a) {
    case VS_ACTION_WORK:
        return !h->exit->work;
    case VS_ACTION_READ_LOG:
        return !h->exit->log;
    case VS_ACTION_USER_EXIT:
    case VS_ACTION_DEVICE_DOMAIN:
    case VS_ACTION_OWN_DOMAIN:
    case VS_ACTION_EMULATED:
    case VS_ACTION_INJECTED:
    case VS_ACTION_WINDOW:
    case VS_ACTION_NMI_INJECTED:
    case VS_ACTION_NMI_HELD:
    case VS_ACTION_NMI_WINDOW:
    case VS_ACTION_NONE:
        return true;
    default:
        return false;
    }
}

/* The next page of the aligned group around the one that was mapped that has no frame. */
static bool port_next(void *ctx, enum vs_cursor c, uint64_t *k)
{
    struct vs_hypervisor *h = ctx;
    const struct vs_slat_port *s = &h->slat;
    bool alone = !s->backed || (s->page_shift && h->group_shift != s->page_shift);
    uint64_t n = alone ? 1u : h->cfg.fault_around, at = h->exit->guest_physical >> h->group_shift,
             first = at & ~(n - 1u);
    (void)c; /* the only one */
    while (*k < n && n > 1) {
        uint64_t page = first + (*k)++;
        vs_gpa next = {page << h->group_shift};
        if (page != at && s->is_memory(s->ctx, next) && !s->backed(s->ctx, next)) {
            h->page = next;
            return true;
        }
    }
    return false;
}

/* Clears the page that is given to the guest. */
static void port_clear(void *ctx, struct vs_txn *t, enum vs_spot at)
{
    struct vs_hypervisor *h = ctx;
    (void)at; /* the page is all there is */
    vs_gva page = {h->direct_at + h->frame.v};
    h->core.store_string(h->core.ctx, t, page, 1ull << h->shift);
}

/* Sends the hypervisor's message: a kick. */
static void port_send(void *ctx, struct vs_txn *t, enum vs_message m)
{
    struct vs_hypervisor *h = ctx;
    (void)m; /* a hypervisor's only one */
    if (h->kick) {
        h->kick(h->kick_ctx, t);
    }
}

/* ---- making one ---- */

static const char *const entry_names[] = {
#define VS_HV_ENTRY(e, name) name,
    VS_HV_ENTRIES(VS_HV_ENTRY)
#undef VS_HV_ENTRY
};

static const struct vs_hv_exit no_exit;

/* How long such a program takes, and its account; of none: no time. */
static void stretch(const struct vs_hypervisor *h, enum vs_hv_entry entry, uint64_t *ps,
                    uint16_t *account)
{
    const struct vs_software *s = &h->software;
    *ps = 0;
    *account = h->account;
    if (h->entry[entry] != VS_PROGRAM_NONE) {
        const struct vs_program *p = &s->set->program[h->entry[entry]];
        *ps = s->step[p->first].number[VS_NUMBER_CYCLES];
        *account = (uint16_t)(s->account + p->step[0].account);
    }
}

enum vs_status vs_hv_init(struct vs_hypervisor *h, const struct vs_hypervisor_config *c,
                          const struct vs_program_set *set, const uint64_t *values,
                          struct vs_ledger *ledger, struct vs_clock clock, unsigned vcpu,
                          const struct vs_core_port *core, const struct vs_state_port *state,
                          const struct vs_slat_port *slat)
{
    memset(h, 0, sizeof *h);
    h->cfg = *c;
    h->account = vs_ledger_accounts(ledger, &vs_hypervisor_desc);
    h->core = *core;
    h->state = *state;
    h->slat = *slat;
    h->direct_at = VS_HV_DIRECT;
    h->data_at = VS_HV_DATA + (uint64_t)(vcpu % DATA_PARTS) * DATA_BYTES;
    h->exit = &no_exit;
    for (int i = 0; i < VS_HV_ENTRY_N; i++) {
        h->entry[i] = vs_program_set_find(set, entry_names[i]);
    }
    h->software = (struct vs_software){.set = set,
                                       .account = vs_ledger_accounts(ledger, &set->component),
                                       .at = {.code = VS_HV_CODE,
                                              .data = h->data_at,
                                              .user_code = VS_HV_USER_CODE,
                                              .user_data = VS_HV_USER_DATA,
                                              .copy = h->data_at + DATA_COPY,
                                              .copy_bytes = COPY_BYTES},
                                       .core = *core,
                                       .world = {.ctx = h,
                                                 .holds = port_holds,
                                                 .settled = port_settled,
                                                 .action = port_action,
                                                 .next = port_next,
                                                 .clear = port_clear,
                                                 .read = port_read,
                                                 .write = port_write,
                                                 .quiet = port_quiet,
                                                 .send = port_send,
                                                 .state_apart = state->apart}};
    enum vs_status st = vs_software_bind(&h->software, values, clock.period_ps);
    if (!st) {
        stretch(h, VS_HV_ENTRY_BLOCK, &h->block_ps, &h->block_account);
        stretch(h, VS_HV_ENTRY_WAKE, &h->wake_ps, &h->wake_account);
    }
    return st;
}

void vs_hv_free(struct vs_hypervisor *h)
{
    vs_software_free(&h->software);
}

/* ---- exits ---- */

/* Traps whose handlers KVM marks as leaving in L1D what a guest must not see: kvm_mmu_page_fault,
 * x86_emulate_instruction, and any interrupt handler of the host (kvm_set_cpu_l1tf_flush_l1d). */
static bool unsafe(enum vs_trap_kind trap)
{
    return trap == VS_TRAP_STAGE2_FAULT || trap == VS_TRAP_MMIO || trap == VS_TRAP_EXCEPTION ||
           trap == VS_TRAP_APIC_ACCESS || trap == VS_TRAP_INTERRUPT;
}

/* The handler is over. */
static enum vs_hv_result handled(struct vs_hypervisor *h, struct vs_txn *t, enum vs_program_end end)
{
    h->exit = &no_exit;
    vs_close(t);
    return end == VS_PROGRAM_FAILED  ? VS_HV_FAIL
           : end == VS_PROGRAM_WAITS ? VS_HV_HALT
                                     : VS_HV_RESUME;
}

enum vs_hv_result vs_hv_handle(struct vs_hypervisor *h, struct vs_txn *t, enum vs_trap_kind trap,
                               const struct vs_hv_exit *exit)
{
    uint16_t program = trap < VS_TRAP_N ? h->software.set->by_trap[trap] : VS_PROGRAM_NONE;
    if (program == VS_PROGRAM_NONE) {
        return VS_HV_NOTHING;
    }
    vs_open(t, vs_trap_handler(trap));
    h->count[VS_CNT_hypervisor_exits]++;
    h->exit = exit;
    h->trap = trap;
    h->been_in_user = h->injected = h->windowed = h->threw = false;
    h->nmi_injected = h->nmi_windowed = h->nmi_held = false;
    h->value[VS_STATE_VECTORING] = 0;
    h->value[VS_STATE_PC] = h->value[VS_STATE_LENGTH] = 0;
    h->l1d_due = h->l1d_due || unsafe(trap);
    struct vs_program_place at = {0};
    bool steps = exit->stop.asked != NULL;
    return handled(h, t,
                   steps ? vs_program_run_from(&h->software, t, program, &at, &exit->stop)
                         : vs_program_run(&h->software, t, program));
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

void vs_hv_threshold(struct vs_hypervisor *h, struct vs_txn *t, uint64_t priority)
{
    write_field(h, t, VS_STATE_THRESHOLD, priority);
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
