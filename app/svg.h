/* SPDX-License-Identifier: MIT */
/* A cost tree as a picture: one row a part, its bar where the time of the parts before it ends. */
#ifndef VIRTSIM_APP_SVG_H
#define VIRTSIM_APP_SVG_H

#include "explain/tree.h"

#define SVG_PANELS 4u

struct svg_panel {
    const struct vs_tree *tree;
    const char *machine;
    double period_ps; /* of the core's clock: cycles beside nanoseconds */
};

/* All panels on one time scale. 0, or errno of what went wrong with the file. */
int svg_write(const char *path, const struct svg_panel *panel, size_t n);

#endif
