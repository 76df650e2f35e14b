/* SPDX-License-Identifier: MIT */
#include "explain/tree.h"

#include "explain/grade.h"

#include "machine/platform.h"
#include "virtsim/op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 10u /* operations nest less deeply; guards against one that nests in itself */

static struct vs_tree_node *append(struct vs_tree *t)
{
    struct vs_tree_node *grown = realloc(t->node, (t->n_nodes + 1) * sizeof *grown);
    if (!grown) {
        return NULL;
    }
    t->node = grown;
    memset(&grown[t->n_nodes], 0, sizeof *grown);
    return &grown[t->n_nodes++];
}

const struct vs_account_desc *vs__account(const char *path)
{
    size_t n;
    const struct vs_component_desc *const *c = vs_components(&n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < c[i]->n_accounts; j++) {
            if (!strcmp(c[i]->accounts[j].path, path)) {
                return &c[i]->accounts[j];
            }
        }
    }
    return NULL;
}

/* What prices an account, as its declaration says. Steps of a machine's own programs are declared
 * in its files only: hypervisor.<program>.<step>. */
static void priced(struct vs_tree_node *node)
{
    const struct vs_account_desc *a = vs__account(node->name);
    if (!a && !strncmp(node->name, "hypervisor.", 11)) {
        snprintf(node->priced_by, sizeof node->priced_by,
                 "%.90s.instructions,%.90s.cycles,cpu.ipc,cpu.clock.mhz", node->name, node->name);
        return;
    }
    snprintf(node->priced_by, sizeof node->priced_by, "%s", a ? a->priced_by : "");
}

struct item {
    char actor[64], name[96], kind[16];
    double n, ps;
};

/* Parts and children of (actor, op), largest first. */
static size_t items(struct vs_db *db, int64_t run, const char *actor, const char *op,
                    struct item **out)
{
    static const char sql[] = "SELECT '', account, kind, n, total_ps FROM part WHERE run = ?1 AND "
                              "actor = ?2 AND op = ?3 AND total_ps > 0"
                              " UNION ALL SELECT child_actor, child, 'child', n, total_ps FROM "
                              "child WHERE run = ?1 AND actor = ?2 AND op = ?3 AND total_ps > 0"
                              " ORDER BY 5 DESC, 2";
    sqlite3_stmt *st = vs_db_query(db, sql);
    size_t n = 0;
    *out = NULL;
    if (!st) {
        return 0;
    }
    sqlite3_bind_int64(st, 1, run);
    sqlite3_bind_text(st, 2, actor, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 3, op, -1, SQLITE_STATIC);
    while (vs_db_row(db, st)) {
        struct item *grown = realloc(*out, (n + 1) * sizeof *grown);
        if (!grown) {
            break;
        }
        *out = grown;
        struct item *i = &grown[n++];
        snprintf(i->actor, sizeof i->actor, "%s", (const char *)sqlite3_column_text(st, 0));
        snprintf(i->name, sizeof i->name, "%s", (const char *)sqlite3_column_text(st, 1));
        snprintf(i->kind, sizeof i->kind, "%s", (const char *)sqlite3_column_text(st, 2));
        i->n = sqlite3_column_double(st, 3);
        i->ps = sqlite3_column_double(st, 4);
    }
    sqlite3_finalize(st);
    return n;
}

static double op_total(struct vs_db *db, int64_t run, const char *actor, const char *op, int64_t *n)
{
    double total = 0;
    *n = 0;
    sqlite3_stmt *st =
        vs_db_query(db, "SELECT n, total_ps FROM op WHERE run = ? AND actor = ? AND op = ?");
    if (st) {
        sqlite3_bind_int64(st, 1, run);
        sqlite3_bind_text(st, 2, actor, -1, SQLITE_STATIC);
        sqlite3_bind_text(st, 3, op, -1, SQLITE_STATIC);
        if (vs_db_row(db, st)) {
            *n = sqlite3_column_int64(st, 0);
            total = sqlite3_column_double(st, 1);
        }
    }
    sqlite3_finalize(st);
    return total;
}

/* scale turns the (actor, op)'s booked totals into what one root operation holds of them. */
static void descend(struct vs_db *db, int64_t run, const char *actor, const char *op, double scale,
                    unsigned depth, struct vs_tree *t)
{
    struct item *list;
    size_t n = items(db, run, actor, op, &list);
    for (size_t i = 0; list && i < n; i++) {
        struct vs_tree_node *node = append(t);
        if (!node) {
            break;
        }
        bool child = !strcmp(list[i].kind, "child");
        node->depth = depth;
        node->is_op = child;
        node->exposed = !strcmp(list[i].kind, "exposed");
        node->ps = list[i].ps * scale;
        node->n = list[i].n * scale;
        if (!child) {
            snprintf(node->name, sizeof node->name, "%s", list[i].name);
            priced(node);
            continue;
        }
        if (strcmp(list[i].actor, actor) != 0) {
            snprintf(node->name, sizeof node->name, "%.40s %.50s", list[i].actor, list[i].name);
        } else {
            snprintf(node->name, sizeof node->name, "%s", list[i].name);
        }
        int64_t child_n;
        double total = op_total(db, run, list[i].actor, list[i].name, &child_n);
        if (depth < DEPTH_MAX && total > 0) {
            descend(db, run, list[i].actor, list[i].name, scale * list[i].ps / total, depth + 1, t);
        }
    }
    free(list);
}

/* Leaves the parts whose account begins so, and makes their sum the total. */
static void only(struct vs_tree *t, const char *account)
{
    size_t kept = 0;
    t->total_ps = 0;
    for (size_t i = 0; i < t->n_nodes; i++) {
        if (!t->node[i].is_op && !strncmp(t->node[i].name, account, strlen(account))) {
            t->total_ps += t->node[i].ps;
            t->node[kept++] = t->node[i];
        }
    }
    t->n_nodes = kept;
}

enum vs_status vs_tree_build(struct vs_db *db, int64_t run, const char *actor, const char *op,
                             struct vs_tree *out)
{
    return vs_tree_build_parts(db, run, actor, op, "", out);
}

enum vs_status vs_tree_build_parts(struct vs_db *db, int64_t run, const char *actor, const char *op,
                                   const char *account, struct vs_tree *out)
{
    memset(out, 0, sizeof *out);
    snprintf(out->op, sizeof out->op, "%s", op);
    /* of time lines that of the vCPU which was busiest: an idle one's may last longer */
    sqlite3_stmt *st = vs_db_query(
        db, "SELECT actor FROM op o WHERE run = ?1 AND op = ?2 AND n > 0 AND (?3 IS NULL OR actor "
            "= ?3) ORDER BY actor LIKE 'vcpu%' AND op = 'timeline' DESC, total_ps - CASE op WHEN "
            "'timeline' THEN (SELECT total(v.total_ps) FROM vcpu_time v WHERE v.run = ?1 AND v.vcpu"
            " = o.actor AND v.account IN ('os.idle', 'host.parked')) ELSE 0 END DESC, actor LIMIT "
            "1");
    if (!st) {
        return VS_E_IO;
    }
    sqlite3_bind_int64(st, 1, run);
    sqlite3_bind_text(st, 2, op, -1, SQLITE_STATIC);
    if (actor) {
        sqlite3_bind_text(st, 3, actor, -1, SQLITE_STATIC);
    }
    bool found = vs_db_row(db, st);
    if (found) {
        snprintf(out->actor, sizeof out->actor, "%s", (const char *)sqlite3_column_text(st, 0));
    }
    sqlite3_finalize(st);
    if (!found) {
        return vs_db_unread(db) ? VS_E_IO : VS_E_UNKNOWN;
    }
    double total = op_total(db, run, out->actor, op, &out->n);
    out->total_ps = total / (double)out->n;
    descend(db, run, out->actor, op, 1.0 / (double)out->n, 1, out);
    if (*account) {
        only(out, account);
    }
    vs__tree_grade(db, run, out);
    out->assumed_share = out->total_ps > 0 ? out->assumed_share / out->total_ps : 0;
    out->input_share = out->total_ps > 0 ? out->input_share / out->total_ps : 0;
    return VS_OK;
}

void vs_tree_free(struct vs_tree *t)
{
    free(t->node);
    t->node = NULL;
    t->n_nodes = 0;
}

/* An operation that the loop of exit_microbench exercises, as these settings have it. */
#define LOOP(op, ...)                                                                              \
    {                                                                                              \
        op, "workloads/exit_microbench.lua",                                                       \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

const struct vs_explain_recipe *vs_explain_recipe(enum vs_op op)
{
    /* what KVM lets the guest do by itself exits only when its control is set; settings of other
     * architectures than the machine's are left out */
    static const struct vs_explain_recipe table[] = {
        {"timeline", "workloads/exit_mix.lua", {NULL}},
        {"access.load", "workloads/gups.lua", {NULL}},
        {"access.store", "workloads/gups.lua", {"workload.op=store"}},
        {"access.fetch", "workloads/exit_mix.lua", {NULL}},
        {"walk", "workloads/pointer_chase.lua", {NULL}},
        {"invalidate", "workloads/exit_microbench.lua", {"workload.reason=invlpg"}},
        {"page_fault", "workloads/page_touch.lua", {"workload.backing=touch"}},
        {"shadow.fault",
         "workloads/page_table_edit.lua",
         {"paging.mode=shadow", "workload.edit=remap", "workload.count=20000"}},
        {"shadow.sync",
         "workloads/page_table_edit.lua",
         {"paging.mode=shadow", "workload.edit=remap", "workload.count=20000"}},
        {"shadow.write",
         "workloads/page_table_edit.lua",
         {"paging.mode=shadow", "shadow.sync=trap", "workload.count=20000"}},
        {"exit.exception",
         "workloads/page_touch.lua",
         {"paging.mode=shadow", "workload.backing=touch"}},
        {"exit.interrupt_window",
         "workloads/interrupts.lua",
         {"workload.how=masked", "vmcs.control.posted_interrupts=0",
          "vmcs.control.virtual_interrupt_delivery=0"}},
        {"exit.priority",
         "workloads/interrupts.lua",
         {"workload.how=priority", "vmcs.control.posted_interrupts=0",
          "vmcs.control.virtual_interrupt_delivery=0"}},
        {"exit.timer", "workloads/interrupts.lua", {"workload.how=timer"}},
        {"exit.apic_access",
         "workloads/interrupts.lua",
         {"interrupt.apic=xapic", "vmcs.control.posted_interrupts=0",
          "vmcs.control.virtual_interrupt_delivery=0",
          "vmcs.control.apic_register_virtualization=0"}},
        {"exit.apic_write", "workloads/interrupts.lua", {"interrupt.apic=xapic"}},
        {"exit.ipi",
         "workloads/ipi_pingpong.lua",
         {"workload.think=2000000", "workload.count=20", "svm.avic=1", "svm.cap.x2avic=1"}},
        {"exit.avic_noaccel.write", NULL, {NULL}},
        {"exit.avic_noaccel.fault", NULL, {NULL}},
        LOOP("exit.cpu_id", "workload.reason=cpuid"),
        LOOP("exit.halt", "workload.reason=hlt"),
        LOOP("exit.timestamp", "workload.reason=rdtsc", "vmcs.control.rdtsc_exiting=1",
             "svm.intercept.rdtsc=1"),
        LOOP("exit.msr.read", "workload.reason=rdmsr"),
        LOOP("exit.msr.write", "workload.reason=wrmsr"),
        LOOP("exit.pio", "workload.reason=io_out"),
        LOOP("exit.hypercall", "workload.reason=vmcall"),
        LOOP("exit.control_register", "workload.reason=cr3", "vmcs.control.cr3_load_exiting=1",
             "svm.intercept.cr3_write=1"),
        LOOP("exit.invalidate", "workload.reason=invlpg", "vmcs.control.invlpg_exiting=1",
             "svm.intercept.invlpg=1", "el2.trap.tlbi=1"),
        LOOP("exit.pause", "workload.reason=pause", "vmcs.control.pause_exiting=1",
             "svm.pause_filter.count=0"),
        {"exit.stage2_fault", "workloads/page_touch.lua", {NULL}},
        LOOP("exit.mmio", "workload.reason=mmio_write"),
        {"exit.interrupt",
         "workloads/exit_mix.lua",
         {"vmcs.control.posted_interrupts=0", "vmcs.control.virtual_interrupt_delivery=0"}},
        /* of one architecture: what else than its neutral name's exercises it; NULL: nothing does
         */
        {"exit.invpcid", NULL, {NULL}},
        {"exit.invlpga", NULL, {NULL}},
        LOOP("exit.undefined", "workload.reason=vmread"),
        LOOP("exit.debug_register", "workload.reason=mov_dr", "workload.warmup=0"),
        LOOP("exit.counter", "workload.reason=rdpmc"),
        LOOP("exit.caches", "workload.reason=wbinvd"),
        LOOP("exit.monitor", "workload.reason=mwait"),
        LOOP("exit.descriptor_table", "workload.reason=lgdt",
             "vmcs.control.descriptor_table_exiting=1"),
        LOOP("exit.xsetbv", "workload.reason=xsetbv"),
        {"exit.supervisor_state", NULL, {NULL}},
        LOOP("exit.nmi", "workload.reason=nmi"),
        {"exit.shutdown", NULL, {NULL}},
        {"exit.bus_lock", NULL, {NULL}},
        LOOP("exit.apic_eoi", "workload.reason=eoi", "hypervisor.level_vector=240"),
        LOOP("exit.vmclear", "workload.reason=vmclear"),
        LOOP("exit.vmlaunch", "workload.reason=vmlaunch"),
        LOOP("exit.vmptrld", "workload.reason=vmptrld"),
        LOOP("exit.vmptrst", "workload.reason=vmptrst"),
        LOOP("exit.vmresume", "workload.reason=vmresume"),
        LOOP("exit.vmwrite", "workload.reason=vmwrite"),
        LOOP("exit.vmxoff", "workload.reason=vmxoff"),
        LOOP("exit.vmxon", "workload.reason=vmxon"),
        LOOP("exit.invept", "workload.reason=invept"),
        LOOP("exit.invvpid", "workload.reason=invvpid"),
        LOOP("exit.invd", "workload.reason=invd"),
        LOOP("exit.monitor", "workload.reason=monitor"),
        LOOP("exit.rdrand", "workload.reason=rdrand", "vmcs.control.rdrand_exiting=1"),
        LOOP("exit.rdseed", "workload.reason=rdseed", "vmcs.control.rdseed_exiting=1"),
        LOOP("exit.vmfunc", "workload.reason=vmfunc", "vmcs.control.vm_functions=1"),
        LOOP("exit.rdtscp", "workload.reason=rdtscp", "vmcs.control.rdtsc_exiting=1"),
        LOOP("exit.ldtr_tr", "workload.reason=ltr", "vmcs.control.descriptor_table_exiting=1"),
        LOOP("exit.cr_read", "workload.reason=mov_from_cr4"),
        LOOP("exit.dr_read", "workload.reason=mov_from_dr", "workload.warmup=0"),
        LOOP("exit.idtr_read", "workload.reason=sidt", "svm.intercept.descriptor_tables=1"),
        LOOP("exit.gdtr_read", "workload.reason=sgdt", "svm.intercept.descriptor_tables=1"),
        LOOP("exit.ldtr_read", "workload.reason=sldt", "svm.intercept.descriptor_tables=1"),
        LOOP("exit.tr_read", "workload.reason=str", "svm.intercept.descriptor_tables=1"),
        LOOP("exit.idtr_write", "workload.reason=lidt", "svm.intercept.descriptor_tables=1"),
        LOOP("exit.gdtr_write", "workload.reason=lgdt", "svm.intercept.descriptor_tables=1"),
        LOOP("exit.ldtr_write", "workload.reason=lldt", "svm.intercept.descriptor_tables=1"),
        LOOP("exit.tr_write", "workload.reason=ltr", "svm.intercept.descriptor_tables=1"),
        LOOP("exit.vmrun", "workload.reason=vmrun"),
        LOOP("exit.vmload", "workload.reason=vmload"),
        LOOP("exit.vmsave", "workload.reason=vmsave"),
        LOOP("exit.stgi", "workload.reason=stgi"),
        LOOP("exit.clgi", "workload.reason=clgi"),
        LOOP("exit.skinit", "workload.reason=skinit"),
        LOOP("exit.rdpru", "workload.reason=rdpru"),
        {"vm.create", "workloads/vm_life.lua", {"vmcs.created_in_time=1"}},
        LOOP("exit.fp_asimd", "workload.reason=simd"),
        {"exit.sve", NULL, {NULL}},
        LOOP("exit.wfx.wfe", "workload.reason=wfe", "el2.trap.wfe=1"),
        LOOP("exit.smc64", "workload.reason=smc"),
        LOOP("exit.sys64.id", "workload.reason=mrs_id"),
        LOOP("exit.sys64.read", "workload.reason=mrs"),
        LOOP("exit.sys64.write", "workload.reason=ipi"),
        {"exit.sys64.vm",
         "workloads/page_table_edit.lua",
         {"workload.edit=switch", "workload.count=20000", "el2.trap.vm=1"}},
        {"exit.instruction_abort.fault", NULL, {NULL}},
        {"packet.rx", "workloads/udp_echo.lua", {NULL}},
        {"packet.tx", "workloads/udp_echo.lua", {NULL}},
        {"dma.read", "workloads/udp_echo.lua", {NULL}},
        {"dma.write", "workloads/udp_echo.lua", {NULL}},
        {"iommu.translate", "workloads/udp_echo.lua", {NULL}},
        {"mmio.write", "workloads/udp_echo.lua", {NULL}},
        {"msi", "workloads/udp_echo.lua", {NULL}},
        {"irq", "workloads/udp_echo.lua", {NULL}},
        {"irq.delivery", "workloads/ipi_pingpong.lua", {NULL}},
        {"steal", "workloads/overcommit.lua", {"host.cpus=1"}},
        {"thread.switch", "workloads/overcommit.lua", {"host.cpus=1", "workload.sleep=300"}},
        {"thread.run", "workloads/overcommit.lua", {"host.cpus=1"}},
    };
    const char *name = vs_op_name(op);
    char neutral[64];
    const struct vs_explain_recipe *found = NULL;
    enum vs_trap_kind trap = vs_op_trap(op);
    if (trap != VS_TRAP_N) {
        snprintf(neutral, sizeof neutral, "exit.%s", vs_trap_name(trap));
        name = neutral;
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        bool own = !strcmp(table[i].op, vs_op_name(op));
        if (own || !strcmp(table[i].op, name)) {
            found = own || !found ? &table[i] : found;
        }
    }
    return found && found->workload ? found : NULL;
}

bool vs_explain_sets(const char *set, const char *world)
{
    static const char *const architecture[] = {"vmcs", "svm", "el2"};
    for (size_t i = 0; i < sizeof architecture / sizeof architecture[0]; i++) {
        size_t n = strlen(architecture[i]);
        if (!strncmp(set, architecture[i], n) && set[n] == '.') {
            return !world || !strcmp(world, architecture[i]);
        }
    }
    return true;
}
