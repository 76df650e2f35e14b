/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers of one processor, those that hold a value: which there are, by vendor,
 * what may be written, and what was (msrs.def). No time: what RDMSR and WRMSR cost, and whether
 * they leave a guest, is asked elsewhere.
 */
#ifndef VIRTSIM_CPU_MSR_H
#define VIRTSIM_CPU_MSR_H

#include <stdbool.h>
#include <stdint.h>

enum vs_msr_vendor { VS_MSR_INTEL = 1, VS_MSR_AMD = 2, VS_MSR_X86 = 3 };

/* One word for each register of msrs.def. */
enum {
#define VS_MSR(first, last, NAME, ...)                                                             \
    VS_MSR_AT_##NAME, VS_MSR_END_##NAME = VS_MSR_AT_##NAME + (last) - (first),
#include "cpu/msrs.def"
#undef VS_MSR
    VS_MSRS
};

struct vs_msrs {
    enum vs_msr_vendor vendor;
    uint64_t value[VS_MSRS];
};

/* As a system finds them that Linux has booted. */
void vs_msrs_reset(struct vs_msrs *m, enum vs_msr_vendor vendor);
/* NULL: done. Otherwise why it is a general-protection fault. */
const char *vs_msr_read(const struct vs_msrs *m, uint32_t index, uint64_t *value);
const char *vs_msr_write(struct vs_msrs *m, uint32_t index, uint64_t value);

#endif
