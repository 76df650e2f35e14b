/* SPDX-License-Identifier: MIT */
/*
 * The dirty log, as KVM keeps it for live migration (arch/x86/kvm/mmu, virt/kvm/kvm_main.c). A
 * bitmap says which pages were written since the last round. Marks come from the processor's log
 * (PML), which is read whenever the guest is left, or from EPT violations of pages that are
 * write-protected. A round hands the bitmap out, and takes the dirty flag or the right to write
 * from the pages in it, so that the next write shows again; then nobody may translate with what was
 * cached. The round's thread runs on the core of the vCPU that it stops.
 */
#include "host/host.h"

#include "ept/slat.h"

#include <stdlib.h>

#define FRAME 21u /* the bitmap lies in frames of 2M */
#define LINE 64u

enum vs_status host_dirty_make(struct vs_host *h, struct vs_platform *p)
{
    uint64_t pages = h->vm->bytes >> h->vm->format.granule, bytes, frames;
    h->words = (pages + 63u) / 64u;
    if (!p->host_cfg.dirty_method && !p->pml) {
        return VS_OK;
    }
    bytes = h->words * 8u;
    frames = (bytes + (1u << FRAME) - 1u) >> FRAME;
    h->bitmap = calloc(frames * 2u, sizeof *h->bitmap);
    h->copy = h->bitmap + frames;
    for (uint64_t i = 0; h->bitmap && i < frames * 2u; i++) {
        if (!vs_frames_alloc(p->frames, FRAME, &h->bitmap[i])) {
            return VS_E_NOMEM;
        }
    }
    return h->bitmap ? VS_OK : VS_E_NOMEM;
}

void host_dirty_start(struct vs_vcpu *v)
{
    bool first = v->p->n_vms > 1u || v->index == 0;
    if (first && v->p->virtualized && v->p->host_cfg.dirty_interval) {
        v->host_ps = v->p->host_cfg.dirty_interval * 1000000u;
    }
    if (v->p->host_cfg.dirty_method == VS_DIRTY_PML) {
        v->hw->ept.pml.on = false; /* until the log begins: vmx_update_cpu_dirty_logging */
    }
}

/* Host-physical address of a word, of the bitmap or its copy. */
static vs_hpa word_at(const uint64_t *frames, uint64_t word)
{
    uint64_t byte = word * 8u;
    return (vs_hpa){frames[byte >> FRAME] + (byte & ((1u << FRAME) - 1u))};
}

void host_dirty_set(struct vs_host *h, uint64_t gpa)
{
    uint64_t page = gpa >> h->vm->format.granule;
    vs_hpa at = word_at(h->bitmap, page / 64u);
    vs_phys_write64(h->vm->phys, at, vs_phys_read64(h->vm->phys, at) | 1ull << page % 64u);
}

void host_dirty_mark(struct vs_vcpu *v, struct vs_txn *t, uint64_t gpa)
{
    struct vs_host *h = host_memory_of(v);
    if (h->logging) {
        host_dirty_set(h, gpa);
        host_touch(v, t, word_at(h->bitmap, (gpa >> h->vm->format.granule) / 64u).v, VS_REF_WRITE);
    }
}

void host_dirty_flush(void *ctx, struct vs_txn *t)
{
    const struct vs_log_reading *reading = ctx;
    struct vs_vcpu *v = reading->v;
    struct vs_host *h = host_memory_of(v);
    struct vs_ept_pml *log = &v->hw->ept.pml;
    unsigned last = VS_EPT_PML_ENTRIES - 1u;
    bool full = log->index >= VS_EPT_PML_ENTRIES;
    if (!h->logging && !reading->full) {
        return; /* nobody wants to know */
    }
    (void)v->state.write(v->state.ctx, NULL, VS_STATE_LOG_INDEX, log->index); /* as it did */
    uint64_t index = vs_hv_log_index(&v->hv, t);
    if (index == last) {
        return;
    }
    unsigned first = full ? 0 : (unsigned)index + 1u;
    vs_hv_code(&v->hv, t, VS_HV_ENTRY_LOG_ENTRY);
    vs_hv_rounds(&v->hv, t, VS_HV_ENTRY_LOG_ENTRY, last - first + 1u);
    for (unsigned i = last + 1u; i-- > first;) { /* as they were written */
        vs_hpa at = {log->address + i * 8ull};
        host_touch(v, t, at.v, VS_REF_READ);
        host_dirty_mark(v, t, vs_phys_read64(v->p->phys, at));
        h->count[VS_CNT_host_log_entries]++;
    }
    log->index = (uint16_t)last;
    vs_hv_log_reset(&v->hv, t, last);
}

/* ---- what cached translations still permit ---- */

/* The work of a kick: the vCPU drops what it has cached of the second dimension. */
static void drop_own(void *ctx, struct vs_txn *t)
{
    host_flush_physical(ctx, t);
}

void host_dirty_drop(struct vs_vcpu *v, struct vs_txn *t)
{
    struct vs_platform *p = v->p;
    host_flush_physical(v, t);
    for (unsigned i = 0; i < p->n_vcpus; i++) {
        struct vs_vcpu *other = &p->vcpu[i];
        if (other == v || other->vm != v->vm || other->ended) {
            continue;
        }
        /* KVM waits until every vCPU has left its guest; the time that takes is theirs */
        host_flush_physical(other, NULL);
        if (!vs_thread_waits_for(&other->thread,
                                 VS_FOR_EVENT)) { /* what has halted is not in its guest */
            other->kicked = true;
            other->host_ps = vs_now(t).v < other->host_ps ? vs_now(t).v : other->host_ps;
        }
    }
}

/* ---- rounds ---- */

/* True: the leaf has lost its dirty flag or its right to write. */
static bool watch(struct vs_vcpu *v, struct vs_slat_leaf *leaf)
{
    const struct vs_radix_format *f = &v->vm->format;
    uint64_t entry = leaf->entry;
    if (v->p->host_cfg.dirty_method == VS_DIRTY_PML) {
        entry &= ~f->dirty;
    } else if (!vs_radix_held(f, entry) && vs_radix_rights(f, true, entry) & VS_RIGHT_WRITE) {
        entry = vs_radix_with(f, entry, vs_radix_rights(f, true, entry) & ~VS_RIGHT_WRITE) |
                VS_SLAT_LOGGED;
    }
    if (entry == leaf->entry) {
        return false;
    }
    vs_slat_put(v->vm, leaf, entry);
    return true;
}

bool host_memory_split(struct vs_vcpu *v, struct vs_txn *t, struct vs_vm *vm, uint64_t gpa)
{
    struct vs_slat_leaf leaf;
    uint64_t before = vm->tables, bytes = 1ull << vm->format.granule;
    enum vs_status s = vs_slat_split(vm, gpa);
    uint64_t made = vm->tables - before;
    host_memory_of(v)->count[VS_CNT_host_log_splits] += made;
    vs_hv_rounds(&v->hv, t, VS_HV_ENTRY_LOG_SPLIT, made);
    (void)vs_slat_find(vm, gpa, &leaf);
    for (uint64_t line = 0; made && line < bytes; line += LINE) {
        host_touch(v, t, (leaf.at.v & ~(bytes - 1u)) + line, VS_REF_WRITE);
    }
    return s == VS_OK;
}

/* The log of a vCPU, whether it has its processor or not. */
static struct vs_ept_pml *pml_of(struct vs_vcpu *v)
{
    bool away = v->own && v->hw->cpu.txn != &v->txn;
    return away ? &v->own->ept.pml : &v->hw->ept.pml;
}

/* KVM: kvm_mmu_slot_apply_flags. Larger pages are split, and every page is watched. */
static void begin(struct vs_vcpu *v, struct vs_txn *t)
{
    struct vs_platform *p = v->p;
    struct vs_host *h = host_memory_of(v);
    struct vs_vm *vm = v->vm;
    unsigned small = vm->format.granule;
    for (uint64_t gpa = 0; gpa < vm->bytes && !v->failed;) {
        struct vs_slat_leaf leaf;
        bool there = vs_slat_find(vm, gpa, &leaf);
        if (there && leaf.shift > small && !host_memory_split(v, t, vm, gpa)) {
            vcpu_refuse(v, "the dirty log: host.memory is exhausted");
        } else if (there) {
            leaf.shift = small;
            (void)vs_slat_find(vm, gpa, &leaf);
            if (watch(v, &leaf)) {
                vs_hv_rounds(&v->hv, t, VS_HV_ENTRY_LOG_PAGE, 1);
                host_touch(v, t, leaf.at.v, VS_REF_WRITE);
            }
        }
        gpa = ((gpa >> leaf.shift) + 1u) << leaf.shift;
    }
    vm->host_shift = small; /* pages that come later are watched one by one too */
    vm->huge_shift = 0;
    for (unsigned i = 0; i < p->n_vcpus; i++) {
        if (p->vcpu[i].vm == vm) {
            p->vcpu[i].hv.slat.page_shift = small;
            pml_of(&p->vcpu[i])->on = p->pml;
        }
    }
    h->logging = true;
}

/* Hands out the bitmap and clears it; each page of it is watched for writes again. */
static void harvest(struct vs_vcpu *v, struct vs_txn *t)
{
    struct vs_host *h = host_memory_of(v);
    struct vs_vm *vm = v->vm;
    uint64_t per_line = LINE / 8u;
    for (uint64_t word = 0; word < h->words; word++) {
        vs_hpa at = word_at(h->bitmap, word);
        if (word % per_line == 0) {
            host_touch(v, t, at.v, VS_REF_READ);
            vs_hv_rounds(&v->hv, t, VS_HV_ENTRY_LOG_WORD, per_line);
        }
        uint64_t bits = vs_phys_read64(vm->phys, at);
        if (!bits) {
            continue;
        }
        vs_phys_write64(vm->phys, at, 0);
        vs_phys_write64(vm->phys, word_at(h->copy, word), bits);
        host_touch(v, t, at.v, VS_REF_WRITE);
        host_touch(v, t, word_at(h->copy, word).v, VS_REF_WRITE);
        for (; bits; bits &= bits - 1u) {
            uint64_t page = word * 64u + (uint64_t)__builtin_ctzll(bits);
            struct vs_slat_leaf leaf;
            h->harvested++;
            if (vs_slat_find(vm, page << vm->format.granule, &leaf) && watch(v, &leaf)) {
                vs_hv_rounds(&v->hv, t, VS_HV_ENTRY_LOG_PAGE, 1);
                host_touch(v, t, leaf.at.v, VS_REF_WRITE);
            }
        }
    }
    h->count[VS_CNT_host_log_rounds]++;
    h->count[VS_CNT_host_log_pages] += h->harvested;
}

/* One round of the log in the host's time: the first one begins it, the others collect. */
static void work(void *ctx, struct vs_txn *t)
{
    struct vs_vcpu *v = ctx;
    struct vs_host *h = host_memory_of(v);
    h->harvested = 0;
    vs_txn_settle(t);
    vs_open(t, VS_OP_DIRTY_LOG_ROUND);
    vs_hv_run(&v->hv, t, VS_HV_ENTRY_LOG_ROUND);
    if (h->logging) {
        harvest(v, t);
    } else {
        begin(v, t);
    }
    host_dirty_drop(v, t);
    vs_txn_settle(t);
    vs_close(t);
}

uint64_t host_dirty_round(struct vs_vcpu *v)
{
    if (!v->p->virtualized || !v->p->host_cfg.dirty_method) {
        return 0;
    }
    vcpu_kick(v, work, v);
    return host_memory_of(v)->harvested;
}

void host_dirty_due(struct vs_vcpu *v, uint64_t now_ps)
{
    uint64_t every = v->p->host_cfg.dirty_interval * 1000000u;
    bool first = v->p->n_vms > 1u || v->index == 0, kicked = v->kicked;
    v->kicked = false;
    v->host_ps = VS_NEVER;
    if (kicked) {
        vcpu_kick(v, drop_own, v);
    }
    if (!first || !every) {
        return;
    }
    struct vs_host *h = host_memory_of(v);
    if (now_ps >= h->last_round + every) {
        (void)host_dirty_round(v);
        h->last_round = vs_now(&v->txn).v;
    }
    v->host_ps = h->last_round + every;
}
