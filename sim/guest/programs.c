/* SPDX-License-Identifier: MIT */
/*
 * The programs of the guest's kernel (scripts/lua/kernels): what their steps do that is more than
 * instructions, code and data. How long a path is stands in its file alone.
 */
#include "guest/guest.h"

#include <stdio.h>

static const char *const names[] = {
#define GUEST_PROGRAM(e, name) name,
    GUEST_PROGRAMS(GUEST_PROGRAM)
#undef GUEST_PROGRAM
};

void guest_programs_check(struct vs_platform *p, struct vs_errors *errors)
{
    const struct vs_program_set *set = p->programs[VS_ROLE_GUEST];
    for (int i = 0; i < GUEST_PROGRAM_N; i++) {
        p->kernel_program[i] = vs_program_set_find(set, names[i]);
        if (p->kernel_program[i] == VS_PROGRAM_NONE) {
            vs_error(errors,
                     "%s: has no program '%s', which every guest needs; base = \"linux\" gives "
                     "what a file does not state",
                     set->desc->file, names[i]);
        }
    }
    if (p->program_values[VS_ROLE_GUEST]) {
        vs_program_set_check(set, p->program_values[VS_ROLE_GUEST], errors);
    }
}

/* ---- the processor, faults and all ---- */

/* One reference of the kernel's, through its address space. */
static void core_touch(void *ctx, struct vs_txn *t, vs_gva at, enum vs_ref ref)
{
    (void)t; /* a core has one time line */
    (void)guest_touch(ctx, at.v, ref);
}

/* The lines of a range, one after the other. */
static void core_touches(void *ctx, struct vs_txn *t, vs_gva at, uint64_t bytes, enum vs_ref ref)
{
    (void)t;
    guest_touches(ctx, at.v, bytes, ref);
}

/* Instructions of the kernel's. */
static void core_work(void *ctx, struct vs_txn *t, uint16_t account, uint64_t n)
{
    vcpu_work(ctx, t, account, n);
}

/* ---- what steps ask for ---- */

/* Whether a step's condition holds. */
static bool holds(void *ctx, enum vs_predicate p, bool taken)
{
    struct vs_vcpu *v = ctx;
    (void)taken;
    switch (p) {
    case VS_WHEN_FLUSH_REQUESTED:
        return v->work->vector == vcpu_numbers(v)->shootdown;
    case VS_WHEN_UNMAPPED:
        return guest_dma_unmapped(v, v->work);
    case VS_WHEN_UNMAPS:
        return guest_dma_unmaps(v, v->work);
    case VS_WHEN_FRESH:
        return v->work->fresh;
    case VS_WHEN_STRICT:
        return guest_dma_strict(v);
    case VS_WHEN_CACHING:
        return guest_dma_caching(v);
    case VS_WHEN_QUEUE_FULL:
        return guest_dma_full(v);
    default: /* always; no word of a kernel's */
        return true;
    }
}

/* What a step has C do; false: the program ends there. */
static bool action(void *ctx, struct vs_txn *t, enum vs_action a)
{
    struct vs_vcpu *v = ctx;
    (void)t;
    switch (a) {
    case VS_ACTION_GIVE_FRAME:
        return guest_mm_give_frame(v, v->work);
    case VS_ACTION_QUEUE:
        guest_tlb_queue(v, v->work);
        break;
    case VS_ACTION_ACKNOWLEDGE:
        guest_tlb_acknowledge(v, v->work);
        break;
    case VS_ACTION_PREPARE:
        guest_vf_prepare(v, v->work);
        break;
    case VS_ACTION_TAKE:
        guest_vf_take(v, v->work);
        break;
    case VS_ACTION_BEGIN_MAP:
    case VS_ACTION_BEGIN_UNMAP:
        guest_dma_begin(v, v->work, a == VS_ACTION_BEGIN_UNMAP);
        break;
    case VS_ACTION_END_MAPPING:
        guest_dma_end(v, v->work);
        break;
    case VS_ACTION_TAKE_ADDRESS:
        guest_dma_take_address(v, v->work);
        break;
    case VS_ACTION_FREE_ADDRESS:
        guest_dma_give_back(v, v->work);
        break;
    case VS_ACTION_DEFER:
        guest_dma_defer(v, v->work);
        break;
    case VS_ACTION_BEGIN_FLUSH:
        guest_dma_begin_flush(v, v->work);
        break;
    case VS_ACTION_END_FLUSH:
        guest_dma_end_flush(v);
        break;
    case VS_ACTION_LOCK_QUEUE:
        guest_dma_lock(v);
        break;
    case VS_ACTION_UNLOCK_QUEUE:
        guest_dma_unlock(v);
        break;
    case VS_ACTION_AWAIT_INVALIDATION:
        guest_dma_await(v);
        break;
    default: /* no word of a kernel's */
        break;
    }
    return true;
}

/* The next one that a step goes round for; false: there is none. */
static bool next(void *ctx, enum vs_cursor c, uint64_t *k)
{
    struct vs_vcpu *v = ctx;
    switch (c) {
    case VS_EACH_TABLES:
        return guest_mm_edit_next(v, v->work, (*k)++);
    case VS_EACH_PIECES:
        return guest_vf_next(v, v->work);
    case VS_EACH_TARGETS:
        return guest_tlb_next_target(v, v->work, k);
    case VS_EACH_DEVICE_PAGES:
        return guest_dma_next_page(v, v->work);
    case VS_EACH_DEVICE_TABLES:
        return guest_dma_next_table(v->work, (*k)++);
    case VS_EACH_DESCRIPTORS:
        return guest_dma_next_descriptor(v, v->work);
    case VS_EACH_DEFERRED:
        return guest_dma_next_deferred(v);
    default:
        return guest_tlb_next_shot(v, v->work, k);
    }
}

/* A step clears the table or the page at hand. */
static void clear(void *ctx, struct vs_txn *t, enum vs_spot at)
{
    struct vs_vcpu *v = ctx;
    const struct guest_work *w = v->work;
    (void)t;
    if (at == VS_AT_DEVICE_TABLE) {
        guest_clear(v, guest_mm_direct(v, w->table), 4096);
    } else if (at == VS_AT_TABLE) {
        guest_clear(v, guest_mm_direct(v, w->table), 1ull << v->space.format.granule);
    } else {
        guest_clear(v, w->page, w->bytes);
    }
}

/* A step reads or writes the place at hand. */
static void access(void *ctx, struct vs_txn *t, enum vs_spot at, enum vs_ref ref)
{
    struct vs_vcpu *v = ctx;
    struct guest_work *w = v->work;
    (void)t;
    switch (at) {
    case VS_AT_ENTRY:
        v->os_count[VS_CNT_os_table_stores] += ref == VS_REF_WRITE;
        (void)guest_touch(v, guest_mm_direct(v, w->entry), ref);
        break;
    case VS_AT_DEVICE_ENTRY:
    case VS_AT_INVALIDATION: /* 16 bytes, in one line */
        (void)guest_touch(v, guest_mm_direct(v, w->entry), ref);
        break;
    case VS_AT_BUFFER:
        guest_touches(v, w->buffer, w->length, ref);
        break;
    case VS_AT_DESCRIPTOR:
        guest_vf_descriptor(v, w, ref);
        break;
    case VS_AT_TABLE:
        guest_touches(v, guest_mm_direct(v, w->table), 1ull << v->space.format.granule, ref);
        break;
    case VS_AT_DEVICE_TABLE:
        guest_touches(v, guest_mm_direct(v, w->table), 4096, ref);
        break;
    case VS_AT_PAGE:
        guest_touches(v, w->page, w->bytes, ref);
        break;
    case VS_AT_N:
        break;
    }
}

/* A step executes an instruction that may leave the guest. */
static void trap(void *ctx, struct vs_txn *t, enum vs_instruction i)
{
    struct vs_vcpu *v = ctx;
    struct guest_work *w = v->work;
    (void)t;
    switch (i) {
    case VS_INSTRUCTION_END_OF_INTERRUPT:
        vcpu_irq_end(v, w->vector);
        break;
    case VS_INSTRUCTION_NMI_RETURN:
        vcpu_nmi_return(v);
        break;
    case VS_INSTRUCTION_INTERRUPT_COMMAND:
        vcpu_send_ipi(v, w->target, vcpu_numbers(v)->shootdown);
        break;
    case VS_INSTRUCTION_LOAD_ROOT:
        guest_mm_load_cr3(v, w->root);
        break;
    case VS_INSTRUCTION_INVALIDATE:
        guest_tlb_drop(v, w);
        break;
    case VS_INSTRUCTION_HYPERCALL:
        guest_tlb_call(v);
        break;
    case VS_INSTRUCTION_HALT:
        vcpu_sleep(v);
        break;
    case VS_INSTRUCTION_N:
        break;
    }
}

/* A step sends a message: it writes the tail of the function's queue, or of the invalidation queue.
 */
static void send(void *ctx, struct vs_txn *t, enum vs_message m)
{
    struct vs_vcpu *v = ctx;
    (void)t;
    if (m == VS_MESSAGE_INVALIDATION_TAIL) {
        guest_dma_ring(v);
    } else {
        guest_vf_ring(v, v->work);
    }
}

/* ---- making and running ---- */

enum vs_status guest_programs_make(struct vs_vcpu *v)
{
    struct vs_platform *p = v->p;
    const struct vs_program_set *set = p->programs[VS_ROLE_GUEST];
    v->software = (struct vs_software){
        .set = set,
        .account = vs_ledger_accounts(p->ledger, &set->component),
        .at = {.code = p->layout.code, .data = p->layout.data, .shared = VS_PROGRAM_GUEST_SHARED},
        .core = {.ctx = v, .touch = core_touch, .touches = core_touches, .work = core_work},
        .world = {.ctx = v,
                  .holds = holds,
                  .action = action,
                  .next = next,
                  .clear = clear,
                  .access = access,
                  .trap = trap,
                  .send = send}};
    return vs_software_bind(&v->software, p->program_values[VS_ROLE_GUEST], v->hw->clock.period_ps);
}

bool guest_run(struct vs_vcpu *v, enum guest_program which, struct guest_work *w)
{
    struct guest_work *outer = v->work;
    v->work = w;
    enum vs_program_end end = vs_program_run(&v->software, &v->txn, v->p->kernel_program[which]);
    v->work = outer;
    return end != VS_PROGRAM_FAILED;
}
