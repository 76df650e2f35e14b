/* SPDX-License-Identifier: MIT */
/* What the shared module with SystemC in it gives to kernel.c, under the name "vs_kernel_systemc".
 */
#ifndef VIRTSIM_SIM_KERNEL_MODULE_H
#define VIRTSIM_SIM_KERNEL_MODULE_H

#include "kernel.h"

#define VS_KERNEL_MODULE "virtsim-systemc.so"
#define VS_KERNEL_SYMBOL "vs_kernel_systemc"

/* Each is the function of kernel.h of that name; `k` is what create() returned. */
struct vs_kernel_functions {
    void *(*create)(void);
    unsigned (*add)(void *k, const struct vs_agent *agent);
    void (*wake)(void *k, unsigned agent, uint64_t at_ps);
    bool (*run)(void *k, char *error, size_t bytes);
    void (*stop)(void *k);
    void (*destroy)(void *k);
};

#endif
