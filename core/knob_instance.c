/* SPDX-License-Identifier: MIT */
/*
 * Knobs of one instance of a component that a machine has several of: "pcie1.width" beside
 * "pcie.width", which is that of all. A store has such a knob once somebody sets it; its
 * description is the component's under another path, made once for the process and kept.
 */
#include "virtsim/knob.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH 128u

struct instance {
    struct vs_knob_desc desc;
    struct instance *next;
    char path[PATH];
};
static struct instance *instances;
static const char *const *numbered;

void vs_knobs_numbered(const char *const *components)
{
    numbered = components;
}

bool vs_knob_instance(const char *path, unsigned *index, char *base, size_t bytes)
{
    for (const char *const *c = numbered; c && *c; c++) {
        size_t word = 0;
        while (path[word] && path[word] == (*c)[word]) {
            word++;
        }
        if ((*c)[word]) {
            continue;
        }
        const char *digit = path + word;
        if (isdigit((unsigned char)digit[0]) && digit[1] == '.') {
            *index = (unsigned)(digit[0] - '0');
            snprintf(base, bytes, "%s%s", *c, digit + 1);
            return true;
        }
    }
    return false;
}

const struct vs_knob_desc *vs_knob_instance_of(const struct vs_knobs *k, const char *path)
{
    unsigned index;
    char base[PATH];
    const struct vs_knob *all;
    if (!vs_knob_instance(path, &index, base, sizeof base) || strlen(path) >= PATH ||
        !(all = vs_knobs_find(k, base))) {
        return NULL;
    }
    for (const struct instance *i = instances; i; i = i->next) {
        if (!strcmp(i->path, path)) {
            return &i->desc;
        }
    }
    struct instance *made = calloc(1, sizeof *made);
    if (!made) {
        return NULL;
    }
    snprintf(made->path, sizeof made->path, "%s", path);
    made->desc = *all->desc;
    made->desc.path = made->path;
    made->next = instances;
    instances = made;
    return &made->desc;
}

void vs_knobs_load_instance(const struct vs_knobs *k, const struct vs_component_desc *c,
                            unsigned index, void *config)
{
    vs_knobs_load(k, c, config);
    for (size_t i = 0; instances && i < vs_knobs_count(k); i++) {
        const struct vs_knob *own = vs_knobs_at(k, i);
        unsigned of;
        char base[PATH];
        if (!vs_knob_instance(own->desc->path, &of, base, sizeof base) || of != index) {
            continue;
        }
        const struct vs_knob *all = vs_knobs_find(k, base);
        bool ours = all && all->desc >= c->knobs && all->desc < c->knobs + c->n_knobs;
        if (ours && own->rank >= all->rank) { /* what a run says of all is said of this one, too */
            memcpy((char *)config + all->desc->offset, &own->value, sizeof own->value);
        }
    }
}
