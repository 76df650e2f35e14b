/* SPDX-License-Identifier: MIT */
/* The host's memory management of a virtual machine: what it tells of its pages, and the rights it
 * withholds of pages that are there. */
#include "host/host.h"

#include "ept/slat.h"

#include <stdio.h>
#include <stdlib.h>

#define VS_DEF_NAME host
#define VS_DEF_FILE "host/memory/host.def"
#include "virtsim/def_tables.h"

struct vs_host *host_memory_of(const struct vs_vcpu *v)
{
    return &v->p->machines[v->vm - v->p->vm];
}

/* Second-level tables map another page: it is counted, in a log it counts as written, and devices
 * of the machine see it too. */
static bool mapped(void *ctx, uint64_t gpa, uint64_t hpa, unsigned shift, bool alone)
{
    struct vs_host *h = ctx;
    h->count[shift == h->vm->format.granule ? VS_CNT_host_small_pages : VS_CNT_host_large_pages]++;
    h->count[VS_CNT_host_thp_fallbacks] += alone;
    if (h->logging) { /* KVM: a page that is mapped writable counts as written */
        host_dirty_set(h, gpa);
    }
    return !h->assigned || h->assigned(h->assigned_to, gpa, hpa, shift);
}

bool host_memory_assign(struct vs_host *h,
                        bool (*map)(void *to, uint64_t gpa, uint64_t hpa, unsigned shift), void *to)
{
    const struct vs_vm *vm = h->vm;
    struct vs_slat_leaf leaf;
    for (uint64_t gpa = 0, step; gpa < vm->bytes; gpa += step) {
        bool there = vs_slat_find(vm, gpa, &leaf);
        step = 1ull << leaf.shift;
        uint64_t hpa = (leaf.entry & vm->format.address) >> leaf.shift << leaf.shift;
        if (there && !map(to, gpa, hpa, leaf.shift)) {
            return false;
        }
    }
    h->assigned = map;
    h->assigned_to = to;
    return true;
}

void host_memory_check(const struct vs_platform *p, struct vs_errors *errors)
{
    const struct vs_host_config *c = &p->host_cfg;
    static const char *const names[] = {"off", "pml", "write_protect"};
    if (c->dirty_method && p->ept.mode == VS_EPT_SHADOW) {
        vs_error(errors,
                 "host.dirty_log.method = %s: the dirty log follows a second dimension; "
                 "paging.mode = shadow has none",
                 names[c->dirty_method]);
    } else if (c->dirty_method == VS_DIRTY_PML && p->ept.mode != VS_EPT_EPT) {
        vs_error(errors, "host.dirty_log.method = pml is Intel's, with paging.mode = ept; others "
                         "have write_protect");
    }
    if (c->dirty_interval && !c->dirty_method) {
        vs_error(errors,
                 "host.dirty_log.interval = %llu us, but host.dirty_log.method = off: pml or "
                 "write_protect",
                 (unsigned long long)c->dirty_interval);
    }
}

enum vs_status host_memory_make(struct vs_platform *p, unsigned vm)
{
    struct vs_host *h = &p->machines[vm];
    char name[16];
    h->vm = &p->vm[vm];
    h->vm->mapped = mapped;
    h->vm->ctx = h;
    if (p->ept.host_page == VS_EPT_THP) {
        vs_vm_thp(h->vm, (uint32_t)p->host_cfg.fragmentation, p->options.seed + vm);
    }
    snprintf(name, sizeof name, "vm%u", vm);
    vs_ledger_counters(p->ledger, vs_ledger_actor(p->ledger, name), &vs_host_desc, h->count);
    return host_dirty_make(h, p);
}

void host_memory_free(struct vs_host *h)
{
    free(h->bitmap);
    free(h->view);
    vs_shadow_mmu_free(&h->shadow);
}

/* ---- work in the host's world ---- */

void host_touch(struct vs_vcpu *v, struct vs_txn *t, uint64_t hpa, enum vs_ref ref)
{
    vs_gva at = {v->hv.direct_at + hpa};
    v->hv.core.touch(v->hv.core.ctx, t, at, ref);
}

/* ---- violations of pages that are there ---- */

/* The right comes back. What asked for it may have been the log, or somebody outside: who sees the
 * access once, and lets the page go. */
static void give(void *ctx, struct vs_txn *t)
{
    const struct vs_host_work *w = ctx;
    struct vs_vcpu *v = w->v;
    struct vs_host *h = host_memory_of(v);
    struct vs_vm *vm = v->view;
    const struct vs_radix_format *f = &vm->format;
    const struct vs_translation *fault = w->fault;
    struct vs_slat_leaf leaf;
    uint64_t flags = VS_SLAT_WATCHED | VS_SLAT_LOGGED; /* that end */
    (void)vs_slat_find(vm, fault->gpa.v, &leaf);
    uint64_t had = vs_radix_held(f, leaf.entry) ? 0 : vs_radix_rights(f, true, leaf.entry),
             has = had;
    vs_hv_run(&v->hv, t, VS_HV_ENTRY_FAST_FAULT);
    host_touch(v, t, leaf.at.v, VS_REF_READ);
    if (leaf.entry & VS_SLAT_LOGGED && (fault->rights & ~had) == VS_RIGHT_WRITE) {
        has |= VS_RIGHT_WRITE;
        flags = VS_SLAT_LOGGED;
        h->count[VS_CNT_host_log_faults]++;
    } else if (leaf.entry & VS_SLAT_WATCHED) {
        has = VS_RIGHTS;
        h->count[VS_CNT_host_seen]++;
        h->seen++;
        h->qualification = fault->qualification;
        h->guest_physical = fault->gpa.v;
    }
    if ((has & fault->rights) != fault->rights) {
        vcpu_fail(v, "an EPT violation at guest-physical 0x%llx that nobody asked for",
                  (unsigned long long)fault->gpa.v);
        return;
    }
    if (has & ~had & VS_RIGHT_WRITE) {
        host_dirty_mark(v, t, fault->gpa.v);
    }
    vs_slat_put(vm, &leaf, vs_radix_with(f, leaf.entry & ~flags, has));
    host_touch(v, t, leaf.at.v, VS_REF_WRITE);
}

/* The view that the guest has switched to gets a page that it does not have yet, as its machine has
 * it (Xen's p2m_altp2m_lazy_copy). */
static void copy(void *ctx, struct vs_txn *t)
{
    const struct vs_host_work *w = ctx;
    vs_hv_run(&w->v->hv, t, VS_HV_ENTRY_FAST_FAULT);
    if (!host_view_copy(w->v, t, w->v->view, w->fault->gpa.v, w->fault->gpa.v)) {
        vcpu_refuse(w->v, "a page of a view: host.memory is exhausted");
    }
}

bool host_memory_withheld(struct vs_host_work *w, struct vs_handling *how)
{
    const struct vs_vcpu *v = w->v;
    const struct vs_translation *f = w->fault;
    struct vs_slat_leaf leaf;
    bool there = vs_slat_find(v->view, f->gpa.v, &leaf);
    if (!there && v->view == v->vm) {
        return false;
    }
    *how = (struct vs_handling){.work = there ? give : copy,
                                .ctx = w,
                                .fast = true,
                                .ask = there && leaf.entry & VS_SLAT_WATCHED,
                                .withheld = f};
    return true;
}

/* ---- rights that somebody outside takes ---- */

struct taking {
    struct vs_vcpu *v;
    const struct vs_host_pages *of;
    uint64_t at, end, rights;
    struct vs_vm *vm; /* the machine, or a view of it */
};

/* One page loses or gets back rights, whether it is there yet or not. */
static bool take_one(struct vs_vcpu *v, struct vs_txn *t, struct vs_vm *vm, uint64_t gpa,
                     uint64_t rights)
{
    struct vs_host *h = host_memory_of(v);
    struct vs_slat_leaf leaf;
    vs_gpa page = {gpa};
    bool there = vs_slat_find(vm, gpa, &leaf) ||
                 (vm == v->vm ? vs_hv_back(&v->hv, t, page) : host_view_copy(v, t, vm, gpa, gpa));
    if (!there || !host_memory_split(v, t, vm, gpa)) {
        vcpu_refuse(v, "host_protect: host.memory is exhausted");
        return false;
    }
    (void)vs_slat_find(vm, gpa, &leaf);
    uint64_t entry = leaf.entry & ~(VS_SLAT_WATCHED | VS_SLAT_LOGGED);
    if (rights == VS_RIGHTS) {
        host_dirty_mark(v, t, gpa); /* it can be written from now on */
    } else {
        entry |= VS_SLAT_WATCHED;
        h->count[VS_CNT_host_protected]++;
    }
    vs_slat_put(vm, &leaf, vs_radix_with(&vm->format, entry, rights));
    vs_hv_rounds(&v->hv, t, VS_HV_ENTRY_PROTECT, 1);
    host_touch(v, t, leaf.at.v, VS_REF_WRITE);
    if (vm == v->vm) {
        host_view_follow(v, t, gpa, rights);
    }
    return true;
}

/* The work of a kick: takes rights to the pages, then drops what is cached of them. */
static void take(void *ctx, struct vs_txn *t)
{
    struct taking *w = ctx;
    struct vs_vcpu *v = w->v;
    uint64_t step = 1ull << v->vm->format.granule, small = w->of->page;
    step = step < small ? step : small;
    vs_hv_code(&v->hv, t, VS_HV_ENTRY_PROTECT);
    for (uint64_t at = w->at, gpa; at < w->end && !v->failed; at += step) {
        (void)w->of->gpa(v, at, &gpa); /* host_memory_protect has asked for each */
        (void)take_one(v, t, w->vm, gpa, w->rights);
    }
    host_dirty_drop(v, t);
}

const char *host_memory_lacks(const struct vs_platform *p)
{
    return p->virtualized && !p->hosted_tlb
               ? NULL
               : "needs a second dimension to withhold rights in: paging.mode = ept, npt or stage2";
}

void host_memory_protect(struct vs_vcpu *v, const struct vs_host_pages *of, uint64_t rights,
                         unsigned view)
{
    const struct vs_platform *p = v->p;
    uint64_t gpa;
    struct taking w = {v,
                       of,
                       of->at & ~(of->page - 1u),
                       of->at + of->bytes,
                       rights,
                       view ? &host_memory_of(v)->view[view] : v->vm};
    if (host_memory_lacks(p)) {
        vcpu_refuse(v, "host_protect %s", host_memory_lacks(p));
        return;
    }
    if (!vs_radix_can(&v->vm->format, rights) ||
        (rights == VS_RIGHT_EXECUTE && v->vm->format.kind == VS_RADIX_EPT_KIND &&
         !p->ept.execute_only)) {
        vcpu_refuse(v, "host_protect as \"x\": %s",
                    v->vm->format.kind == VS_RADIX_X86
                        ? "nested page tables let read what may be executed (\"rx\")"
                        : "this processor's EPT has no execute-only pages "
                          "(ept.execute_only = 0)");
        return;
    }
    for (uint64_t a = w.at; a < w.end; a += of->page) {
        if (!of->gpa(v, a, &gpa) || !vs_vm_is_memory(v->vm, gpa)) {
            vcpu_fail(v, "host_protect of 0x%llx, where the guest has mapped no memory",
                      (unsigned long long)a);
            return;
        }
    }
    vcpu_kick(v, take, &w);
}
