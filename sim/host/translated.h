/* SPDX-License-Identifier: MIT */
/* What hosts of translators have in common: a kernel's code, block by block, and their programs. */
#ifndef VIRTSIM_SIM_HOST_TRANSLATED_H
#define VIRTSIM_SIM_HOST_TRANSLATED_H

#include "cpu/vcpu.h"

#include "translator/translator.h"

/* The hypervisor's program of a path. */
enum vs_hv_entry host_translator_program(enum vs_translator_path p);
/* As struct vs_translator_port has it; false: *fault. */
bool host_translator_code(struct vs_vcpu *v, struct vs_translator *c, vs_gva at, uint64_t bytes,
                          uint64_t *done, struct vs_translation *fault);

#endif
