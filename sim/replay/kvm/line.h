/* SPDX-License-Identifier: MIT */
/*
 * One line of a text of trace events, whoever printed it: ftrace (trace, trace_pipe), trace-cmd
 * report with and without -l, perf script. Their columns differ, and a command's name may hold
 * anything; what all have is "TIME: EVENT: payload" with the thread and the processor before it.
 */
#ifndef VIRTSIM_SIM_REPLAY_KVM_LINE_H
#define VIRTSIM_SIM_REPLAY_KVM_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vs_kvm_line_kind {
    VS_KVM_EVENT,   /* an event, KVM's or another's */
    VS_KVM_NOTE,    /* a comment, a heading, an empty line */
    VS_KVM_LOST,    /* events are missing here, of processor `cpu`, -1: of any */
    VS_KVM_FOREIGN, /* none of these */
};

struct vs_kvm_line {
    int64_t thread; /* its id, -1: the line does not say */
    int cpu;        /* -1: likewise */
    bool timed;     /* in seconds; false: ticks of a counter */
    uint64_t ps, ticks;
    const char *event, *payload; /* within the line, which is cut up for that */
};

/* `text` ends with a 0 byte and has no line end; it is changed. */
enum vs_kvm_line_kind vs_kvm_line(char *text, struct vs_kvm_line *out);

#endif
