/* SPDX-License-Identifier: MIT */
#include "software.h"

#include <string.h>

const struct vs_program_set *vs_software(enum vs_role role, const char *name)
{
    struct vs_errors none = {NULL, 0}; /* the build has linked them all */
    const struct vs_program_set *set = NULL;
    for (const struct vs_program_set_desc *d = vs_software_tables; d->name && !set; d++) {
        if (d->role == role && !strcmp(d->name, name)) {
            set = vs_program_set_link(d, NULL, NULL, &none);
        }
    }
    vs_errors_free(&none);
    return set;
}

const struct vs_program_set *vs_software_default(enum vs_role role)
{
    return vs_software(role, role == VS_ROLE_GUEST ? "linux" : "kvm");
}
