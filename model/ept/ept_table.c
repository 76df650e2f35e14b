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
    const struct {
        const char *name;
        struct vs_settab *table;
    } tables[] = {{"ept.l1_dtlb_4k", &e->data->tlb[0].table[VS_L1_SMALL]},
                  {"ept.l1_dtlb_2m", &e->data->tlb[0].table[VS_L1_LARGE]},
                  {"ept.l1_dtlb_1g", &e->data->tlb[0].table[VS_L1_HUGE]},
                  {"ept.l1_dtlb_store", &e->data->tlb[1].table[VS_L1_SMALL]},
                  {"ept.l1_itlb_4k", &e->fetch->tlb[0].table[VS_L1_SMALL]},
                  {"ept.l1_itlb_2m", &e->fetch->tlb[0].table[VS_L1_LARGE]},
                  {"ept.l2_tlb", &e->l2},
                  {"ept.l2_tlb_1g", &e->l2_1g},
                  {"ept.l2_itlb", &e->l2i},
                  {"ept.nested_tlb", &e->nested},
                  {"ept.walk_lines", &e->lines}};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (!strcmp(name, tables[i].name)) {
            return tables[i].table;
        }
    }
    return NULL;
}
