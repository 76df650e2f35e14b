/* SPDX-License-Identifier: MIT */
/* Domains, as Xen's: each has an id, and the first that is made has the devices. */
#include "hypervisor_impl.h"

/* Xen, xen/common/domain.c, domid_alloc: 0 is kept for the domain that is made at boot, the next
 * one gets the lowest that nobody has. */
uint16_t vs_domain_make(struct vs_domains *d)
{
    return d->made++;
}

void vs_hv_domains(struct vs_hypervisor *h, uint16_t devices, uint16_t own)
{
    h->domain.devices = devices;
    h->domain.own = h->domain.now = own;
}

void vs__hv_domain(struct vs_hypervisor *h, bool devices)
{
    h->count[VS_CNT_hypervisor_device_domain] += devices && h->domain.now == h->domain.own;
    h->domain.now = devices ? h->domain.devices : h->domain.own;
}

/* The steps of a set that do this. */
static unsigned steps_with(const struct vs_program_set *set, enum vs_action action)
{
    unsigned n = 0;
    for (uint16_t i = 0; i < set->n_steps; i++) {
        n += set->step[i].kind == VS_STEP_ACTION && set->step[i].word == action;
    }
    return n;
}

void vs__hv_check_domains(const struct vs_program_set *set, struct vs_errors *errors)
{
    unsigned away = steps_with(set, VS_ACTION_DEVICE_DOMAIN),
             back = steps_with(set, VS_ACTION_OWN_DOMAIN);
    if (away != back) {
        vs_error(errors,
                 "%s: %u steps go to the domain that has the devices (action device_domain), and "
                 "%u come back (own_domain): who goes there has to come back before the guest is "
                 "entered",
                 set->desc->file, away, back);
    }
}

void vs_hv_facts(const struct vs_program_set *set, const struct vs_facts *to)
{
    struct vs_domains made = {0};
    uint16_t devices = vs_domain_make(&made), guest = vs_domain_make(&made);
    if (steps_with(set, VS_ACTION_DEVICE_DOMAIN)) {
        vs_fact(to, "machine", "domain.devices", devices, "domain id",
                "vs_domain_make (model/hypervisor/domains.c), which the first domain asks; Xen, "
                "xen/common/domain.c, domid_alloc");
        vs_fact(to, "machine", "domain.guest", guest, "domain id",
                "the same, of the first guest, which is made next");
    }
}
