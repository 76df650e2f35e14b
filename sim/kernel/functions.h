/* SPDX-License-Identifier: MIT */
/*
 * What a kernel gives to kernel.c: plain.c in the program, systemc.cpp in a shared module that is
 * opened when a machine asks for it.
 */
#ifndef VIRTSIM_SIM_KERNEL_FUNCTIONS_H
#define VIRTSIM_SIM_KERNEL_FUNCTIONS_H

#include "kernel.h"

#define VS_KERNEL_MODULE "virtsim-systemc.so"
#define VS_KERNEL_SYMBOL "vs_kernel_systemc"

/* Each is the function of kernel.h of that name; `k` is what create() returned. */
struct vs_kernel_functions {
    void *(*create)(void);
    bool (*add)(void *k, const struct vs_agent *agent, unsigned *number); /* false: no memory */
    void (*wake)(void *k, unsigned agent, uint64_t at_ps);
    bool (*run)(void *k, char *error, size_t bytes);
    void (*stop)(void *k);
    void (*destroy)(void *k);
};

extern const struct vs_kernel_functions vs_kernel_plain;

#endif
