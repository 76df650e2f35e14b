/* SPDX-License-Identifier: MIT */
/* Every component's descriptor, once: an explicit table, no static initialisers. */
#include "guest/drivers/net.h"
#include "machine_impl.h"

const struct vs_component_desc *const *vs_components(size_t *n)
{
    static const struct vs_component_desc *const all[] = {
        &vs_sim_desc,   &vs_vcpu_desc,  &vs_os_desc,         &vs_cpu_desc,  &vs_memory_desc,
        &vs_ept_desc,   &vs_vmcs_desc,  &vs_hypervisor_desc, &vs_apic_desc, &vs_shadow_desc,
        &vs_iommu_desc, &vs_pcie_desc,  &vs_nic_desc,        &vs_svm_desc,  &vs_el2_desc,
        &vs_host_desc,  &vs_flush_desc, &vs_machine_desc,
    };
    *n = sizeof all / sizeof all[0];
    return all;
}

bool vs_platform_raises(enum vs_op op)
{
    return op != VS_OP_EXIT_TRIPLE_FAULT && op != VS_OP_HANDLER_TRIPLE_FAULT;
}
