/* SPDX-License-Identifier: MIT */
/*
 * The virtualization architectures a machine's processors may have, one wiring file each
 * (world_*.c): what a component of model/ needs of the machine, and what the machine is to know of
 * it. Which of them a program contains is decided when it is built (VIRTSIM_WITHOUT).
 */
#ifndef VIRTSIM_SIM_MACHINE_WORLD_H
#define VIRTSIM_SIM_MACHINE_WORLD_H

#include "machine_impl.h"

struct vs_world_kind {
    const char *name; /* as its manual calls it */
    const struct vs_component_desc *desc;
    const struct vs_component_desc *also[2]; /* others that it consists of; NULL */
    uint64_t technique;                      /* of hypervisor.technique */
    uint64_t vendor;                         /* of cpu.vendor, where that decides: of hardware's */
    bool nests;        /* a hypervisor in its guest is simulated (machine/nested.c) */
    void (*ops)(void); /* registers its exits */
    /* what the architecture has; NULL: it is no architecture */
    void (*facts)(const struct vs_facts *to);
    size_t config, bytes; /* sizes: of its configuration, of what a vCPU has of it */
    /* The configuration as the whole machine needs it, and what the machine is to know (p->...). */
    void (*load)(struct vs_platform *p, const struct vs_knobs *k, void *config);
    void (*check)(const struct vs_platform *p, const void *config, struct vs_errors *errors);
    /* A vCPU's ports, into v->world and v->state; v->world_ctx has `bytes` zeros. */
    enum vs_status (*make)(struct vs_vcpu *v, struct vs_errors *errors);
    /* The guest is entered for the first time, untimed; its tables exist. *page: 4 KiB for what
     * its interrupt controller has in memory: a posted-interrupt descriptor, or what the hypervisor
     * keeps of its list registers. */
    enum vs_status (*start)(struct vs_vcpu *v, uint64_t *page, struct vs_errors *errors);
    /* What `make` has allocated besides; NULL: nothing. */
    void (*free)(void *world_ctx);
    /* Its making takes time, the vCPU's first; false: the processor refuses. NULL: never. */
    bool (*create)(struct vs_vcpu *v);
    /* Its end takes time, the vCPU's last; of the last one of its machine, the machine's. NULL:
     * never. */
    void (*destroy)(struct vs_vcpu *v, bool last);
};

extern const struct vs_world_kind vs__world_vmx, vs__world_svm, vs__world_el2,
    vs__world_deprivileged, vs__world_tcg, vs__world_bt;

/* That of a technique on a vendor's processors, or NULL: it was left out. All of them: vs_worlds.
 */
const struct vs_world_kind *vs__world_of(uint64_t technique, uint64_t vendor);
const struct vs_world_kind *const *vs_worlds(size_t *n);

/* world_vmcs.c, for others: frames of 4 KiB in host memory. */
enum vs_status vs__world_pages(struct vs_vcpu *v, uint64_t *page, unsigned n,
                               struct vs_errors *errors);

/* world_deprivileged.c: what every monitor without hardware needs of its machine; the ports of a
 * guest without privileges. */
struct vs_deprivileged;
struct vs_deprivileged_config;
void vs__world_deprivileged_check(const struct vs_platform *p, const char *technique,
                                  struct vs_errors *errors);
enum vs_status vs__world_deprivileged_make(struct vs_vcpu *v, struct vs_deprivileged *d,
                                           const struct vs_deprivileged_config *config,
                                           struct vs_errors *errors);

/* world_tcg.c: a cache has room for a block. */
struct vs_translator_config;
void vs__world_translator_check(const struct vs_translator_config *c, struct vs_errors *errors);

#endif
