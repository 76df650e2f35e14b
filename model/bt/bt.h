/* SPDX-License-Identifier: MIT */
/*
 * Binary translation of a guest's kernel: a world around that of a guest without privileges. What
 * its privileged instructions do is in the translation, emulated there or by a call of the monitor
 * (a callout): they do not fault, and there are no holes. Page faults and interrupts, which are
 * nobody's instruction, leave as they do without translation.
 */
#ifndef VIRTSIM_BT_H
#define VIRTSIM_BT_H

#include "virtsim/op.h"
#include "virtsim/port/core.h"
#include "virtsim/port/world.h"

#define VS_DEF_NAME bt
#define VS_DEF_FILE "bt/bt.def"
#include "virtsim/def_types.h"

struct vs_bt {
    struct vs_bt_config config;
    struct vs_world_port inner; /* of the guest without privileges */
    struct vs_core_port core;
    uint64_t count[VS_CNT_bt_N];
    uint16_t base;
    uint64_t stores; /* of the kernel's to guarded page tables, which one instruction makes */
    bool called;     /* the monitor was called, and has not returned: leave; enter */
};

void vs_bt_register(void);
void vs_bt_init(struct vs_bt *b, const struct vs_bt_config *config, struct vs_ledger *ledger,
                const struct vs_world_port *inner, const struct vs_core_port *core);
struct vs_world_port vs_bt_world(struct vs_bt *b);

#endif
