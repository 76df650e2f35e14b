/* SPDX-License-Identifier: MIT */
/* The handlers of requests: request_<name> for each line of requests.def carries out v->request, or
 * its next piece as far as the vCPU's horizon allows. */
#ifndef VIRTSIM_SIM_REQUEST_HANDLERS_H
#define VIRTSIM_SIM_REQUEST_HANDLERS_H

#include "machine/machine_impl.h"
#include "virtsim/request.h"

#define VS_REQUEST(code, NAME, name, ...) void request_##name(struct vs_vcpu *v);
#define VS_HIDDEN(code, NAME, name, ...) void request_##name(struct vs_vcpu *v);
#define VS_METHOD(...)
#define VS_SECTION(title)
#include "request/requests.def"

/* So much of the time that a trace recorded passes (request_elapse). */
void request_elapsed(struct vs_vcpu *v, uint64_t ps);

#endif
