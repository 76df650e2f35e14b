/* SPDX-License-Identifier: MIT */
/* Between the store of knobs (knob.c) and the spelling of their values (knob_value.c). */
#ifndef VIRTSIM_CORE_KNOB_IMPL_H
#define VIRTSIM_CORE_KNOB_IMPL_H

#include "virtsim/knob.h"

/* Reads a value as the kind of its knob wants it; false: it is none. */
bool vs__knob_parse(const struct vs_knob_desc *d, const char *text, uint64_t *v);

#endif
