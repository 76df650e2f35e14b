/* SPDX-License-Identifier: MIT */
/* Between the file of a recording (open.c) and its programs (play.c). */
#ifndef VIRTSIM_SIM_RECORDING_IMPL_H
#define VIRTSIM_SIM_RECORDING_IMPL_H

#include "recording/format.h"
#include "recording/recording.h"

struct vs_vst_lane; /* the program of one vCPU */

struct vs_recording {
    int fd; /* -1: memory */
    const uint8_t *mem;
    uint64_t size, hash;
    char *name, *text;
    struct vs_vst_header header;
    uint64_t codes; /* that its blocks hold (vs_vst_bit); VS_VST_OTHERS: nobody has looked yet */
    bool *holds;    /* by code, once somebody has; NULL before */
    struct vs_vst_lane *lane;
};

/* All n bytes at that offset; false: the file has fewer. */
bool vs__vst_read(const struct vs_recording *r, uint64_t at, void *out, size_t n);
/* Once the file is found sound; false: no memory. */
bool vs__vst_lanes(struct vs_recording *r);
void vs__vst_lanes_free(struct vs_recording *r);

#endif
