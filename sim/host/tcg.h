/* SPDX-License-Identifier: MIT */
/* A translator of guests as a process of the host, of one vCPU. */
#ifndef VIRTSIM_SIM_HOST_TCG_H
#define VIRTSIM_SIM_HOST_TCG_H

#include "cpu/vcpu.h"

#include "tcg/tcg.h"
#include "translator/translator.h"

#define HOST_TCG_SEEN 4096u

struct host_tcg_config {
    struct vs_tcg_config tcg;
    struct vs_translator_config blocks;
};
struct host_tcg {
    struct vs_tcg tcg;
    struct vs_translator blocks;
    uint64_t code_end; /* of what is mapped of the cache */
    /* pages of guest memory that are mapped in the process; page: 1 more than its number */
    struct {
        uint64_t page, hpa;
    } seen[HOST_TCG_SEEN];
};

/* The world's context is a struct host_tcg of zeros, which this fills; what it holds is given back.
 */
enum vs_status host_tcg_make(struct vs_vcpu *v, const struct host_tcg_config *config,
                             struct vs_errors *errors);
void host_tcg_free(void *h);

#endif
