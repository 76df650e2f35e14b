/* SPDX-License-Identifier: MIT */
/* Shared between the files of this component. */
#ifndef VIRTSIM_EL2_IMPL_H
#define VIRTSIM_EL2_IMPL_H

#include "el2/el2_world.h"

/* EL1's registers that KVM moves where another level or the host gets them: how many. */
#define VS__EL1_REGISTERS 22u
/* Pairs of general registers that a switch moves: the guest's, the hypervisor's own. */
#define VS__GUEST_PAIRS 16u
#define VS__HOST_PAIRS 6u

/* el2_world.c: the operation of a trap (an index; -1: it stays in the guest) and what it says. */
int vs__el2_decide(struct vs_el2 *e, const struct vs_trap *t, struct vs_el2_syndrome *s);
/* What handlers read and write of the vCPU structure. */
bool vs__el2_read_state(void *ctx, struct vs_txn *t, enum vs_state what, uint64_t *value);
bool vs__el2_write_state(void *ctx, struct vs_txn *t, enum vs_state what, uint64_t value);

#endif
