/* SPDX-License-Identifier: MIT */
#include "virtsim/sim.h"

#define VS_DEF_NAME sim
#define VS_DEF_FILE "virtsim/sim.def"
#include "virtsim/def_tables.h"
