/* SPDX-License-Identifier: MIT */
/* A hypervisor in the guest (hypervisor.nesting): its memory, its kernel's address space, its
 * programs; and what a machine has to be for that. */
#include "cpu/nested.h"
#include "machine_impl.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define L1_MEMORY (UINT64_C(64) << 20) /* its kernel, its user space and their tables */

void machine_nested_check(const struct vs_platform *p, const struct machine_configs *c,
                          unsigned n_vcpus, struct vs_errors *errors)
{
    const char *is = "hypervisor.nesting = 1";
    const struct vs_program_set *set = p->programs[VS_ROLE_HYPERVISOR];
    if (!c->hypervisor.nesting) {
        return;
    }
    if (p->ept.mode != VS_EPT_EPT || !p->kind || !p->kind->nests) {
        vs_error(errors,
                 "%s: a hypervisor in a guest is simulated on Intel's processors (VMX) with "
                 "paging.mode = ept; skylake_sp_kvm is such a machine",
                 is);
        return;
    }
    if (vs_program_set_find(set, vs_trap_name(VS_TRAP_NESTED_EXIT)) == VS_PROGRAM_NONE) {
        vs_error(errors,
                 "%s: %s has no program for the trap %s: it is no hypervisor that runs others in "
                 "its guests; hypervisor = kvm is one",
                 is, set->desc->file, vs_trap_name(VS_TRAP_NESTED_EXIT));
    }
    if (n_vcpus != 1) {
        vs_error(errors, "%s: of a workload with one vCPU; this one has %u", is, n_vcpus);
    }
    if (p->host_cfg.dirty_method != VS_DIRTY_OFF || p->pml) {
        vs_error(errors,
                 "%s: the log of written pages is one of a guest, not of a guest's guest: "
                 "host.dirty_log.method = off",
                 is);
    }
}

/* The memory of L1, which holds its kernel; L2's is the machine's as it is without nesting. */
static enum vs_status make_memory(struct vs_platform *p, struct vs_nested *n)
{
    bool thp = p->ept.host_page == VS_EPT_THP;
    uint64_t seed = p->options.seed + 101u;
    enum vs_status s = vs_vm_init_format(
        &n->vm, &p->second_format, p->phys, &p->node_frames[p->ept.host_table_node], L1_MEMORY,
        thp ? p->second_format.granule : vs_ept_page_shift(p->ept.host_page),
        (enum vs_frames_order)p->ept.guest_frames, seed);
    if (!s && p->nodes > 1u) {
        vs_vm_place(&n->vm, &p->node_frames[p->ept.data_node],
                    &p->node_frames[p->ept.guest_table_node]);
    }
    if (!s && thp) {
        vs_vm_thp(&n->vm, (uint32_t)p->host_cfg.fragmentation, seed);
    }
    return s ? s : guest_mm_make_hypervisor(p, &n->space, &n->vm);
}

enum vs_status machine_nested_make(struct vs_vcpu *v, const struct machine_configs *c,
                                   const struct vs_core_port *core, const struct vs_slat_port *slat,
                                   struct vs_errors *errors)
{
    struct vs_platform *p = v->p;
    struct vs_nested *n = calloc(1, sizeof *n);
    struct vs_hypervisor_config config = c->hypervisor;
    char name[48];
    v->nested = n;
    if (!n || make_memory(p, n)) {
        vs_error(errors, "vCPU %u: host.memory is too small for the hypervisor in its guest",
                 v->index);
        return VS_E_NOMEM;
    }
    snprintf(name, sizeof name, "vcpu%u/l1", v->index);
    n->actor = vs_ledger_actor(p->ledger, name);
    n->context = (struct vs_ept_context){p->vpid ? (uint16_t)(v->index + 0x101u) : 0, 0,
                                         n->space.cr3, n->vm.ept_root, 0};
    config.nesting = 0;
    struct vs_state_port state = host_nested_state(v);
    enum vs_status s = vs_hv_init(&n->hv, &config, p->programs[VS_ROLE_HYPERVISOR],
                                  p->program_values[VS_ROLE_HYPERVISOR], p->ledger, v->hw->clock,
                                  v->index, core, &state, slat);
    n->hv.affected = v->hv.affected;
    n->hv.affected.l1tf = false; /* ARCH_CAP_SKIP_VMENTRY_L1DFLUSH, which L0 tells its guest */
    vs_ledger_counters(p->ledger, n->actor, &vs_hypervisor_desc, n->hv.count);
    v->hv.nested = &n->port;
    return s;
}

void machine_nested_free(struct vs_vcpu *v)
{
    if (v->nested) {
        vs_hv_free(&v->nested->hv);
        vs_vm_free(&v->nested->vm);
        free(v->nested);
    }
}
