/* SPDX-License-Identifier: MIT */
/*
 * What one processor has of Arm's interrupt controller (GICv3, Arm IHI 0069): the states that
 * distributor and redistributor keep of each INTID, and the CPU interface. In a guest the CPU
 * interface works on list registers, which software fills before an entry and reads back after an
 * exit; the states are then those that the guest's hypervisor keeps.
 *
 * INTIDs: 0-15 SGIs, 16-31 PPIs, 32 and up SPIs; 256 in all, as GICD_TYPER.ITLinesNumber 7 and
 * KVM's default have it. Lower priority values come first; 5 bits count, all of which preempt.
 */
#ifndef VIRTSIM_GIC_H
#define VIRTSIM_GIC_H

#include "virtsim/fact.h"
#include "virtsim/port/irq.h"

#define VS_DEF_NAME gic
#define VS_DEF_FILE "gic/gic.def"
#include "virtsim/def_types.h"

#define VS_GIC_INTIDS 256u
#define VS_GIC_SGIS 16u
#define VS_GIC_SPI 32u
#define VS_GIC_VIRTUAL_TIMER 27u /* PPI: Server Base System Architecture, Linux's device trees */
#define VS_GIC_PRIORITY 0xa0u    /* of every interrupt: Linux's GICD_INT_DEF_PRI */
#define VS_GIC_MASK 0xf0u        /* Linux's DEFAULT_PMR_VALUE */
#define VS_GIC_IDLE 0xffu        /* running priority without an active interrupt */
#define VS_GIC_LISTS 16u         /* list registers the architecture has at most */

/* ICH_LR<n>_EL2 */
#define VS_LR_INTID 0xffffffffull
#define VS_LR_PINTID_SHIFT 32
#define VS_LR_PRIORITY_SHIFT 48
#define VS_LR_GROUP1 (1ull << 60)
#define VS_LR_HW (1ull << 61)
#define VS_LR_PENDING (1ull << 62)
#define VS_LR_ACTIVE (1ull << 63)

struct vs_gic_wiring {
    struct vs_ledger *ledger;
    struct vs_clock clock;
    /* Of a guest: it has list registers, an access to which takes so long, and its hypervisor's
     * copies are in this line of memory. Else 0. */
    bool virtual;
    uint64_t system_cycles;
    struct vs_mem_port mem;
    vs_hpa copies;
};

struct vs_gic {
    struct vs_gic_config cfg;
    struct vs_gic_wiring wire;
    uint16_t account;
    uint64_t message_ps, signal_ps, acknowledge_ps, eoi_ps, sgi_ps, system_ps, its_ps;
    uint64_t pending[VS_GIC_INTIDS / 64], active[VS_GIC_INTIDS / 64];
    uint64_t direct[VS_GIC_INTIDS / 64]; /* pending in the virtual processor's own table: GICv4 */
    uint64_t
        held[VS_GIC_INTIDS / 64];  /* the physical interrupt is active until the guest ends it */
    uint64_t since[VS_GIC_INTIDS]; /* when each became pending: in order of number 1, 2, ... */
    uint64_t arrivals;
    uint8_t priority[VS_GIC_INTIDS];
    bool mapped[VS_GIC_INTIDS]; /* in a guest: a physical interrupt of this number is behind it */
    uint8_t mask;               /* ICC_PMR_EL1: 0 at reset, nothing is signalled */
    uint32_t running;           /* ICC_AP1R0_EL1: active priorities, bit = value >> 3 */
    bool loaded; /* by load, until save: the list registers hold the guest's interrupts */
    uint64_t lr[VS_GIC_LISTS];
    unsigned used;
    bool underflow; /* ICH_HCR_EL2.UIE: others wait */
    uint64_t count[VS_CNT_gic_N];
};

void vs_gic_init(struct vs_gic *g, const struct vs_gic_config *config,
                 const struct vs_gic_wiring *wiring);
/* The port's functions, for one processor. */
struct vs_irq_port vs_gic_port(struct vs_gic *g);
/* GICD_IPRIORITYR<n>: unimplemented bits read as zero. */
void vs_gic_prioritize(struct vs_gic *g, uint8_t intid, uint8_t priority);
/* What such a controller has: a struct vs_gic_config. */
void vs_gic_facts(const void *config, const struct vs_facts *to);
/* ICC_RPR_EL1. */
uint8_t vs_gic_running(const struct vs_gic *g);

#endif
