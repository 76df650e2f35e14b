/* SPDX-License-Identifier: MIT */
/* Packets through a virtual function. */
#include "vcpu.h"

void vs__net_send(struct vs_vcpu *v)
{
    vs__vcpu_fail(v, "send: this machine has no NIC");
}

void vs__net_receive(struct vs_vcpu *v)
{
    vs__vcpu_fail(v, "recv: this machine has no NIC");
}
