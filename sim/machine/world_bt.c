/* SPDX-License-Identifier: MIT */
/* A guest whose kernel is translated in a machine: the world of a guest without privileges, and
 * around it the calls of translated code. */
#include "world.h"

#include "bt/bt.h"
#include "deprivileged/deprivileged.h"
#include "host/bt.h"

struct config {
    struct vs_bt_config bt;
    struct vs_deprivileged_config deprivileged;
    struct vs_translator_config blocks;
};

struct parts {
    struct vs_bt bt;
    struct vs_deprivileged deprivileged;
    struct host_bt blocks;
};

/* Takes its knobs; what the processor's own virtualization would give is not there. */
static void load(struct vs_platform *p, const struct vs_knobs *k, void *config)
{
    struct config *c = config;
    vs_knobs_load(k, &vs_bt_desc, &c->bt);
    vs_knobs_load(k, &vs_deprivileged_desc, &c->deprivileged);
    vs_knobs_load(k, &vs_translator_desc, &c->blocks);
    p->vpid = true; /* the monitor's pages stay as global ones, the guest's go by MOV to CR3 */
    p->flushes_at_once = true;
    p->deprivileged = true;
}

/* Adds what a monitor without hardware cannot do. */
static void check(const struct vs_platform *p, const void *config, struct vs_errors *errors)
{
    const struct config *c = config;
    vs__world_deprivileged_check(p, "binary_translation", errors);
    vs__world_translator_check(&c->blocks, errors);
}

/* Gives a vCPU its ports. */
static enum vs_status make(struct vs_vcpu *v, struct vs_errors *errors)
{
    struct parts *w = v->world_ctx;
    const struct config *c = v->p->kind_config;
    const struct vs_core_port core = vs_cpu_core_port(&v->hw->cpu);
    enum vs_status s = vs__world_deprivileged_make(v, &w->deprivileged, &c->deprivileged, errors);
    s = s ? s : host_bt_make(v, &w->blocks, &c->blocks, errors);
    vs_bt_init(&w->bt, &c->bt, v->p->ledger, &v->world, &core);
    vs_ledger_counters(v->p->ledger, v->guest, &vs_bt_desc, w->bt.count);
    v->world = vs_bt_world(&w->bt);
    return s;
}

/* The guest runs from its first picosecond on; its controller posts nothing, but has a page. */
static enum vs_status start(struct vs_vcpu *v, uint64_t *descriptor, struct vs_errors *errors)
{
    return vs__world_pages(v, descriptor, 1, errors);
}

/* Frees what the world has of the host. */
static void give_back(void *world_ctx)
{
    struct parts *w = world_ctx;
    host_bt_free(&w->blocks);
}

/* Registers the operations of binary translation and of what it rests on. */
static void ops(void)
{
    vs_bt_register();
    vs_deprivileged_register_as(vs_bt_desc.name);
    vs_translator_register(vs_bt_desc.name);
}

const struct vs_world_kind vs__world_bt = {
    .name = "a translated kernel (binary translation)",
    .desc = &vs_bt_desc,
    .also = {&vs_translator_desc, &vs_deprivileged_desc},
    .technique = VS_TECHNIQUE_BINARY_TRANSLATION,
    .ops = ops,
    .config = sizeof(struct config),
    .bytes = sizeof(struct parts),
    .load = load,
    .check = check,
    .make = make,
    .start = start,
    .free = give_back,
};
