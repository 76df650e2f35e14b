/* SPDX-License-Identifier: MIT */
/* Knobs and accounts of the simulation itself (sim.def): run-ahead quantum, region-of-interest cut.
 */
#ifndef VIRTSIM_SIM_H
#define VIRTSIM_SIM_H

#define VS_DEF_NAME sim
#define VS_DEF_FILE "virtsim/sim.def"
#include "virtsim/def_types.h"

#endif
