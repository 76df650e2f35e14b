/* SPDX-License-Identifier: MIT */
/* A monitor that translates its guest's kernel, of one vCPU. */
#ifndef VIRTSIM_SIM_HOST_BT_H
#define VIRTSIM_SIM_HOST_BT_H

#include "cpu/vcpu.h"

#include "translator/translator.h"

struct host_bt {
    struct vs_translator blocks;
    uint64_t *page; /* host-physical, of each 4 KiB of the cache that has been used */
    uint64_t pages;
};

/* Fills `h`, zeros, and becomes the vCPU's translator; what it holds is given back. */
enum vs_status host_bt_make(struct vs_vcpu *v, struct host_bt *h,
                            const struct vs_translator_config *config, struct vs_errors *errors);
void host_bt_free(struct host_bt *h);

#endif
