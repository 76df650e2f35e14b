/* SPDX-License-Identifier: MIT */
#include "software.h"

#include <string.h>

const struct vs_program_set *vs_software(const char *hypervisor)
{
    struct vs_errors none = {NULL, 0}; /* the build has linked them all */
    const struct vs_program_set *set = NULL;
    for (const struct vs_program_set_desc *d = vs_software_tables; d->name && !set; d++) {
        if (!strcmp(d->name, hypervisor)) {
            set = vs_program_set_link(d, NULL, NULL, &none);
        }
    }
    vs_errors_free(&none);
    return set;
}
