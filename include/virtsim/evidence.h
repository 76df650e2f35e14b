/* SPDX-License-Identifier: MIT */
/*
 * Evidence for a group of knobs. A measurement often fixes a sum and not its parts: the phases of a
 * round trip, both directions of a link, instructions times their pace. A source then grades the
 * group: what the knobs make together is as firm as the source, the split over them stays as
 * assumed as each knob says. The group holds while every knob has the value it was stated with.
 */
#ifndef VIRTSIM_EVIDENCE_H
#define VIRTSIM_EVIDENCE_H

#include "virtsim/knob.h"

#define VS_GROUP_MEMBERS 24u

struct vs_group_member {
    char path[96];
    uint64_t value; /* with which the sum is what was measured */
};

struct vs_group {
    char name[48], source[256];
    enum vs_evidence grade; /* of the sum; never assumed */
    struct vs_group_member member[VS_GROUP_MEMBERS];
    size_t n;
};

/* Notes the values the group's knobs have now as those it was stated with. */
void vs_group_fix(struct vs_group *g, const struct vs_knobs *knobs);
/* Whether all knobs of the group still have those values; a knob the machine lacks breaks it. */
bool vs_group_holds(const struct vs_group *g, const struct vs_knobs *knobs);
/* Compares grades: positive when `a` is weaker than `b`. Measured is firmest, then documented,
 * derived, assumed. */
int vs_evidence_weaker(enum vs_evidence a, enum vs_evidence b);

#endif
