/* SPDX-License-Identifier: MIT */
#include "ept/ept.h"

#include <string.h>

struct vs_settab *vs_ept_table(struct vs_ept *e, const char *name)
{
    static const char guest[] = "ept.guest_pwc.l", nested[] = "ept.nested_pwc.l";
    bool g = !strncmp(name, guest, sizeof guest - 1), n = !strncmp(name, nested, sizeof nested - 1);
    if (g || n) {
        unsigned level = (unsigned)(name[(g ? sizeof guest : sizeof nested) - 1] - '0');
        return level < 2u || level >= VS_EPT_LEVELS ? NULL : g ? &e->gpwc[level] : &e->npwc[level];
    }
    return !strcmp(name, "ept.l2_tlb")       ? &e->l2
           : !strcmp(name, "ept.l2_itlb")    ? &e->l2i
           : !strcmp(name, "ept.nested_tlb") ? &e->nested
           : !strcmp(name, "ept.walk_lines") ? &e->lines
                                             : NULL;
}
