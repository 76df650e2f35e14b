/* SPDX-License-Identifier: MIT */
/* A translator of guests (model/tcg) as a process of the host: where guest memory and translated
 * code lie in it, which programs its paths are, what a vCPU does through it. */
#include "host/tcg.h"

#include "host/translated.h"

#include "host/host.h"

#include <stdlib.h>

/* In the process's half of the host's address space, below its map of memory. */
#define CODE_AT 0x100000000000u
#define RAM_AT 0x200000000000u
#define LARGE 21u /* QEMU asks for huge pages for both */

/* TCG's part of a vCPU. */
static struct host_tcg *of(const struct vs_vcpu *v)
{
    return v->translator_ctx;
}

/* ---- the process's memory ---- */

/* A page of guest memory is mapped in the process. */
static bool map_ram(struct vs_vcpu *v, uint64_t gpa, uint64_t hpa, unsigned shift)
{
    const uint64_t mask = (1ull << shift) - 1u, hva = RAM_AT + gpa;
    uint64_t there;
    return vs_space_find(&v->hw->host_space, hva, &there) ||
           vs_space_map_at(&v->hw->host_space, hva & ~mask, hpa & ~mask, shift, true) == VS_OK;
}

/* Where guest memory lies in QEMU's address space, made when it is first used. */
static bool ram(void *ctx, struct vs_txn *t, uint64_t gpa, uint64_t *hva, uint64_t *hpa)
{
    struct vs_vcpu *v = ctx;
    const uint64_t page = gpa >> VS_TCG_PAGE_SHIFT, offset = gpa & ((1u << VS_TCG_PAGE_SHIFT) - 1u);
    const size_t slot = page % HOST_TCG_SEEN;
    unsigned shift;
    *hva = RAM_AT + gpa;
    if (of(v)->seen[slot].page == page + 1u) {
        *hpa = of(v)->seen[slot].hpa + offset;
        return true;
    }
    if (!vs_vm_leaf(v->vm, gpa, hpa, &shift) &&
        (!vs_hv_back(&v->hv, t, (vs_gpa){gpa}) || !vs_vm_leaf(v->vm, gpa, hpa, &shift))) {
        return false;
    }
    of(v)->seen[slot].page = page + 1u;
    of(v)->seen[slot].hpa = *hpa - offset;
    return map_ram(v, gpa, *hpa, shift);
}

/* The process's vCPU whose cache all of them use. */
static struct vs_vcpu *owner(const struct vs_vcpu *v)
{
    return &v->p->vcpu[0];
}

/* A large page of the cache is mapped where the vCPU runs; false: no memory is left for it. */
static bool map_code(struct vs_vcpu *v, uint64_t at)
{
    struct vs_space *first = &owner(v)->hw->host_space, *own = &v->hw->host_space;
    uint64_t hpa, there;
    if (!vs_space_find(first, at, &hpa) &&
        (vs_space_touch(first, at, LARGE, true, false) || !vs_space_find(first, at, &hpa))) {
        return false;
    }
    return vs_space_find(own, at, &there) || vs_space_map_at(own, at, hpa, LARGE, true) == VS_OK;
}

/* The address of translated code, for which memory is taken. */
static uint64_t cache(void *ctx, uint64_t offset)
{
    struct vs_vcpu *v = ctx;
    struct host_tcg *h = of(v);
    while (h->code_end <= offset + (1u << LARGE)) { /* a block may reach over the end */
        if (!map_code(v, CODE_AT + h->code_end)) {
            h->blocks.exhausted = true;
            break;
        }
        h->code_end += 1u << LARGE;
    }
    return CODE_AT + offset;
}

/* Takes a frame for QEMU. */
static bool frame(void *ctx, uint64_t *hpa)
{
    const struct vs_vcpu *v = ctx;
    return vs_frames_alloc(v->p->frames, VS_PAGE_4K_SHIFT, hpa);
}

/* Says whether an address is the guest's memory. */
static bool memory(void *ctx, uint64_t gpa)
{
    return vcpu_memory(ctx, gpa);
}

/* The guest's page tables as they are now. */
static void tables(void *ctx, struct vs_tcg_tables *out)
{
    const struct vs_vcpu *v = ctx;
    *out = (struct vs_tcg_tables){.format = &v->p->guest_format,
                                  .root = v->space.cr3,
                                  .supervisor = v->hw->ept.supervisor,
                                  .physical_bits = (unsigned)v->p->ept.physical_bits};
}

/* Backs a page that is touched free of charge. */
static void before_walk(void *ctx, uint64_t gva)
{
    struct vs_vcpu *v = ctx;
    if (v->free_touches) {
        v->p->guest.touch_free(v, (vs_gva){gva});
    }
}

/* ---- its programs ---- */

static const enum vs_hv_entry programs[VS_TCG_PATHS] = {
    [VS_TCG_SLOW] = VS_HV_ENTRY_TCG_SLOW,
    [VS_TCG_WALK] = VS_HV_ENTRY_TCG_WALK,
    [VS_TCG_FILL] = VS_HV_ENTRY_TCG_FILL,
    [VS_TCG_FLUSH] = VS_HV_ENTRY_TCG_FLUSH,
    [VS_TCG_FLUSH_PAGE] = VS_HV_ENTRY_TCG_FLUSH_PAGE,
    [VS_TCG_RAISE] = VS_HV_ENTRY_TCG_RAISE,
};

/* Runs one of TCG's paths. */
static void path(void *ctx, struct vs_txn *t, enum vs_tcg_path p)
{
    struct vs_vcpu *v = ctx;
    vs_hv_run(&v->hv, t, programs[p]);
}

/* Runs the loop of one of TCG's paths n times. */
static void rounds(void *ctx, struct vs_txn *t, enum vs_tcg_path p, uint64_t n)
{
    struct vs_vcpu *v = ctx;
    vs_hv_code(&v->hv, t, programs[p]);
    vs_hv_rounds(&v->hv, t, programs[p], n);
}

/* Runs one of the translator's paths. */
static void block_path(void *ctx, struct vs_txn *t, enum vs_translator_path p)
{
    struct vs_vcpu *v = ctx;
    vs_hv_run(&v->hv, t, host_translator_program(p));
}

/* Runs the loop of one of the translator's paths n times. */
static void block_rounds(void *ctx, struct vs_txn *t, enum vs_translator_path p, uint64_t n)
{
    struct vs_vcpu *v = ctx;
    vs_hv_code(&v->hv, t, host_translator_program(p));
    vs_hv_rounds(&v->hv, t, host_translator_program(p), n);
}

/* ---- its two parts ---- */

/* Where code lies, or the fault of fetching it. */
static bool place(void *ctx, struct vs_txn *t, uint64_t pc, uint32_t bytes, bool kernel,
                  struct vs_translator_place *out, struct vs_translation *fault)
{
    struct vs_tcg_place at;
    if (!vs_tcg_translate(&of(ctx)->tcg, t, pc, bytes, VS_REF_FETCH, kernel, &at, fault)) {
        return false;
    }
    *out = (struct vs_translator_place){at.hva, at.gpa};
    return true;
}

/* Tells the translator that code may have been written. */
static void written(void *ctx, struct vs_txn *t, uint64_t gpa, uint32_t bytes)
{
    vs_translator_written(&of(ctx)->blocks, t, gpa, bytes);
}

/* Forgets translated code whose addresses mean something else now. */
static void forget(void *ctx, struct vs_txn *t)
{
    vs_translator_forget(&of(ctx)->blocks, t);
}

/* Forgets translated code of one page. */
static void forget_page(void *ctx, struct vs_txn *t, uint64_t gva)
{
    vs_translator_forget_page(&of(ctx)->blocks, t, gva);
}

/* Leaves the block under way. */
static void leave_block(void *ctx)
{
    vs_translator_leave(&of(ctx)->blocks);
}

/* ---- what a vCPU does through it ---- */

/* The core has the fault, as if it were the processor's; or the run ends. */
static enum vs_cpu_stop stop(struct vs_vcpu *v, const struct vs_translation *fault)
{
    if (of(v)->tcg.exhausted || of(v)->blocks.exhausted) {
        vcpu_fail(v, "the translator gets no more memory (host.memory)");
    }
    v->hw->cpu.fault = *fault;
    return VS_CPU_FAULT;
}

/* Accesses memory through the softmmu. */
static enum vs_cpu_stop access_one(struct vs_vcpu *v, vs_gva at, uint32_t bytes, enum vs_ref ref,
                                   bool modifies)
{
    struct vs_tcg *c = &of(v)->tcg;
    struct vs_tcg_place place;
    struct vs_translation fault;
    if (ref == VS_REF_FETCH) {
        return vs_translator_fetch(&of(v)->blocks, &v->txn, at.v, bytes, v->kernel, &fault)
                   ? VS_CPU_DONE
                   : stop(v, &fault);
    }
    if (!vs_tcg_translate(c, &v->txn, at.v, bytes, ref, v->kernel, &place, &fault)) {
        return stop(v, &fault);
    }
    const vs_gva hva = {place.hva};
    if (modifies) {
        (void)vs_cpu_modify(&v->hw->cpu, hva, bytes);
    } else {
        (void)vs_cpu_access(&v->hw->cpu, hva, bytes, ref);
    }
    return VS_CPU_DONE;
}

/* Executes code at an address up to where it faults. */
static enum vs_cpu_stop code(struct vs_vcpu *v, vs_gva at, uint64_t bytes, uint64_t *done)
{
    struct vs_translation fault;
    return host_translator_code(v, &of(v)->blocks, at, bytes, done, &fault) ? VS_CPU_DONE
                                                                            : stop(v, &fault);
}

/* Executes instructions as translated code. */
static void instructions(struct vs_vcpu *v, uint16_t account, uint64_t n, bool placed)
{
    vs_translator_instructions(&of(v)->blocks, &v->txn, account, n, !placed);
}

/* How many host instructions guest instructions become. */
static uint64_t becomes(const struct vs_vcpu *v, uint64_t n)
{
    return vs_translator_becomes(&of(v)->blocks, n);
}

/* Raises an exception in the guest. */
static void exception(struct vs_vcpu *v)
{
    vs_tcg_raise(&of(v)->tcg, &v->txn);
}

static const struct vs_translator_port port = {access_one, code, instructions, becomes, exception};

/* ---- making it ---- */

enum vs_status host_tcg_make(struct vs_vcpu *v, const struct host_tcg_config *config,
                             struct vs_errors *errors)
{
    struct vs_platform *p = v->p;
    v->translator_ctx = v->world_ctx;
    struct vs_tcg *c = &of(v)->tcg;
    const struct vs_core_port core = vs_cpu_core_port(&v->hw->cpu);
    const struct vs_mem_port mem = vs_memory_core_port(&v->hw->core);
    const struct vs_tcg_wiring w = {.ledger = p->ledger,
                                    .phys = p->phys,
                                    .mem = mem,
                                    .core = core,
                                    .ctx = v,
                                    .tables = tables,
                                    .memory = memory,
                                    .ram = ram,
                                    .frame = frame,
                                    .path = path,
                                    .rounds = rounds,
                                    .before_walk = before_walk,
                                    .written = written,
                                    .forget = forget,
                                    .forget_page = forget_page,
                                    .leave_block = leave_block};
    const struct vs_translator_wiring blocks = {.ledger = p->ledger,
                                                .mem = mem,
                                                .core = core,
                                                .ctx = v,
                                                .place = place,
                                                .cache = cache,
                                                .frame = frame,
                                                .path = block_path,
                                                .rounds = block_rounds,
                                                .shares = v->index ? &of(owner(v))->blocks : NULL};
    if (vs_tcg_init(c, &config->tcg, &w) ||
        vs_translator_init(&of(v)->blocks, &config->blocks, &blocks)) {
        vs_error(errors, "host.memory is too small for the tables of vCPU %u's translator",
                 v->index);
        return VS_E_NOMEM;
    }
    v->translator = &port;
    v->guest_context = v->hw->host_context; /* all of it is the process's */
    vs_ledger_counters(p->ledger, v->guest, &vs_tcg_desc, c->count);
    vs_ledger_counters(p->ledger, v->guest, &vs_translator_desc, of(v)->blocks.count);
    v->world = vs_tcg_world(c);
    v->state = vs_tcg_state(c);
    return VS_OK;
}

void host_tcg_free(void *h)
{
    struct host_tcg *own = h;
    vs_tcg_free(&own->tcg);
    vs_translator_free(&own->blocks);
}

/* ---- instructions that drop translations ---- */

/* Flushes the softmmu on behalf of another vCPU. */
static void work_all(void *ctx, struct vs_txn *t)
{
    const struct vs_host_work *w = ctx;
    vs_tcg_flush(&of(w->v)->tcg, t);
}

/* Flushes one page of the softmmu on behalf of another vCPU. */
static void work_page(void *ctx, struct vs_txn *t)
{
    const struct vs_host_work *w = ctx;
    vs_tcg_flush_page(&of(w->v)->tcg, t, w->trap->gva.v);
}

/* cpu_x86_update_cr3 and _cr4, helper_flush_page: whatever a PCID would keep goes, too. */
bool host_tcg_work(struct vs_host_work *w, struct vs_handling *how)
{
    const struct vs_trap *t = w->trap;
    const bool cr = t->kind == VS_TRAP_CONTROL_REGISTER && t->write;
    if (t->kind == VS_TRAP_INVALIDATE) {
        how->work = t->scope == VS_TRAP_PAGE ? work_page : work_all;
    } else if (cr && (t->number == 3u || t->owned)) {
        how->work = work_all;
    }
    return how->work != NULL;
}
