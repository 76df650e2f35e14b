/* SPDX-License-Identifier: MIT */
/* What of a link's configuration cannot be. */
#include "pcie/pcie.h"

/* Reports a value that is no power of two. */
static void power_of_two(const char *link, const char *name, uint64_t value,
                         struct vs_errors *errors)
{
    if (value & (value - 1u)) {
        vs_error(errors, "%s.%s = %llu is not a power of two", link, name,
                 (unsigned long long)value);
    }
}

/* Reports a width that no link has. */
static void lanes(const char *link, const char *name, uint64_t width, struct vs_errors *errors)
{
    if (width & (width - 1u)) {
        vs_error(errors, "%s.%s = %llu: links have 1, 2, 4, 8, 16 or 32 lanes", link, name,
                 (unsigned long long)width);
    }
}

/* Reports everything in a configuration that cannot be. */
void vs_pcie_check(const struct vs_pcie_config *c, const char *link, struct vs_errors *errors)
{
    power_of_two(link, "mps", c->mps, errors);
    power_of_two(link, "mrrs", c->mrrs, errors);
    power_of_two(link, "rcb", c->rcb, errors);
    lanes(link, "width", c->width, errors);
    lanes("pcie", "switch.width", c->switch_width, errors);
}
