/* SPDX-License-Identifier: MIT */
/* Every component's descriptor, once: an explicit table, no static initialisers. */
#include "guest/drivers/net.h"
#include "software.h"
#include "world.h"

#include "apic/apic.h"
#include "bt/bt.h"
#include "deprivileged/deprivileged.h"
#include "gic/gic.h"
#include "tcg/tcg.h"
#include "translator/translator.h"

#ifndef VS_WITHOUT_vmcs
#include "vmcs/vmcs_nested.h"
#endif
#ifndef VS_WITHOUT_svm
#include "svm/svm.h"
#include "svm/svm_nested.h"
#endif
#ifndef VS_WITHOUT_el2
#include "el2/el2_nested.h"
#endif

const struct vs_component_desc *const *vs_components(size_t *n)
{
    static const struct vs_component_desc *all[] = {
        &vs_sim_desc,
        &vs_vcpu_desc,
        &vs_os_desc,
        &vs_cpu_desc,
        &vs_memory_desc,
        &vs_ept_desc,
#ifndef VS_WITHOUT_vmcs
        &vs_vmcs_desc,
        &vs_nested_desc,
#endif
        &vs_hypervisor_desc,
        &vs_apic_desc,
        &vs_gic_desc,
        &vs_shadow_desc,
        &vs_iommu_desc,
        &vs_pcie_desc,
        &vs_ats_desc,
        &vs_nic_desc,
        &vs_dma_engine_desc,
        &vs_dma_desc,
#ifndef VS_WITHOUT_svm
        &vs_svm_desc,
        &vs_svm_nested_desc,
#endif
#ifndef VS_WITHOUT_el2
        &vs_el2_desc,
        &vs_el2_nested_desc,
#endif
        &vs_deprivileged_desc,
        &vs_tcg_desc,
        &vs_translator_desc,
        &vs_bt_desc,
        &vs_host_desc,
        &vs_machine_desc,
        &vs_sched_desc,
        NULL, /* the programs of the default software; a machine's own take their place */
        NULL,
    };
    size_t last = sizeof all / sizeof all[0] - VS_ROLES;
    for (int i = 0; i < VS_ROLES && !all[last + (size_t)i]; i++) {
        all[last + (size_t)i] = &vs_software_default((enum vs_role)i)->component;
    }
    *n = sizeof all / sizeof all[0];
    return all;
}

void vs_operations(void)
{
    static const char *const left_out[] = {
#ifdef VS_WITHOUT_vmcs
        "vmcs",
#endif
#ifdef VS_WITHOUT_svm
        "svm",
#endif
#ifdef VS_WITHOUT_el2
        "el2",
#endif
        NULL};
    static bool known;
    if (known) {
        return;
    }
    known = true;
    static const char *const numbered[] = {"pcie", NULL};
    vs_knobs_left_out(left_out);
    vs_knobs_numbered(numbered);
    size_t n;
    const struct vs_world_kind *const *world = vs_worlds(&n);
    for (size_t i = 0; i < n; i++) {
        world[i]->ops();
    }
}
