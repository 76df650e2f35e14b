/* SPDX-License-Identifier: MIT */
/* The interrupt controllers a machine's processors may have: a component of model/ each, behind
 * virtsim/port/irq.h. */
#ifndef VIRTSIM_SIM_MACHINE_IRQCHIP_H
#define VIRTSIM_SIM_MACHINE_IRQCHIP_H

#include "machine_impl.h"

struct vs_irqchip_kind {
    const char *name;  /* as its manual calls it */
    const char *actor; /* vcpuN/... */
    const struct vs_component_desc *desc;
    const char *knobs;    /* what their paths begin with */
    size_t config, bytes; /* sizes: of its configuration, of what a vCPU has of it */
    /* The configuration, and what the machine is to know of it. */
    void (*load)(struct vs_platform *p, const struct vs_knobs *k, void *config);
    void (*check)(const struct vs_platform *p, struct vs_errors *errors);
    void (*facts)(const void *config, const struct vs_facts *to);
    /* A vCPU's, into v->irq; v->irq_ctx has `bytes` zeros. `page`: memory for its descriptor, or
     * for what a hypervisor keeps of it. */
    void (*make)(struct vs_vcpu *v, const void *config, vs_hpa page);
};

/* That of a vendor's processors. All of them. */
const struct vs_irqchip_kind *vs__irqchip_of(uint64_t vendor);
const struct vs_irqchip_kind *const *vs_irqchips(size_t *n);

#endif
