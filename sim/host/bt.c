/* SPDX-License-Identifier: MIT */
/* A monitor's translator of a guest's kernel: the cache lies in the guest's address spaces, where
 * the processor executes it on the guest's own data; programs are not translated. */
#include "host/bt.h"

#include "host/translated.h"

#include <stdlib.h>

#define PAGE 4096u

/* Binary translation's part of a vCPU. */
static struct host_bt *of(const struct vs_vcpu *v)
{
    return v->translator_ctx;
}

/* ---- the cache, by its lines in memory ---- */

/* The translator's addresses are offsets of the cache, page by page. */
static void touch(void *ctx, struct vs_txn *t, vs_gva at, enum vs_ref ref)
{
    struct vs_vcpu *v = ctx;
    const struct vs_mem_port mem = vs_memory_core_port(&v->hw->core);
    const vs_hpa line = {of(v)->page[at.v / PAGE] + at.v % PAGE};
    vs_mem_touches_on(&mem, t, line, 1, ref,
                      (uint16_t)(of(v)->blocks.base + VS_ACC_translator_code_lines));
}

/* Executes instructions on an account of the translator's. */
static void work(void *ctx, struct vs_txn *t, uint16_t account, uint64_t n)
{
    struct vs_vcpu *v = ctx;
    const struct vs_core_port core = vs_cpu_core_port(&v->hw->cpu);
    core.work(core.ctx, t, account, n);
}

/* Takes a frame for the translator. */
static bool frame(void *ctx, uint64_t *hpa)
{
    const struct vs_vcpu *v = ctx;
    return vs_frames_alloc(v->p->frames, VS_PAGE_4K_SHIFT, hpa);
}

/* Takes memory for the translation cache up to an offset. */
static uint64_t cache(void *ctx, uint64_t offset)
{
    struct host_bt *h = of(ctx);
    while (h->pages <= offset / PAGE + 16u) { /* a block may reach over the end */
        if (!frame(ctx, &h->page[h->pages])) {
            h->blocks.exhausted = true;
            break;
        }
        h->pages++;
    }
    return offset;
}

/* The kernel's code is there, and read through the guest's tables. */
static bool place(void *ctx, struct vs_txn *t, uint64_t pc, uint32_t bytes, bool kernel,
                  struct vs_translator_place *out, struct vs_translation *fault)
{
    const struct vs_vcpu *v = ctx;
    uint64_t hpa;
    (void)t, (void)bytes, (void)kernel;
    *fault = (struct vs_translation){.gva = {pc}, .fault = VS_FAULT_PAGE, .error_code = 0x14};
    *out = (struct vs_translator_place){0, 0};
    return vs_space_locate(&v->space, pc, &out->gpa, &hpa);
}

/* The monitor's own programs, in its part of the address space. */
static void path(void *ctx, struct vs_txn *t, enum vs_translator_path p)
{
    struct vs_vcpu *v = ctx;
    vs_txn_settle(t);
    vs_ept_context(&v->hw->ept, &v->hw->host_context);
    vs_hv_run(&v->hv, t, host_translator_program(p));
    vs_txn_settle(t);
    vs_ept_context(&v->hw->ept, &v->guest_context);
}

/* Runs the loop of one of the translator's paths n times. */
static void rounds(void *ctx, struct vs_txn *t, enum vs_translator_path p, uint64_t n)
{
    struct vs_vcpu *v = ctx;
    vs_txn_settle(t);
    vs_ept_context(&v->hw->ept, &v->hw->host_context);
    vs_hv_code(&v->hv, t, host_translator_program(p));
    vs_hv_rounds(&v->hv, t, host_translator_program(p), n);
    vs_txn_settle(t);
    vs_ept_context(&v->hw->ept, &v->guest_context);
}

/* ---- what the guest's kernel does through it ---- */

/* Executes code at an address up to where it faults. */
static enum vs_cpu_stop code(struct vs_vcpu *v, vs_gva at, uint64_t bytes, uint64_t *done)
{
    struct vs_translation fault;
    if (host_translator_code(v, &of(v)->blocks, at, bytes, done, &fault)) {
        return VS_CPU_DONE;
    }
    if (of(v)->blocks.exhausted) {
        vcpu_fail(v, "the translator gets no more memory (host.memory)");
    }
    v->hw->cpu.fault = fault;
    return VS_CPU_FAULT;
}

/* Executes instructions, translated where the kernel's are. */
static void instructions(struct vs_vcpu *v, uint16_t account, uint64_t n, bool placed)
{
    vs_translator_instructions(&of(v)->blocks, &v->txn, account, n, !placed);
}

static const struct vs_translator_port port = {.code = code, .instructions = instructions};

enum vs_status host_bt_make(struct vs_vcpu *v, struct host_bt *h,
                            const struct vs_translator_config *config, struct vs_errors *errors)
{
    const struct vs_translator_wiring w = {.ledger = v->p->ledger,
                                           .mem = vs_memory_core_port(&v->hw->core),
                                           .core = {.ctx = v, .touch = touch, .work = work},
                                           .ctx = v,
                                           .place = place,
                                           .cache = cache,
                                           .frame = frame,
                                           .path = path,
                                           .rounds = rounds};
    v->translator_ctx = h;
    v->translator = &port;
    h->page = calloc(config->cache_bytes / PAGE + 32u, sizeof *h->page);
    if (!h->page || vs_translator_init(&h->blocks, config, &w)) {
        vs_error(errors, "host.memory is too small for the tables of vCPU %u's translator",
                 v->index);
        return VS_E_NOMEM;
    }
    vs_ledger_counters(v->p->ledger, v->guest, &vs_translator_desc, h->blocks.count);
    return VS_OK;
}

void host_bt_free(struct host_bt *h)
{
    vs_translator_free(&h->blocks);
    free(h->page);
    h->page = NULL;
}
