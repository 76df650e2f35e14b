/* SPDX-License-Identifier: MIT */
/*
 * A thread of a trace of exits as a guest source. Between an entry and an exit the guest works for
 * as long as the trace says. A page that the second dimension lacks is one that the guest has not
 * touched before, in the 2 MiB of guest-physical memory where it was; touched again after an
 * earlier fault, it is in another 2 MiB, as new as it was to that host. Halts last until the
 * recorded entry. What else left the guest is offered to the processor as the trap that it was.
 */
#ifndef VIRTSIM_SIM_REPLAY_KVM_SOURCE_H
#define VIRTSIM_SIM_REPLAY_KVM_SOURCE_H

#include "replay/kvm/exits.h"
#include "virtsim/request.h"

struct vs_kvm_source;

/* NULL: no memory. The thread outlives it. */
struct vs_kvm_source *vs_kvm_source_create(const struct vs_kvm_thread *thread);
/* Bytes of guest memory that its pages take. */
uint64_t vs_kvm_source_memory(const struct vs_kvm_source *s);
void vs_kvm_source(struct vs_kvm_source *s, struct vs_guest_source *out);
void vs_kvm_source_destroy(struct vs_kvm_source *s);

/* What an exit is called: its operation's own KVM name, or the number in hex. */
const char *vs_kvm_exit_name(const struct vs_kvm_exit *e, char *out, size_t bytes);

#endif
