/* SPDX-License-Identifier: MIT */
/* What hosts of translators have in common. */
#include "host/translated.h"

static const enum vs_hv_entry programs[VS_TRANSLATOR_PATHS] = {
    [VS_TRANSLATOR_DISPATCH] = VS_HV_ENTRY_TCG_DISPATCH,
    [VS_TRANSLATOR_LOOKUP] = VS_HV_ENTRY_TCG_LOOKUP,
    [VS_TRANSLATOR_FIND] = VS_HV_ENTRY_TCG_FIND,
    [VS_TRANSLATOR_CHAIN] = VS_HV_ENTRY_TCG_CHAIN,
    [VS_TRANSLATOR_TRANSLATE] = VS_HV_ENTRY_TCG_TRANSLATE,
    [VS_TRANSLATOR_ONE] = VS_HV_ENTRY_TCG_ONE,
    [VS_TRANSLATOR_CODE_WRITE] = VS_HV_ENTRY_TCG_CODE_WRITE,
    [VS_TRANSLATOR_DROP] = VS_HV_ENTRY_TCG_DROP,
    [VS_TRANSLATOR_EMPTY] = VS_HV_ENTRY_TCG_EMPTY,
};

enum vs_hv_entry host_translator_program(enum vs_translator_path p)
{
    return programs[p];
}

bool host_translator_code(struct vs_vcpu *v, struct vs_translator *c, vs_gva at, uint64_t bytes,
                          uint64_t *done, struct vs_translation *fault)
{
    const uint64_t most = c->config.block_bytes;
    for (*done = 0; *done < bytes; *done += most) {
        const uint64_t left = bytes - *done;
        if (!vs_translator_block(c, &v->txn, at.v + *done, (uint32_t)(left < most ? left : most),
                                 v->kernel, fault)) {
            return false;
        }
    }
    return true;
}
