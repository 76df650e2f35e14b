/* SPDX-License-Identifier: MIT */
/* A guest that is translated by software in a machine: its memory is a process's, whose address
 * space the processor translates in one dimension. */
#include "world.h"

#include "host/tcg.h"

/* Takes its knobs; what the processor's own virtualization would give is not there. */
static void load(struct vs_platform *p, const struct vs_knobs *k, void *config)
{
    struct host_tcg_config *c = config;
    vs_knobs_load(k, &vs_tcg_desc, &c->tcg);
    vs_knobs_load(k, &vs_translator_desc, &c->blocks);
    p->flushes_at_once = true;
}

void vs__world_translator_check(const struct vs_translator_config *c, struct vs_errors *errors)
{
    if (c->cache_bytes < c->block_extra + 2u * c->block_code) {
        vs_error(errors,
                 "translator.cache.bytes = %llu has no room for a block of translator.block.code + "
                 "translator.block.extra bytes",
                 (unsigned long long)c->cache_bytes);
    }
}

/* Adds what a translator cannot do, or is not simulated to do. */
static void check(const struct vs_platform *p, const void *config, struct vs_errors *errors)
{
    const struct host_tcg_config *all = config;
    const struct vs_tcg_config *c = &all->tcg;
    static const char *const is = "hypervisor.technique = tcg";
    if (p->ept.mode != VS_EPT_SOFTMMU) {
        vs_error(errors, "%s needs paging.mode = softmmu: its TLB is software's", is);
    }
    if (p->ept.vendor == VS_VENDOR_ARM) {
        vs_error(errors, "%s is for x86: cpu.vendor = intel or amd", is);
    }
    if (p->xapic) {
        vs_error(errors,
                 "%s needs interrupt.apic = x2apic: the page of an xAPIC is emulated under "
                 "VMX alone",
                 is);
    }
    if (p->host_cfg.dirty_method) {
        vs_error(errors,
                 "%s: the log of written pages is one of a second dimension: "
                 "host.dirty_log.method = off",
                 is);
    }
    if (p->built.vms) {
        vs_error(errors, "%s: of one virtual machine: guest.vms = one", is);
    }
    if (p->options.recorded) {
        vs_error(errors,
                 "%s: recordings of whole guests are not simulated there; a machine with "
                 "hardware virtualization replays them",
                 is);
    }
    if (p->options.sites || p->options.watch) {
        vs_error(errors,
                 "%s: places of a program and curves of a structure are the processor's, "
                 "which knows the translator's addresses alone",
                 is);
    }
    if (c->tlb_least > c->tlb_bits || c->tlb_bits > c->tlb_most) {
        vs_error(errors,
                 "tcg.tlb.bits = %llu does not lie between tcg.tlb.least_bits = %llu and "
                 "tcg.tlb.most_bits = %llu",
                 (unsigned long long)c->tlb_bits, (unsigned long long)c->tlb_least,
                 (unsigned long long)c->tlb_most);
    }
    vs__world_translator_check(&all->blocks, errors);
}

/* Gives a vCPU its ports. */
static enum vs_status make(struct vs_vcpu *v, struct vs_errors *errors)
{
    static const char *const is = "hypervisor.technique = tcg";
    if (v->hw->cpu.cfg.window || !v->hw->cpu.cfg.translation) {
        vs_error(errors, "%s needs cpu.window = 0 and cpu.translation = 1", is);
        return VS_E_CONFIG;
    }
    return host_tcg_make(v, v->p->kind_config, errors);
}

/* The guest runs from its first picosecond on; its controller posts nothing, but has a page. */
static enum vs_status start(struct vs_vcpu *v, uint64_t *descriptor, struct vs_errors *errors)
{
    return vs__world_pages(v, descriptor, 1, errors);
}

/* Registers the operations of TCG and of what it rests on. */
static void ops(void)
{
    vs_tcg_register();
    vs_translator_register(vs_tcg_desc.name);
}

const struct vs_world_kind vs__world_tcg = {
    .name = "a guest in software (tcg)",
    .desc = &vs_tcg_desc,
    .also = {&vs_translator_desc},
    .technique = VS_TECHNIQUE_TCG,
    .ops = ops,
    .config = sizeof(struct host_tcg_config),
    .bytes = sizeof(struct host_tcg),
    .load = load,
    .check = check,
    .make = make,
    .start = start,
    .free = host_tcg_free,
};
