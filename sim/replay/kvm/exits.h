/* SPDX-License-Identifier: MIT */
/*
 * The exits of a trace of KVM's events: text of ftrace, trace-cmd report or perf script, from an
 * Intel, AMD or Arm host, as one list a vCPU. A vCPU is one thread of the file: older kernels and
 * Arm's print no number of it, and two machines on a host share numbers.
 *
 * An exit and an entry are a pair when they follow each other in their thread and no events were
 * lost between them. What nested events tell of an exit again is not counted again.
 */
#ifndef VIRTSIM_SIM_REPLAY_KVM_EXITS_H
#define VIRTSIM_SIM_REPLAY_KVM_EXITS_H

#include "replay/kvm/names.h"
#include "virtsim/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VS_KVM_UNKNOWN UINT64_MAX

/* One exit. Times are those of the trace; VS_KVM_UNKNOWN: it does not tell. */
struct vs_kvm_exit {
    const struct vs_kvm_reason *reason; /* NULL: one that reasons.def has not */
    const char *name;                   /* as printed, where there is no reason; NULL: a number */
    uint64_t number;                    /* likewise */
    uint64_t guest_ps, handler_ps;      /* before it since the entry; until the next entry */
    uint64_t address;                   /* guest-physical, of a fault or a device */
    uint32_t what; /* port, register (VS_SYSREG on Arm), leaf, vector, control register, number of a
                      hypercall */
    uint32_t size; /* bytes of a port's or a device's access, 0: unknown */
    uint8_t trap;  /* enum vs_trap_kind; VS_TRAP_N: virtsim has none */
    uint8_t x86;   /* enum vs_x86: which instruction, where the trap has several */
    bool write, fetch, device, user; /* user: user space was asked */
    bool signals;                    /* a write that was an event of the host's kernel: ioeventfd */
    bool injects; /* the hypervisor put an interrupt in, which the entry carries */
    bool known;   /* `what` is */
    bool failed;  /* the entry before it failed */
};

struct vs_kvm_thread {
    int64_t id;   /* of the thread, -1: the trace has none */
    int64_t vcpu; /* its number, -1: likewise */
    struct vs_kvm_exit *exit;
    size_t n, room;
    uint64_t entries, lost; /* lost: pairs that events lost between them took apart */
};

struct vs_kvm_exits {
    enum vs_kvm_vendor vendor;
    bool either; /* its exits have the same names on Intel's and AMD's; vendor is Intel */
    bool ticks;  /* times are ticks of a counter: no durations are known */
    struct vs_kvm_thread *thread;
    size_t n_threads;
    char **name; /* of reasons that reasons.def has not */
    size_t n_names;
    uint64_t lines, exits, losses, foreign, unknown; /* unknown: events of KVM's exits that could
                                                        not be read */
    uint64_t first_foreign, first_unknown;           /* lines, from 1 */
    uint64_t first_loss;
    bool cut; /* the last line has no end */
    uint64_t hash;
    char compression[96];
};

/* The beginning of a file looks like such a trace. Reads as much of it as that takes; standard
 * input is none. */
bool vs_kvm_is(const char *path);
/* Reads it; `err` says where and why it cannot. vs_kvm_free also after a failure. */
enum vs_status vs_kvm_read(const char *path, struct vs_kvm_exits *out, char *err, size_t err_bytes);
/* The same from memory, for tests. */
enum vs_status vs_kvm_read_memory(const void *data, size_t bytes, struct vs_kvm_exits *out,
                                  char *err, size_t err_bytes);
void vs_kvm_free(struct vs_kvm_exits *e);
/* "Intel's", "AMD's", "Arm's". */
const char *vs_kvm_vendor_text(enum vs_kvm_vendor vendor);

#endif
