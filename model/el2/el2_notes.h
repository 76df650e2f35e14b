/* SPDX-License-Identifier: MIT */
/* What an exception to EL2 says, in words. */
#ifndef VIRTSIM_EL2_NOTES_H
#define VIRTSIM_EL2_NOTES_H

#include "virtsim/port/world.h"

/* ESR_EL2 with the meaning of its ISS; of aborts FAR_EL2 and HPFAR_EL2. An interrupt has none. */
unsigned vs__el2_says(void *ctx, const struct vs_exit *exit, struct vs_note *out);

#endif
