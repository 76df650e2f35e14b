/* SPDX-License-Identifier: MIT */
/* What a guest finds at a port or an address: which of it the hypervisor emulates itself, and which
 * is the board's and therefore stays whatever devices are plugged in. */
#include "hypervisor/hypervisor_impl.h"

#include <string.h>

static const struct device {
    uint64_t port, last_port, at, last;
    size_t knob; /* in the configuration */
} devices[] = {
#define VS_HV_DEVICE(name, p0, p1, a0, a1, kernel, grade, source)                                  \
    {p0, p1, a0, a1, offsetof(struct vs_hypervisor_config, in_kernel_##name)},
#include "hypervisor/devices.def"
#undef VS_HV_DEVICE
};

/* Places where no PCI function's registers are, besides the devices above. */
static const struct place {
    bool port;
    uint64_t first, last;
} board[] = {
    {true, 0, 0xfff},                /* Linux arch/x86/include/asm/pci.h: PCIBIOS_MIN_IO */
    {false, 0, 0xfffff},             /* the PC's first MiB: VGA, option ROMs, BIOS */
    {false, 0xb0000000, 0xbfffffff}, /* QEMU include/hw/pci-host/q35.h: configuration space */
    {false, 0xfec00000, 0xffffffff}, /* the chipset: interrupts, timers, TPM, flash */
    {false, 0x08000000, 0x09ffffff}, /* QEMU hw/arm/virt.c: GIC, UART, clock, fw_cfg, GPIO, SMMU */
    {false, 0x3f000000, 0x3fffffff}, /* likewise: VIRT_PCIE_ECAM, configuration space */
};

/* The device of devices.def that is there; NULL: none. */
static const struct device *device_at(bool port, uint64_t io)
{
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        const struct device *d = &devices[i];
        if (port ? io >= d->port && io <= d->last_port : io >= d->at && io <= d->last) {
            return d;
        }
    }
    return NULL;
}

bool vs__hv_in_kernel(const struct vs_hypervisor_config *c, bool port, uint64_t io)
{
    const struct device *d = device_at(port, io);
    uint64_t on = 0;
    if (d) {
        memcpy(&on, (const char *)c + d->knob, sizeof on);
    }
    return on != 0;
}

bool vs_hv_of_board(bool port, uint64_t io)
{
    for (size_t i = 0; i < sizeof board / sizeof board[0]; i++) {
        if (board[i].port == port && io >= board[i].first && io <= board[i].last) {
            return true;
        }
    }
    return device_at(port, io) != NULL;
}
