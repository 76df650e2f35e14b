/* SPDX-License-Identifier: MIT */
/* What a machine and the architecture of its processors have: each component counts its own. */
#include "irqchip.h"
#include "world.h"

#include <assert.h>
#include <stdlib.h>

struct list {
    struct vs_fact *fact;
    size_t n;
};

/* Appends a fact: vs_facts.take. */
static void take(void *ctx, const struct vs_fact *fact)
{
    struct list *l = ctx;
    assert(l->n < VS_FACTS);
    l->fact[l->n++] = *fact;
}

/* Those of an interrupt controller, of a machine's knobs or (NULL) of its defaults. */
static void of_chip(const struct vs_irqchip_kind *chip, const struct vs_knobs *k,
                    const struct vs_facts *to)
{
    void *config = calloc(1, chip->config);
    if (config && k) {
        vs_knobs_load(k, chip->desc, config);
    } else if (config) {
        vs_defaults(chip->desc, config);
    }
    if (config) {
        chip->facts(config, to);
    }
    free(config);
}

size_t vs_facts_of_architectures(struct vs_fact out[VS_FACTS])
{
    struct list l = {out, 0};
    const struct vs_facts all = {&l, take}, *to = &all;
    size_t n;
    const struct vs_world_kind *const *world = vs_worlds(&n);
    for (size_t i = 0; i < n; i++) {
        if (world[i]->facts) {
            world[i]->facts(to);
        }
    }
    const struct vs_irqchip_kind *const *chip = vs_irqchips(&n);
    for (size_t i = 0; i < n; i++) {
        of_chip(chip[i], NULL, to);
    }
    return l.n;
}

size_t vs_facts_of_machine(const struct vs_knobs *k, struct vs_fact out[VS_FACTS])
{
    struct list l = {out, 0};
    const struct vs_facts all = {&l, take}, *to = &all;
    struct vs_ept_config ept;
    struct vs_memory_config memory;
    vs_knobs_load(k, &vs_ept_desc, &ept);
    vs_knobs_load(k, &vs_memory_desc, &memory);
    uint64_t technique = vs_knobs_find(k, "hypervisor.technique")->value;
    const struct vs_world_kind *world = vs__world_of(technique, ept.vendor);
    if (world && world->facts) {
        world->facts(to);
    }
    of_chip(vs__irqchip_of(ept.vendor), k, to);
    vs_ept_facts(&ept, to);
    vs_memory_facts(&memory, to);
    const struct vs_program_set *set = vs_program_set_of(k, VS_ROLE_HYPERVISOR);
    if (set && ept.mode != VS_EPT_NATIVE) {
        vs_hv_facts(set, to);
    }
    return l.n;
}
