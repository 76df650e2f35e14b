/* SPDX-License-Identifier: MIT */
/*
 * Adaptive interrupt moderation of a driver, as Linux's ixgbevf has it: a class of traffic by the
 * bytes that came in the last interval, an interval for each class, and smoothing between them.
 */
#include "net.h"

#define LOW 10u /* bytes a microsecond, beyond which traffic is no longer of the lowest class */
#define BULK 20u
#define QUARTER_US 250000u /* the register's unit */

/* Least time between two interrupts of each class: 100,000, 20,000 and 12,000 a second. */
static const uint64_t interval[] = {
    [VS_TRAFFIC_LOWEST] = 40, [VS_TRAFFIC_LOW] = 200, [VS_TRAFFIC_BULK] = 336};

void guest_moderation_begin(struct vs_moderation *m)
{
    *m = (struct vs_moderation){.quarters = interval[VS_TRAFFIC_LOW]};
}

/* One class up or down at a time, by what came. */
static enum vs_traffic_class next_class(enum vs_traffic_class now, uint64_t bytes_per_us)
{
    switch (now) {
    case VS_TRAFFIC_LOWEST:
        return bytes_per_us > LOW ? VS_TRAFFIC_LOW : now;
    case VS_TRAFFIC_LOW:
        return bytes_per_us > BULK   ? VS_TRAFFIC_BULK
               : bytes_per_us <= LOW ? VS_TRAFFIC_LOWEST
                                     : now;
    default:
        return bytes_per_us <= BULK ? VS_TRAFFIC_LOW : now;
    }
}

bool guest_moderation_update(struct vs_moderation *m, uint64_t *itr_ps)
{
    uint64_t us = m->quarters / 4u, before = m->quarters;
    if (!m->bytes || !us) {
        return false;
    }
    m->class = next_class(m->class, m->bytes / us);
    m->bytes = 0;
    uint64_t wanted = interval[m->class];
    if (wanted != before) {
        m->quarters = 10u * wanted * before / (9u * wanted + before);
    }
    *itr_ps = m->quarters * QUARTER_US;
    return m->quarters != before;
}
