/* SPDX-License-Identifier: MIT */
/* A trace of exits as an input of a run: its exits, and a guest source for each of its vCPUs. */
#ifndef VIRTSIM_SIM_REPLAY_KVM_KVM_H
#define VIRTSIM_SIM_REPLAY_KVM_KVM_H

#include "replay/kvm/source.h"

struct vs_knobs;

struct vs_kvm {
    struct vs_kvm_exits exits;
    struct vs_kvm_source **source; /* of each thread that has exits */
    unsigned *thread;              /* its index in `exits` */
    unsigned n;
};

/* What was recorded of one reason on one vCPU. Times of pairs only. */
struct vs_kvm_row {
    unsigned source; /* the vCPU, counted in this trace */
    int64_t thread, vcpu;
    const struct vs_kvm_exit *exit; /* one of them: reason, number, trap */
    uint64_t n, pairs, total_ps, min_ps, max_ps;
};

enum vs_status vs_kvm_open(const char *path, struct vs_kvm **out, char *err, size_t err_bytes);
void vs_kvm_close(struct vs_kvm *k); /* NULL is allowed */
/* Bytes of guest memory that its vCPUs need, the most of one. */
uint64_t vs_kvm_memory(const struct vs_kvm *k);
/* Rows in order of time and count; the caller frees them. NULL: no memory. */
struct vs_kvm_row *vs_kvm_rows(const struct vs_kvm *k, size_t *n);
/* The operation that this exit is here, "": virtsim has none. */
const char *vs_kvm_op(const struct vs_kvm_exit *e);
/* What a reader of the results should know of the file: calls say with each remark. */
void vs_kvm_remarks(const struct vs_kvm *k, const char *path,
                    void (*say)(void *ctx, const char *text), void *ctx);

#endif
