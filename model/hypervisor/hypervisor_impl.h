/* SPDX-License-Identifier: MIT */
/* What the files of this folder share. */
#ifndef VIRTSIM_HYPERVISOR_IMPL_H
#define VIRTSIM_HYPERVISOR_IMPL_H

#include "hypervisor/hypervisor.h"

/* The window of pause-loop exiting becomes `next`; KVM writes it where that is something else. */
void vs__hv_set_spin(struct vs_hypervisor *h, struct vs_txn *t, uint64_t now, uint64_t next,
                     unsigned counter);

/* entries.c: a condition of programs about a guest hypervisor; others hold. */
bool vs__hv_nested_holds(const struct vs_hypervisor *h, enum vs_predicate p);

/* entries.c: an action of programs about a guest hypervisor, others do nothing; false: its entry
 * fails. */
bool vs__hv_nested(struct vs_hypervisor *h, struct vs_txn *t, enum vs_action a);

/* domains.c: the processor goes to the domain that has the devices, or back to the guest's own. */
void vs__hv_domain(struct vs_hypervisor *h, bool devices);

/* domains.c: reports programs that go to that domain and do not come back. */
void vs__hv_check_domains(const struct vs_program_set *set, struct vs_errors *errors);

/* devices.c: the hypervisor emulates what is at this port or address itself. */
bool vs__hv_in_kernel(const struct vs_hypervisor_config *c, bool port, uint64_t io);

#endif
