/* SPDX-License-Identifier: MIT */
/*
 * Views of a machine's memory: second dimensions besides its own, with other rights or another
 * place for some pages, between which the guest switches without an exit (VMFUNC). As Xen's altp2m
 * has them (xen/arch/x86/mm/p2m.c): a view begins empty and gets each page at its first use there;
 * what changes in the machine's own tables changes in the views that have the page.
 */
#include "host/host.h"

#include "ept/slat.h"

#include <stdlib.h>

#define ENTRIES 512u /* of the list: SDM 3C 25.6.14 */
#define LINE 64u

const char *host_view_lacks(const struct vs_platform *p)
{
    return !p->virtualized || !p->eptp_switching
               ? "needs EPTP switching: vmcs.control.vm_functions = 1 and vmcs.vm_functions = 1"
           : p->host_cfg.dirty_method
               ? "the dirty log follows the machine's own tables: host.dirty_log.method = off"
           : p->nested ? "a hypervisor in the guest has the second dimension: none nested"
                       : NULL;
}

bool host_view_known(struct vs_vcpu *v, uint64_t view)
{
    unsigned n = host_memory_of(v)->n_views;
    if (view && view < n) {
        return true;
    }
    vcpu_refuse(v, "view %llu: %s", (unsigned long long)view,
                n > 1 ? "there is none of this number; cpu:view() returns those there are"
                      : "there is none yet; cpu:view() makes one");
    return false;
}

/* A table is cleared. */
static void clear(struct vs_vcpu *v, struct vs_txn *t, uint64_t table, uint64_t bytes)
{
    for (uint64_t line = 0; line < bytes; line += LINE) {
        host_touch(v, t, table + line, VS_REF_WRITE);
    }
}

/* The way to an address is gone down in a view's tables, of which the last `made` are new. */
static void descend(struct vs_vcpu *v, struct vs_txn *t, const struct vs_vm *view, uint64_t gpa,
                    uint64_t made)
{
    const struct vs_radix_format *f = &view->format;
    struct vs_slat_leaf leaf;
    uint64_t table = view->ept_root;
    (void)vs_slat_find(view, gpa, &leaf);
    for (unsigned level = f->levels; level; level--) {
        unsigned shift = vs_radix_level_shift(f, level);
        vs_hpa at = {table + vs_radix_offset(f, level, gpa)};
        if (shift < leaf.shift + made * f->stride) {
            clear(v, t, table, UINT64_C(1) << f->granule);
        }
        host_touch(v, t, at.v, shift == leaf.shift ? VS_REF_WRITE : VS_REF_READ);
        if (shift == leaf.shift) {
            return;
        }
        table = vs_phys_read64(view->phys, at) & f->address;
    }
}

bool host_view_copy(struct vs_vcpu *v, struct vs_txn *t, struct vs_vm *view, uint64_t gpa,
                    uint64_t from)
{
    struct vs_slat_leaf leaf;
    uint64_t before = view->tables;
    vs_gpa page = {from};
    if (vs_slat_find(view, gpa, &leaf)) {
        return true; /* since the fault, by another vCPU's exit */
    }
    if (!vs_slat_find(v->vm, from, &leaf) && !vs_hv_back(&v->hv, t, page)) {
        return false;
    }
    (void)vs_slat_find(v->vm, from, &leaf);
    host_touch(v, t, leaf.at.v, VS_REF_READ);
    if (vs_slat_copy(view, gpa, v->vm, from)) {
        return false;
    }
    host_memory_of(v)->count[VS_CNT_host_view_pages]++;
    vs_hv_rounds(&v->hv, t, VS_HV_ENTRY_LOG_SPLIT, view->tables - before);
    vs_hv_rounds(&v->hv, t, VS_HV_ENTRY_PROTECT, 1);
    descend(v, t, view, gpa, view->tables - before);
    return true;
}

void host_view_follow(struct vs_vcpu *v, struct vs_txn *t, uint64_t gpa, uint64_t rights)
{
    struct vs_host *h = host_memory_of(v);
    for (unsigned i = 1; i < h->n_views && !v->failed; i++) {
        struct vs_vm *view = &h->view[i];
        struct vs_slat_leaf leaf;
        if (!vs_slat_find(view, gpa, &leaf)) {
            continue; /* it gets the page as it will be */
        }
        if (!host_memory_split(v, t, view, gpa)) {
            vcpu_refuse(v, "host_protect: host.memory is exhausted");
            return;
        }
        (void)vs_slat_find(view, gpa, &leaf);
        uint64_t entry = leaf.entry & ~VS_SLAT_WATCHED;
        entry |= rights == VS_RIGHTS ? 0 : VS_SLAT_WATCHED;
        vs_slat_put(view, &leaf, vs_radix_with(&view->format, entry, rights));
        vs_hv_rounds(&v->hv, t, VS_HV_ENTRY_PROTECT, 1);
        host_touch(v, t, leaf.at.v, VS_REF_WRITE);
    }
}

/* ---- a new one ---- */

struct making {
    struct vs_vcpu *v;
    unsigned number;
};

/* The work of a kick: an empty root, and the entry of the list that leads to it. */
static void make(void *ctx, struct vs_txn *t)
{
    const struct making *m = ctx;
    struct vs_vcpu *v = m->v;
    struct vs_vm *view = &host_memory_of(v)->view[m->number];
    const struct vs_radix_format *f = &v->vm->format;
    if (vs_vm_view(view, v->vm)) {
        vcpu_refuse(v, "a view of the guest's memory: host.memory is exhausted");
        return;
    }
    vs_hv_code(&v->hv, t, VS_HV_ENTRY_PROTECT);
    vs_hv_rounds(&v->hv, t, VS_HV_ENTRY_LOG_SPLIT, 1);
    clear(v, t, view->ept_root, (uint64_t)vs_radix_roots(f) << f->granule);
    vs_hv_rounds(&v->hv, t, VS_HV_ENTRY_PROTECT, 1);
    host_touch(v, t, v->world.view(v->world.ctx, m->number, view->ept_root).v, VS_REF_WRITE);
    host_memory_of(v)->n_views = m->number + 1u;
    for (unsigned i = 0; i < v->p->n_vcpus; i++) { /* they all have the one list */
        struct vs_vcpu *o = &v->p->vcpu[i];
        if (o != v && o->vm == v->vm) {
            (void)o->world.view(o->world.ctx, m->number, view->ept_root);
        }
    }
}

uint64_t host_view_make(struct vs_vcpu *v)
{
    struct vs_host *h = host_memory_of(v);
    if (host_view_lacks(v->p)) {
        vcpu_refuse(v, "view %s", host_view_lacks(v->p));
        return 0;
    }
    if (!h->view) {
        h->view = calloc(ENTRIES, sizeof *h->view);
        h->n_views = 1;
    }
    if (!h->view || h->n_views == ENTRIES) {
        vcpu_refuse(v, "another view: the EPTP list has no more than %u entries", ENTRIES);
        return 0;
    }
    struct making m = {v, h->n_views};
    vcpu_kick(v, make, &m);
    return v->failed ? 0 : m.number;
}

/* ---- another place for pages ---- */

struct moving {
    struct vs_vcpu *v;
    const struct vs_host_pages *of;
    struct vs_vm *view;
    uint64_t at, end, to;
};

/* The work of a kick: pages of a view are others of the machine's. */
static void move(void *ctx, struct vs_txn *t)
{
    const struct moving *m = ctx;
    struct vs_vcpu *v = m->v;
    struct vs_slat_leaf leaf;
    vs_hv_code(&v->hv, t, VS_HV_ENTRY_PROTECT);
    for (uint64_t done = 0, gpa, from; m->at + done < m->end && !v->failed; done += m->of->page) {
        (void)m->of->gpa(v, m->at + done, &gpa); /* host_view_map has asked for each */
        (void)m->of->gpa(v, m->to + done, &from);
        bool there = vs_slat_find(m->view, gpa, &leaf) || host_view_copy(v, t, m->view, gpa, gpa);
        if (there && host_memory_split(v, t, m->view, gpa) && vs_slat_find(m->view, gpa, &leaf)) {
            vs_slat_put(m->view, &leaf, 0);
            there = host_view_copy(v, t, m->view, gpa, from);
        }
        if (!there) {
            vcpu_refuse(v, "view_map: host.memory is exhausted");
        }
    }
    host_dirty_drop(v, t);
}

void host_view_map(struct vs_vcpu *v, const struct vs_host_pages *of, unsigned view, uint64_t to)
{
    struct moving m = {v,
                       of,
                       &host_memory_of(v)->view[view],
                       of->at & ~(of->page - 1u),
                       of->at + of->bytes,
                       to & ~(of->page - 1u)};
    for (uint64_t done = 0, gpa; m.at + done < m.end; done += of->page) {
        uint64_t both[2] = {m.at + done, m.to + done};
        for (unsigned i = 0; i < 2; i++) {
            if (!of->gpa(v, both[i], &gpa) || !vs_vm_is_memory(v->vm, gpa)) {
                vcpu_fail(v, "view_map of 0x%llx, where the guest has mapped no memory",
                          (unsigned long long)both[i]);
                return;
            }
        }
    }
    vcpu_kick(v, move, &m);
}

/* ---- the guest switches ---- */

void host_view_switched(struct vs_vcpu *v)
{
    struct vs_host *h = host_memory_of(v);
    uint64_t root = v->world.viewed ? v->world.viewed(v->world.ctx) : v->guest_context.eptp;
    if (root == v->guest_context.eptp) {
        return;
    }
    v->view = v->vm;
    for (unsigned i = 1; i < h->n_views; i++) {
        v->view = h->view[i].ept_root == root ? &h->view[i] : v->view;
    }
    v->guest_context.eptp = root;
    vs_ept_context(&v->hw->ept, &v->guest_context);
}
