/* SPDX-License-Identifier: MIT */
/* One machine from its knobs: configurations checked, memory and virtual machines made, components
 * wired, region of interest. */
#include "guest/drivers/net.h"
#include "irqchip.h"
#include "machine_impl.h"
#include "watch.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VS_DEF_NAME machine
#define VS_DEF_FILE "machine/machine.def"
#include "virtsim/def_tables.h"

/* Takes every component's knobs, and chooses what the machine virtualizes with. */
static void load(struct vs_platform *p, const struct vs_knobs *k, struct machine_configs *c)
{
    vs_knobs_load(k, &vs_sim_desc, &p->sim);
    vs_knobs_load(k, &vs_vcpu_desc, &p->times);
    vs_knobs_load(k, &vs_os_desc, &p->os);
    vs_knobs_load(k, &vs_machine_desc, &p->built);
    vs_knobs_load(k, &vs_sched_desc, &p->sched);
    vs_knobs_load(k, &vs_host_desc, &p->host_cfg);
    vs_knobs_load(k, &vs_ept_desc, &p->ept);
    vs_knobs_load(k, &vs_cpu_desc, &c->cpu);
    vs_knobs_load(k, &vs_memory_desc, &c->memory);
    vs_knobs_load(k, &vs_hypervisor_desc, &c->hypervisor);
    vs_knobs_load(k, &vs_shadow_desc, &c->shadow);
    for (int i = 0; i < VS_ROLES; i++) {
        p->programs[i] = vs_program_set_of(k, (enum vs_role)i);
        p->program_values[i] = calloc(1, p->programs[i]->component.config_bytes + 1u);
        if (p->program_values[i]) {
            vs_knobs_load(k, &p->programs[i]->component, p->program_values[i]);
        }
    }
    p->virtualized = p->ept.mode != VS_EPT_NATIVE;
    p->shadow = p->ept.mode == VS_EPT_SHADOW;
    p->hosted_tlb = p->shadow || p->ept.mode == VS_EPT_SOFTMMU;
    bool hardware = p->virtualized && p->built.technique == VS_TECHNIQUE_HARDWARE;
    p->svm = hardware && p->ept.vendor == VS_VENDOR_AMD;
    p->el2 = hardware && p->ept.vendor == VS_VENDOR_ARM;
    p->irqchip = vs__irqchip_of(p->ept.vendor);
    p->irqchip_config = calloc(1, p->irqchip->config);
    if (p->irqchip_config) {
        p->irqchip->load(p, k, p->irqchip_config);
    }
    p->kind = p->virtualized ? vs__world_of(p->built.technique, p->ept.vendor) : NULL;
    p->kind_config = p->kind ? calloc(1, p->kind->config) : NULL;
    if (p->kind_config) {
        p->kind->load(p, k, p->kind_config);
    }
    p->level_vector = (uint8_t)c->hypervisor.level_vector;
    p->posts_timer = p->posts_timer && c->hypervisor.post_timer;
}

/* Adds what is wrong with the virtualization of the machine's processors. */
static void check_world(const struct vs_platform *p, struct vs_errors *errors)
{
    if (p->kind_config) {
        p->kind->check(p, p->kind_config, errors);
    } else {
        vs_error(errors,
                 "paging.mode: this program was built without the virtualization of that processor "
                 "(-DVIRTSIM_WITHOUT=%s); paging.mode = native runs",
                 vs_world_name(p->built.technique, p->ept.vendor));
    }
    if (p->ept.mode == VS_EPT_SOFTMMU && p->built.technique != VS_TECHNIQUE_TCG) {
        vs_error(errors,
                 "paging.mode = softmmu needs hypervisor.technique = tcg: a TLB in software "
                 "is a translator's");
    }
    if (p->ept.mode != VS_EPT_EPT && p->ept.mbec) {
        vs_error(errors, "ept.mode_based_execute = 1 needs paging.mode = ept");
    }
    const struct vs_program_set *set = p->programs[VS_ROLE_HYPERVISOR];
    if (p->times.recorded_device == VS_DEVICE_VHOST && !vs_program_set_asks(set, VS_WHEN_EVENTFD)) {
        vs_error(errors,
                 "replay.device = vhost: %s has no step for an event in place of an access to a "
                 "device (when = \"eventfd\"): its devices are user space's or its own",
                 set->desc->file);
    }
}

/* Adds what is wrong with each component, and with two of them together. */
static void check(struct vs_platform *p, const struct machine_configs *c, struct vs_errors *errors)
{
    struct vs_errors told = {NULL, 0}; /* by vs_ept_check */
    vs_cpu_check(&c->cpu, errors);
    vs_memory_check(&c->memory, errors);
    vs_ept_check(&p->ept, errors);
    vs_ept_formats_of(&p->ept, &p->guest_format, &p->second_format, &told);
    vs_errors_free(&told);
    vs_ept_upper_of(&p->ept, &p->upper_format);
    guest_mm_layout(p, errors);
    guest_programs_check(p, errors);
    p->irqchip->check(p, errors);
    if (p->built.host_memory > 1ull << p->ept.physical_bits) {
        vs_error(
            errors, "host.memory = %llu bytes: physical addresses have ept.physical_bits = %llu",
            (unsigned long long)p->built.host_memory, (unsigned long long)p->ept.physical_bits);
    }
    if (p->ept.mode != VS_EPT_NATIVE && p->program_values[VS_ROLE_HYPERVISOR]) {
        vs_hv_check(&c->hypervisor, p->programs[VS_ROLE_HYPERVISOR],
                    p->program_values[VS_ROLE_HYPERVISOR], errors);
        check_world(p, errors);
        host_memory_check(p, errors);
        if (p->shadow) {
            vs_shadow_check(&c->shadow, errors);
        }
        if (p->ept.guest_memory > p->built.host_memory / 2) {
            vs_error(
                errors, "guest.memory = %llu needs host.memory of at least twice that; it is %llu",
                (unsigned long long)p->ept.guest_memory, (unsigned long long)p->built.host_memory);
        }
    }
}

/* Refuses parts on NUMA nodes that there are not. */
static void check_nodes(const struct vs_platform *p, const struct machine_configs *c,
                        struct vs_errors *errors)
{
    const struct {
        const char *path;
        uint64_t node;
    } at[] = {{"cpu.node", c->cpu.node},
              {"host.data_node", p->ept.data_node},
              {"guest.table_node", p->ept.guest_table_node},
              {"host.table_node", p->ept.host_table_node}};
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        if (at[i].node >= c->memory.nodes) {
            vs_error(errors, "%s = %llu: there is no such node with memory.nodes = %llu",
                     at[i].path, (unsigned long long)at[i].node,
                     (unsigned long long)c->memory.nodes);
        }
    }
}

/* The bottom of memory is the recording's: how much, in whole 2M, and whether enough is left. */
static enum vs_status check_recorded(struct vs_platform *p, uint64_t bytes,
                                     struct vs_errors *errors)
{
    if (!p->options.recorded) {
        return VS_OK;
    }
    if (p->options.recorded > 1u && p->n_vms < p->options.recorded) {
        vs_error(errors,
                 "%u recordings of whole guests need a virtual machine each: set "
                 "guest.vms=each on a machine with a hypervisor",
                 p->options.recorded);
        return VS_E_CONFIG;
    }
    uint64_t own = p->options.recorded_memory ? p->options.recorded_memory : p->built.replay_memory,
             all = p->virtualized ? p->ept.guest_memory : bytes;
    p->recorded = (own + (1u << 21) - 1u) & ~((1ull << 21) - 1u);
    if (p->recorded >= all) {
        vs_error(errors,
                 "%s = %llu: a recording's own memory (%llu bytes) and that of its replay do not "
                 "fit",
                 p->virtualized ? "guest.memory" : "host.memory", (unsigned long long)all,
                 (unsigned long long)p->recorded);
        return VS_E_CONFIG;
    }
    return VS_OK;
}

/* A kernel that colors pages takes as many colors as the largest way of L2 and LLC has pages where
 * that is a power of two (ReactOS, ntoskrnl/mm/ARM3/mminit.c, MiComputeColorInformation). */
static uint32_t page_colors(const struct vs_memory_config *m)
{
    uint64_t way = m->l2_ways ? m->l2_size / m->l2_ways : 0,
             last = m->llc_ways ? m->llc_size / m->llc_ways : 0,
             colors = (last > way ? last : way) >> VS_PAGE_4K_SHIFT;
    return !colors || (colors & (colors - 1u)) ? VS_FRAMES_COLORS
           : colors > VS_FRAMES_MAX_COLORS     ? VS_FRAMES_MAX_COLORS
                                               : (uint32_t)colors;
}

/* Makes the memory of a virtual machine. */
static enum vs_status make_vm(struct vs_platform *p, unsigned index, uint32_t colors)
{
    struct vs_vm *vm = &p->vm[index];
    enum vs_frames_order order = (enum vs_frames_order)p->ept.guest_frames;
    uint64_t seed = p->options.seed + 1 + index;
    enum vs_status s =
        vs_vm_init_format(vm, &p->second_format, p->phys, &p->node_frames[p->ept.host_table_node],
                          p->ept.guest_memory,
                          p->ept.host_page == VS_EPT_THP ? p->second_format.granule
                                                         : vs_ept_page_shift(p->ept.host_page),
                          order, seed);
    if (!s && p->recorded) {
        s = vs_vm_keep(vm, p->recorded, order, seed);
    }
    if (p->nodes > 1u) {
        vs_vm_place(vm, &p->node_frames[p->ept.data_node],
                    &p->node_frames[p->ept.guest_table_node]);
    }
    vs_frames_fragment(&vm->guest, (uint32_t)p->ept.fragmentation);
    s = s ? s : vs_frames_color(&vm->guest, colors);
    return s ? s : host_memory_make(p, index);
}

/* Makes physical memory with its nodes, the virtual machines in it, and the memory system. */
static enum vs_status make_machine(struct vs_platform *p, const struct machine_configs *c,
                                   struct vs_errors *errors)
{
    /* nodes have the same, in whole chunks of 2 MiB; host.memory has room for one each */
    uint64_t bytes =
        p->built.host_memory - p->built.host_memory % (c->memory.nodes << VS_PAGE_2M_SHIFT);
    /* frames begin above 1 MiB: low memory is the firmware's */
    uint64_t first = 1u << 21;
    if (check_recorded(p, bytes / c->memory.nodes, errors)) {
        return VS_E_CONFIG;
    }
    if (p->recorded && !p->virtualized) {
        first = p->recorded;
    }
    p->phys = vs_phys_create(bytes);
    if (!p->phys) {
        vs_error(errors, "host.memory = %llu: no memory is left for this process (ulimit -v)",
                 (unsigned long long)p->built.host_memory);
        return VS_E_NOMEM;
    }
    enum vs_status s = VS_OK;
    p->nodes = (unsigned)c->memory.nodes;
    p->frames = &p->node_frames[c->cpu.node];
    uint32_t colors = page_colors(&c->memory);
    for (unsigned i = 0; i < p->nodes && !s; i++) {
        uint64_t from = i ? i * (bytes / p->nodes) : first, end = (i + 1u) * (bytes / p->nodes);
        s = vs_frames_init(&p->node_frames[i], from, end - from,
                           (enum vs_frames_order)p->ept.host_frames, p->options.seed + i);
        s = s ? s : vs_frames_color(&p->node_frames[i], colors);
    }
    struct vs_domains domains = {0};
    p->device_domain = vs_domain_make(&domains);
    for (unsigned i = 0; i < p->n_vms && !s; i++) {
        s = make_vm(p, i, colors);
        p->machines[i].domain = vs_domain_make(&domains);
    }
    if (!s && c->hypervisor.nesting) {
        s = machine_nested_memory(p, errors);
    }
    if (!p->virtualized) {
        vs_frames_fragment(&p->node_frames[p->ept.data_node], (uint32_t)p->ept.fragmentation);
    }
    /* an oracle's caches are indexed by the trace's own 48-bit addresses */
    uint64_t max = c->cpu.translation ? bytes : 1ull << 48;
    s = s ? s
          : vs_memory_init(&p->memory, &c->memory, p->ledger, vs_clock_mhz(c->cpu.mhz), p->phys,
                           max, p->options.seed);
    if (s) {
        vs_error(errors, "memory: %s", vs_status_text(s));
        return s;
    }
    vs_memory_place(&p->memory, bytes, c->cpu.node);
    return s;
}

unsigned machine_vm_of(const struct vs_platform *p, unsigned vcpu)
{
    const unsigned *machine = p->options.machine;
    return !p->built.vms ? 0 : machine ? machine[vcpu] : vcpu / (unsigned)p->built.vm_vcpus;
}

/* What the vCPUs start in rooms above theirs; sim/request adds what runs their programs. */
static void wire(struct vs_platform *p)
{
    p->guest = (struct vs_guest_port){guest_mm_fault, guest_mm_touch_free, guest_irq_handle,
                                      guest_irq_nmi, guest_vf_waited};
    p->host = (struct vs_host_port){.work_of = host_work_of,
                                    .withheld = host_memory_withheld,
                                    .switched = host_view_switched,
                                    .page_fault = host_shadow_fault,
                                    .read_log = host_dirty_flush,
                                    .before_entry = host_flush_before_entry,
                                    .comes_back = host_sched_comes_back,
                                    .due = host_dirty_due,
                                    .nested_exit = host_nested_exit,
                                    .nested_wake_ps = host_nested_wake_ps,
                                    .nested_awake = host_nested_awake,
                                    .nested_wakes = host_nested_wakes,
                                    .nested_woken = host_nested_woken,
                                    .nested_startup = host_nested_startup};
    p->program.passed = machine_epochs;
    p->program.ended = machine_vcpu_ended;
}

/* Places of the programs are kept; of accounts those of DRAM, whose operation is the access or the
 * walk that wanted the line. */
static enum vs_status keep_sites(struct vs_platform *p)
{
    static const uint16_t dram[] = {VS_ACC_memory_dram_row_hit, VS_ACC_memory_dram_row_miss,
                                    VS_ACC_memory_dram_row_conflict, VS_ACC_memory_remote};
    uint16_t base = vs_ledger_accounts(p->ledger, &vs_memory_desc), account[VS_SITE_ACCOUNTS];
    size_t n = sizeof dram / sizeof *dram;
    for (size_t i = 0; i < n; i++) {
        account[i] = (uint16_t)(base + dram[i]);
    }
    return vs_ledger_sites(p->ledger, p->options.sites, account, n);
}

/* A component whose place the machine's own software takes. */
static bool of_programs(const struct vs_platform *p, const struct vs_component_desc *c)
{
    bool same = false;
    for (int i = 0; i < VS_ROLES; i++) {
        same = same || !strcmp(c->name, p->programs[i]->component.name);
    }
    return same;
}

enum vs_status vs_platform_create(const struct vs_knobs *knobs,
                                  const struct vs_run_options *options, unsigned n_vcpus,
                                  struct vs_platform **out, struct vs_errors *errors)
{
    struct machine_configs c;
    struct vs_platform *p = calloc(1, sizeof *p);
    vs_operations();
    *out = NULL;
    if (!p) {
        return VS_E_NOMEM;
    }
    p->options = *options;
    wire(p);
    size_t before = errors->n;
    load(p, knobs, &c);
    check(p, &c, errors);
    check_nodes(p, &c, errors);
    (void)guest_tlb_shootdown_check(p, n_vcpus, errors);
    enum vs_status s = machine_pins(p, knobs, n_vcpus, errors);
    machine_nested_check(p, &c, n_vcpus, errors);
    p->warmup_left = options->warmup;
    p->roi_pending = options->warmup != 0;
    p->epoch_end_ps = options->epoch_ps;
    s = errors->n > before ? VS_E_CONFIG : s;
    p->ledger = vs_ledger_create(options->seed);
    char error[512];
    p->kernel = vs_kernel_create((enum vs_kernel_kind)p->sim.kernel, error, sizeof error);
    if (!p->kernel) {
        vs_error(errors, "%s", error);
        s = s ? s : VS_E_RUN;
    }
    p->vcpu = calloc(n_vcpus, sizeof *p->vcpu);
    for (unsigned i = 0; p->virtualized && i < n_vcpus; i++) {
        unsigned m = machine_vm_of(p, i);
        p->n_vms = m < p->n_vms ? p->n_vms : m + 1u;
    }
    p->vm = calloc(p->n_vms ? p->n_vms : 1u, sizeof *p->vm);
    p->machines = calloc(p->n_vms ? p->n_vms : 1u, sizeof *p->machines);
    if (!s && (!p->ledger || !p->vcpu || !p->vm || !p->machines || !p->irqchip_config ||
               !p->program_values[VS_ROLE_HYPERVISOR] || !p->program_values[VS_ROLE_GUEST])) {
        s = VS_E_NOMEM;
    }
    if (!s) {
        size_t n;
        const struct vs_component_desc *const *all = vs_components(&n);
        for (size_t i = 0; i < n; i++) {
            if (!of_programs(p, all[i])) { /* the machine's own follow */
                vs_ledger_accounts(p->ledger, all[i]);
            }
        }
        for (int i = 0; i < VS_ROLES; i++) {
            vs_ledger_accounts(p->ledger, &p->programs[i]->component);
        }
        p->vcpu_account = vs_ledger_accounts(p->ledger, &vs_vcpu_desc);
        p->sim_account = vs_ledger_accounts(p->ledger, &vs_sim_desc);
        p->sched_account = vs_ledger_accounts(p->ledger, &vs_sched_desc);
        vs_ledger_counters(p->ledger, vs_ledger_actor(p->ledger, "sim"), &vs_sim_desc,
                           p->sim_count);
        vs_ledger_sample(p->ledger, options->spans);
        s = options->sites ? keep_sites(p) : VS_OK;
        s = s ? s : make_machine(p, &c, errors);
    }
    for (unsigned i = 0; i < n_vcpus && !s; i++) {
        p->n_vcpus++;
        s = machine_vcpu_make(p, i, &c, errors);
    }
    s = s ? s : machine_workers_make(p, &c.cpu, &c.hypervisor, errors);
    s = s ? s : machine_net_make(p, knobs, errors);
    if (!s && p->phys->exhausted) {
        vs_error(errors, "%s", VS__NO_PROCESS_MEMORY);
        s = VS_E_NOMEM;
    }
    if (s) {
        vs_platform_destroy(p);
        return s;
    }
    *out = p;
    return VS_OK;
}

void machine_roi(struct vs_platform *p, struct vs_vcpu *v)
{
    p->roi_pending = false;
    p->roi_ps = vs_now(&v->txn).v;
    machine_watch_cut(p);
    machine_processors_settle(p);
    vs_ledger_cut(p->ledger);
    p->sim_count[VS_CNT_sim_cuts]++;
    machine_epochs_restart(p);
}

struct vs_ledger *vs_platform_ledger(struct vs_platform *p)
{
    return p->ledger;
}

unsigned vs_platform_machine(const struct vs_platform *p, unsigned vcpu)
{
    return p->vcpu[vcpu].machine;
}

uint64_t vs_platform_roi_ps(const struct vs_platform *p)
{
    return p->roi_ps;
}

uint64_t vs_platform_measured_ps(const struct vs_platform *p, unsigned vcpu)
{
    return p->vcpu[vcpu].count[VS_CNT_vcpu_line];
}

uint64_t vs_platform_end_ps(const struct vs_platform *p)
{
    return p->end_ps;
}

/* The samples that were taken at intervals. */
const struct vs_epoch_sample *vs_platform_epochs(const struct vs_platform *p, size_t *n)
{
    *n = p->n_epochs;
    return p->epochs;
}

void vs_platform_destroy(struct vs_platform *p)
{
    if (!p) {
        return;
    }
    for (unsigned i = 0; p->vcpu && i < p->n_vcpus; i++) {
        struct vs_vcpu *v = &p->vcpu[i];
        if (p->program.close) {
            p->program.close(v);
        }
        free(v->own_mm.process);
        free(v->own_mm.place);
        vs_hv_free(&v->hv);
        machine_nested_free(v);
        vs_software_free(&v->software);
        if (v->world_ctx && p->kind->free) {
            p->kind->free(v->world_ctx);
        }
        free(v->world_ctx);
        free(v->irq_ctx);
        free(v->own);
        vs_fiber_destroy(v->fiber);
    }
    machine_processors_free(p);
    machine_watch_free(p);
    machine_net_free(p);
    vs_memory_free(&p->memory);
    machine_nested_memory_free(p);
    for (unsigned i = 0; i < p->n_vms; i++) {
        vs_vm_free(&p->vm[i]);
        host_memory_free(&p->machines[i]);
    }
    free(p->vm);
    free(p->machines);
    for (unsigned i = 0; i < 4u; i++) {
        vs_frames_free(&p->node_frames[i]);
    }
    vs_phys_destroy(p->phys);
    vs_kernel_destroy(p->kernel);
    vs_ledger_destroy(p->ledger);
    for (unsigned i = 0; p->vcpu && i < p->n_vcpus; i++) {
        free(p->vcpu[i].flushes.made);
    }
    free(p->vcpu);
    for (int i = 0; i < VS_ROLES; i++) {
        free(p->program_values[i]);
    }
    free(p->kind_config);
    free(p->irqchip_config);
    free(p->epochs);
    free(p->epoch_last);
    free(p);
}
