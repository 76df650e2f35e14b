/* SPDX-License-Identifier: MIT */
/* Which processor each vCPU runs on: knobs that a run has for its vCPUs, and what is wrong with
 * them. */
#include "machine_impl.h"

#include <stdio.h>
#include <stdlib.h>

#define ANY VS__VCPUS /* of a pin: the vCPU's own number, modulo the processors */

const struct vs_knob_desc *vs_pin_knob(unsigned vcpu)
{
    static struct vs_knob_desc knob[VS__VCPUS];
    static char path[VS__VCPUS][16];
    if (vcpu >= VS__VCPUS) {
        return NULL;
    }
    snprintf(path[vcpu], sizeof path[vcpu], "vcpu.%u.cpu", vcpu);
    knob[vcpu] = (struct vs_knob_desc){
        .path = path[vcpu],
        .kind = VS_KNOB_NUM,
        .def = ANY,
        .max = ANY,
        .unit = "processor",
        .grade = VS_GRADE_assumed,
        .source = "nobody has pinned it",
        .text = "the processor that the vCPU is pinned to, from 0; 64 = its own number modulo "
                "host.cpus",
    };
    return &knob[vcpu];
}

/* Where it is pinned. */
static unsigned pin_of(const struct vs_platform *p, const struct vs_knobs *knobs, unsigned vcpu,
                       struct vs_errors *errors)
{
    const struct vs_knob_desc *d = vs_pin_knob(vcpu);
    const struct vs_knob *k = d ? vs_knobs_find(knobs, d->path) : NULL;
    uint64_t at = k ? k->value : ANY;
    if (at == ANY) {
        return vcpu % p->n_hwthreads;
    }
    if (at >= p->n_hwthreads) {
        vs_error(errors,
                 "%s = %llu: there %s %u processor%s (host.cpus = %llu%s); 0 to %u, or host.cpus "
                 "= %llu",
                 d->path, (unsigned long long)at, p->n_hwthreads > 1u ? "are" : "is",
                 p->n_hwthreads, p->n_hwthreads > 1u ? "s" : "", (unsigned long long)p->sched.cpus,
                 p->sched.cpus ? "" : ": as many as vCPUs", p->n_hwthreads - 1u,
                 (unsigned long long)at + 1u);
        return 0;
    }
    return (unsigned)at;
}

/* Whether the processor has more than one vCPU. */
bool machine_shared(const struct vs_platform *p, unsigned processor)
{
    unsigned threads = 0;
    for (unsigned i = 0; i < p->n_pins; i++) {
        threads += p->pin[i] == processor;
    }
    bool worker =
        processor >= p->sched.worker_cpu && processor - p->sched.worker_cpu < p->sched.workers;
    return threads > 1u || worker;
}

/* What several threads of a processor need. */
static void check_shared(const struct vs_platform *p, unsigned processor, struct vs_errors *errors)
{
    const char *needs[] = {"vcpu_switch", "worker"};
    if (!p->virtualized) {
        vs_error(errors,
                 "processor %u is shared (vcpu.<i>.cpu, host.cpus, worker.threads): on bare metal "
                 "each program has a processor to itself; choose a machine with a hypervisor",
                 processor);
        return;
    }
    for (unsigned i = 0; i < (p->sched.workers ? 2u : 1u); i++) {
        if (vs_program_set_find(p->programs[VS_ROLE_HYPERVISOR], needs[i]) == VS_PROGRAM_NONE) {
            vs_error(errors,
                     "processor %u is shared, and %s has no program.%s: this hypervisor does not "
                     "schedule threads",
                     processor, p->programs[VS_ROLE_HYPERVISOR]->desc->file, needs[i]);
        }
    }
    if (p->options.sites || p->options.watch) {
        vs_error(errors,
                 "processor %u is shared: what is kept by place (--sites) or watched at every size "
                 "(curve) is that of one program a processor; pin each vCPU to its own",
                 processor);
    }
}

enum vs_status machine_pins(struct vs_platform *p, const struct vs_knobs *knobs, unsigned n_vcpus,
                            struct vs_errors *errors)
{
    size_t before = errors->n;
    p->n_hwthreads = p->sched.cpus ? (unsigned)p->sched.cpus : n_vcpus;
    p->hwthread = calloc(p->n_hwthreads, sizeof *p->hwthread);
    p->pin = calloc(n_vcpus, sizeof *p->pin);
    if (!p->hwthread || !p->pin) {
        return VS_E_NOMEM;
    }
    for (p->n_pins = 0; p->n_pins < n_vcpus; p->n_pins++) {
        p->pin[p->n_pins] = pin_of(p, knobs, p->n_pins, errors);
    }
    unsigned long long needed = p->sched.worker_cpu;
    needed += p->sched.workers;
    if (p->sched.workers && needed > p->n_hwthreads) {
        vs_error(errors,
                 "worker.threads = %llu from worker.cpu = %llu on: there are processors 0 to %u; "
                 "host.cpus = %llu has room for them",
                 (unsigned long long)p->sched.workers, (unsigned long long)p->sched.worker_cpu,
                 p->n_hwthreads - 1u, needed);
    }
    for (unsigned i = 0; errors->n == before && i < p->n_hwthreads; i++) {
        if (machine_shared(p, i)) {
            check_shared(p, i, errors);
        }
    }
    return errors->n > before ? VS_E_CONFIG : VS_OK;
}
