/* SPDX-License-Identifier: MIT */
/* The programs that no trap starts: the machine does, for what its hypervisor has to do besides;
 * and what programs do about a guest hypervisor. */
#include "hypervisor/hypervisor_impl.h"

static const struct vs_hv_exit no_exit;

/* Reports programs that C goes round or may interrupt and that are not of a kind where it can. */
static void check_entries(const struct vs_program_set *set, struct vs_errors *errors)
{
    static const struct {
        const char *name;
        bool (*is)(const struct vs_program *p);
        const char *why;
    } entries[] = {
#define VS_HV_ENTRY(e, name) {name, vs_program_only_runs, "it is gone round: `run` steps alone"},
        VS_HV_LOOPS(VS_HV_ENTRY)
#undef VS_HV_ENTRY
#define VS_HV_ENTRY(e, name)                                                                       \
    {name, vs_program_only_cycles, "an event may interrupt it: one step, cycles = N"},
            VS_HV_STRETCHES(VS_HV_ENTRY)
#undef VS_HV_ENTRY
    };
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        uint16_t p = vs_program_set_find(set, entries[i].name);
        if (p != VS_PROGRAM_NONE && !entries[i].is(&set->program[p])) {
            vs_error(errors, "%s: program %s: %s", set->desc->file, entries[i].name,
                     entries[i].why);
        }
    }
}

/* Reports everything in a configuration that cannot be. */
void vs_hv_check(const struct vs_hypervisor_config *c, const struct vs_program_set *set,
                 const uint64_t *values, struct vs_errors *errors)
{
    if (c->fault_around & (c->fault_around - 1u)) {
        vs_error(errors, "host.fault_around = %llu: an aligned group is a power of two",
                 (unsigned long long)c->fault_around);
    }
    bool x86 = vs_program_set_find(set, "rsb_fill") != VS_PROGRAM_NONE;
    bool any = x86 || vs_program_set_find(set, "bhb") != VS_PROGRAM_NONE;
    if ((c->mitigations && !any) || (c->ibpb_on_exit && !x86)) {
        vs_error(errors,
                 "hypervisor.%s: %s has no steps for them; the programs of KVM have, on x86 both",
                 c->mitigations && !any ? "mitigations" : "ibpb_on_exit", set->desc->file);
    }
    if (c->host_registers && vs_program_set_find(set, "host_msrs") == VS_PROGRAM_NONE) {
        vs_error(errors,
                 "hypervisor.host_registers: %s has no steps for them; KVM's on AMD has (kvm_npt)",
                 set->desc->file);
    }
    vs__hv_check_domains(set, errors);
    vs_program_set_check(set, values, errors);
    check_entries(set, errors);
}

/* Runs one of the programs that the machine starts, for what `exit` says; one that the hypervisor
 * does not have does nothing. */
static bool start(struct vs_hypervisor *h, struct vs_txn *t, enum vs_hv_entry entry,
                  const struct vs_hv_exit *exit)
{
    const struct vs_hv_exit *outer = h->exit;
    if (h->entry[entry] == VS_PROGRAM_NONE) {
        return true;
    }
    h->exit = exit;
    bool good = vs_program_run(&h->software, t, h->entry[entry]) != VS_PROGRAM_FAILED;
    h->exit = outer;
    return good;
}

void vs_hv_run(struct vs_hypervisor *h, struct vs_txn *t, enum vs_hv_entry entry)
{
    (void)start(h, t, entry, h->exit);
}

void vs_hv_kernel(struct vs_hypervisor *h, struct vs_txn *t, enum vs_hv_entry entry)
{
    (void)start(h, t, entry, &no_exit);
}

void vs_hv_code(struct vs_hypervisor *h, struct vs_txn *t, enum vs_hv_entry loop)
{
    if (h->entry[loop] != VS_PROGRAM_NONE) {
        vs_program_code(&h->software, t, h->entry[loop]);
    }
}

void vs_hv_rounds(struct vs_hypervisor *h, struct vs_txn *t, enum vs_hv_entry loop, uint64_t n)
{
    if (h->entry[loop] != VS_PROGRAM_NONE) {
        vs_program_rounds(&h->software, t, h->entry[loop], n);
    }
}

void vs_hv_kick(struct vs_hypervisor *h, struct vs_txn *t,
                void (*kick)(void *ctx, struct vs_txn *t), void *ctx)
{
    if (h->entry[VS_HV_ENTRY_KICK] ==
        VS_PROGRAM_NONE) { /* it is sent, at the price of the message */
        kick(ctx, t);
        return;
    }
    h->kick = kick;
    h->kick_ctx = ctx;
    (void)start(h, t, VS_HV_ENTRY_KICK, h->exit);
    h->kick = NULL;
}

bool vs_hv_back(struct vs_hypervisor *h, struct vs_txn *t, vs_gpa at)
{
    struct vs_hv_exit exit = {.guest_physical = at.v};
    return start(h, t, VS_HV_ENTRY_BACK, &exit);
}

bool vs_hv_fault_in(struct vs_hypervisor *h, struct vs_txn *t, vs_gpa at)
{
    struct vs_hv_exit exit = {.guest_physical = at.v};
    return start(h, t, VS_HV_ENTRY_VFIO_FAULT, &exit);
}

void vs_hv_device(struct vs_hypervisor *h, struct vs_txn *t)
{
    (void)start(h, t, VS_HV_ENTRY_EMULATE, h->exit);
}

bool vs_hv_inject(struct vs_hypervisor *h, struct vs_txn *t, uint8_t vector, bool virtual_delivery)
{
    struct vs_hv_exit exit = {.inject = vector, .virtual_delivery = virtual_delivery};
    h->injected = false;
    (void)start(h, t, VS_HV_ENTRY_INJECT, &exit);
    return h->injected;
}

void vs_hv_inject_nmi(struct vs_hypervisor *h, struct vs_txn *t, bool more, bool held)
{
    struct vs_hv_exit exit = {.nmi = true, .more_nmis = more, .virtual_nmi = held};
    h->nmi_injected = h->nmi_windowed = h->nmi_held = false;
    (void)start(h, t, VS_HV_ENTRY_INJECT_NMI, &exit);
}

void vs_hv_host_interrupt(struct vs_hypervisor *h, struct vs_txn *t)
{
    h->count[VS_CNT_hypervisor_host_interrupts]++;
    h->l1d_due = true;
    vs_open(t, VS_OP_HANDLER_INTERRUPT);
    (void)start(h, t, VS_HV_ENTRY_HOST_INTERRUPT, &no_exit);
    vs_close(t);
}

void vs_hv_switch(struct vs_hypervisor *h, struct vs_txn *t)
{
    (void)start(h, t, VS_HV_ENTRY_SWITCH, &no_exit);
}

bool vs_hv_work_item(struct vs_hypervisor *h, struct vs_txn *t, const struct vs_program_stop *stop)
{
    uint16_t program = h->entry[VS_HV_ENTRY_WORKER];
    if (stop && program != VS_PROGRAM_NONE) {
        return vs_program_run_from(&h->software, t, program, &h->at, stop) != VS_PROGRAM_STOPPED;
    }
    (void)start(h, t, VS_HV_ENTRY_WORKER, &no_exit);
    return true;
}

/* What has come for the guest hypervisor is an interrupt of its own, or its timer's end. */
static bool arrived(const struct vs_hv_exit *e)
{
    return e->handed == VS_TRAP_INTERRUPT || e->handed == VS_TRAP_TIMER;
}

bool vs__hv_nested_holds(const struct vs_hypervisor *h, enum vs_predicate p)
{
    const struct vs_hv_exit *e = h->exit;
    switch (p) {
    case VS_WHEN_NESTED:
        return e->nested;
    case VS_WHEN_NESTED_SHADOW:
        return h->nested && h->nested->shadows;
    case VS_WHEN_NESTED_TIMER:
        return h->nested && h->nested->timer;
    case VS_WHEN_NESTED_INTERRUPT:
        return arrived(e) && !e->woken;
    case VS_WHEN_NESTED_EVENT:
        return arrived(e);
    case VS_WHEN_NESTED_EXCEPTION:
        return e->handed && !arrived(e);
    case VS_WHEN_NESTED_WOKEN:
        return e->woken;
    default:
        return true;
    }
}

bool vs__hv_nested(struct vs_hypervisor *h, struct vs_txn *t, enum vs_action a)
{
    const struct vs_nested_port *n = h->nested;
    switch (a) {
    case VS_ACTION_NESTED_DECIDE:
        (void)n->wants(n->ctx, t, h->exit->trap, h->exit->exit);
        break;
    case VS_ACTION_NESTED_SAVE:
        n->save(n->ctx, t);
        break;
    case VS_ACTION_NESTED_LEAVE:
        n->leave(n->ctx, t);
        break;
    case VS_ACTION_NESTED_PUBLISH:
        n->publish(n->ctx, t);
        break;
    case VS_ACTION_NESTED_COLLECT:
        n->collect(n->ctx, t);
        break;
    case VS_ACTION_NESTED_CHECK:
        return n->check(n->ctx, t);
    case VS_ACTION_NESTED_MERGE:
        h->l1d_due = true; /* nested_vmx_run */
        n->merge(n->ctx, t);
        break;
    default:
        break;
    }
    return true;
}
