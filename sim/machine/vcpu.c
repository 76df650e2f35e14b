/* SPDX-License-Identifier: MIT */
/* One vCPU of a machine, made: what its world, hypervisor and interrupt controller are wired to,
 * and its counters. */
#include "irqchip.h"
#include "machine_impl.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- ports between components ---- */

/* Gives a guest-physical page of memory its frame, for the hypervisor; false: the host is out of
 * memory. */
static bool back_page(void *ctx, struct vs_txn *t, vs_gpa at, unsigned *page_shift, vs_hpa *frame)
{
    struct vs_vm *vm = ctx;
    (void)t; /* the tables' stores are part of the handler's data */
    if (vs_vm_back(vm, at.v) || !vs_vm_leaf(vm, at.v, &frame->v, page_shift)) {
        return false;
    }
    frame->v &= ~((1ull << *page_shift) - 1u);
    return true;
}

/* Whether a guest-physical address is memory, and no device's. */
static bool is_memory(void *ctx, vs_gpa at)
{
    return vs_vm_is_memory(ctx, at.v);
}

/* Whether a guest-physical page has its frame. */
static bool is_backed(void *ctx, vs_gpa at)
{
    uint64_t hpa;
    return vs_vm_locate(ctx, at.v, &hpa);
}

/* Drops translations as a world switch asks for it. */
static uint64_t flush(void *ctx, struct vs_txn *t, enum vs_flush what, uint16_t vpid, uint16_t pcid,
                      uint64_t eptp, vs_gva at)
{
    (void)t; /* the transition has its own account for it */
    return vs_ept_flush(ctx, NULL, what, vpid, pcid, eptp, at);
}

struct vs_tlb_port vs__platform_tlb(struct vs_vcpu *v)
{
    return (struct vs_tlb_port){&v->hw->ept, flush};
}

/* ---- one vCPU ---- */

/* Makes the counters of a vCPU and of its core known to the books: those of guest and host apart.
 * */
static void register_counters(struct vs_vcpu *v)
{
    struct vs_ledger *l = v->p->ledger;
    const uint16_t actor[2] = {v->guest, v->host};
    for (int host = 0; host < (v->p->virtualized ? 2 : 1); host++) {
        struct vs_core_own *own = v->own; /* NULL: the core's own are the vCPU's */
        vs_ledger_counters(l, actor[host], &vs_cpu_desc,
                           own ? own->cpu.counts[host] : v->hw->cpu.counts[host]);
        vs_ledger_counters(l, actor[host], &vs_memory_desc,
                           own ? own->memory[host] : v->hw->core.counts[host]);
        vs_ledger_counters(l, actor[host], &vs_ept_desc,
                           own ? own->ept.counts[host] : v->hw->ept.counts[host]);
    }
    vs_ledger_counters(l, v->line, &vs_vcpu_desc, v->count);
    vs_ledger_counters(l, v->line, &vs_os_desc, v->os_count);
    if (v->p->virtualized) {
        vs_ledger_counters(l, v->host, &vs_hypervisor_desc, v->hv.count);
    }
    if (v->p->shadow) {
        vs_ledger_counters(l, v->host, &vs_shadow_desc, v->shadow.count);
    }
}

/* Gives a vCPU what only a guest's has: world switch, hypervisor, interrupt controller. */
static enum vs_status make_virtual(struct vs_vcpu *v, const struct machine_configs *c,
                                   struct vs_errors *errors)
{
    struct vs_platform *p = v->p;
    v->world_ctx = calloc(1, p->kind->bytes);
    enum vs_status s = v->world_ctx ? p->kind->make(v, errors) : VS_E_NOMEM;
    if (s) {
        return s;
    }
    struct vs_core_port core = vs_cpu_core_port(&v->hw->cpu);
    struct vs_slat_port slat = {v->vm, back_page, is_memory, is_backed, v->vm->host_shift};
    s = vs_hv_init(&v->hv, &c->hypervisor, p->programs[VS_ROLE_HYPERVISOR],
                   p->program_values[VS_ROLE_HYPERVISOR], p->ledger, v->hw->clock, v->index, &core,
                   &v->state, &slat);
    vs_hv_domains(&v->hv, p->device_domain, p->machines[v->machine].domain);
    v->hv.direct_at = p->layout.host_direct;
    machine_affect(v, &c->cpu);
    if (!s && c->hypervisor.nesting) {
        s = machine_nested_make(v, c, &core);
    }
    s = s ? s : p->shadow ? host_shadow_make(v, &c->shadow, v->space.cr3, errors) : VS_OK;
    uint64_t descriptor = 0;
    s = s ? s : p->kind->start(v, &descriptor, errors);
    if (!s) {
        p->irqchip->make(v, p->irqchip_config, (vs_hpa){descriptor});
    }
    return s;
}

enum vs_status machine_vcpu_make(struct vs_platform *p, unsigned index,
                                 const struct machine_configs *c, struct vs_errors *errors)
{
    struct vs_vcpu *v = &p->vcpu[index];
    char name[48];
    v->p = p;
    v->index = index;
    v->machine = machine_vm_of(p, index);
    v->vm = v->view = p->virtualized ? &p->vm[v->machine] : NULL;
    vs_rng_seed(&v->rng, p->options.seed, 0x76637075u + index);
    snprintf(name, sizeof name, "vcpu%u", index);
    v->line = vs_ledger_actor(p->ledger, name);
    snprintf(name, sizeof name, "vcpu%u/guest", index);
    v->guest = vs_ledger_actor(p->ledger, name);
    snprintf(name, sizeof name, "vcpu%u/host", index);
    v->host = vs_ledger_actor(p->ledger, name);
    snprintf(name, sizeof name, "vcpu%u/%s", index, p->irqchip->actor);
    v->irq_actor = vs_ledger_actor(p->ledger, name);
    vs_msrs_reset(&v->msrs, p->ept.vendor == VS_VENDOR_AMD ? VS_MSR_AMD : VS_MSR_INTEL);
    v->irq_ctx = calloc(1, p->irqchip->bytes);
    if (!v->irq_ctx) {
        return VS_E_NOMEM;
    }
    v->safe_ps = v->host_ps = v->kick_ps = VS_NEVER;
    unsigned with = p->options.shares[index];
    v->mm = with ? p->vcpu[with - 1u].mm : &v->own_mm;
    enum vs_status s = machine_vcpu_place(v, &c->cpu, errors);
    s = s ? s : guest_programs_make(v);
    s = s ? s : guest_mm_make(v, errors);
    if (!s && p->virtualized && !v->hw->host_space.cr3 && guest_mm_make_host(v->hw)) {
        vs_error(errors, "vCPU %u: host.memory is too small for its processor's host", index);
        return VS_E_NOMEM;
    }
    if (!s && p->virtualized) {
        s = make_virtual(v, c, errors);
    } else if (!s) {
        uint64_t frame;
        if (!vs_frames_alloc(p->frames, 12, &frame)) {
            return VS_E_NOMEM;
        }
        vs_hpa pi = {frame};
        p->irqchip->make(v, p->irqchip_config, pi);
    }
    if (s) {
        return s;
    }
    register_counters(v);
    host_dirty_start(v);
    vs_ps zero = {0};
    vs_txn_begin(&v->txn, p->ledger, v->line, zero);
    if (!v->own) {
        vs_cpu_begin(&v->hw->cpu, &v->txn);
    }
    if (p->options.watch) {
        vs_cpu_one_by_one(&v->hw->cpu);
    }
    if (p->options.sites && vs_cpu_keep_sites(&v->hw->cpu)) {
        return VS_E_NOMEM;
    }
    if (p->kind && p->kind->create && !p->kind->create(v)) {
        char why[160] = "";
        v->world.why(v->world.ctx, why, sizeof why);
        vs_error(errors,
                 "vCPU %u: its first VM entry: %s: vmcs.control.* and vmcs.cap.* do not fit", index,
                 why);
        return VS_E_CONFIG;
    }
    vcpu_world(v, false);
    return machine_thread_make(v);
}
