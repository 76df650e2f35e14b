/* SPDX-License-Identifier: MIT */
/*
 * A guest without privileges (trap and emulate): its kernel runs outside of ring 0, and what needs
 * ring 0 faults through a gate into the monitor, whose software saves the registers. The processor
 * decides by privilege level alone: nothing can be configured that it lacks a rule for, and what is
 * sensitive but not privileged does not fault (counted as a hole).
 *
 * Time: every function takes the transaction it serves; NULL means untimed. Nothing can fail.
 */
#ifndef VIRTSIM_DEPRIVILEGED_H
#define VIRTSIM_DEPRIVILEGED_H

#include "virtsim/op.h"
#include "virtsim/phys.h"
#include "virtsim/port/mem.h"
#include "virtsim/port/state.h"
#include "virtsim/port/tlb.h"
#include "virtsim/port/world.h"

#define VS_DEF_NAME deprivileged
#define VS_DEF_FILE "deprivileged/deprivileged.def"
#include "virtsim/def_types.h"

/* The monitor's structure of one vCPU: the frame that the processor pushes on its stack (error
 * code, RIP, CS, RFLAGS, RSP, SS), the vector that its entry notes, the guest's registers, and what
 * else its handlers keep of the guest's state, a word for each enum vs_state. */
enum {
    VS_MONITOR_AT_FRAME = 0x000,
    VS_MONITOR_AT_VECTOR = 0x040,
    VS_MONITOR_AT_GUEST = 0x080,
    VS_MONITOR_AT_STATE = 0x100,
    VS_MONITOR_BYTES = 0x1000
};

struct vs_deprivileged_wiring {
    struct vs_ledger *ledger;
    struct vs_clock clock;
    struct vs_phys *phys;
    struct vs_mem_port mem;
    struct vs_tlb_port tlb;
    uint16_t guest_actor;
    uint16_t tag; /* of the vCPU's translations, beside which the monitor's are global */
};

struct vs_deprivileged {
    struct vs_deprivileged_config config;
    struct vs_deprivileged_wiring wire;
    uint64_t count[VS_CNT_deprivileged_N];
    uint16_t base;
    vs_hpa at; /* the monitor's structure: VS_MONITOR_BYTES */
    bool in_guest;
    bool masked, shadow; /* the virtual interrupt flag is clear; STI's instruction has executed */
};

/* Registers the operations of faults.def; again: nothing. */
void vs_deprivileged_register(void);
/* The same as those of a world that this one is part of. */
void vs_deprivileged_register_as(const char *world);
void vs_deprivileged_init(struct vs_deprivileged *d, const struct vs_deprivileged_config *config,
                          const struct vs_deprivileged_wiring *wiring, vs_hpa at);
struct vs_world_port vs_deprivileged_world(struct vs_deprivileged *d);
struct vs_state_port vs_deprivileged_state(struct vs_deprivileged *d);

#endif
