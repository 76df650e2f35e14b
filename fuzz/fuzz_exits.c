/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a trace of KVM's exits. Beyond the sanitizers: what is read is counted once, and
 * each thread's source ends after as many requests as its exits can make.
 */
#include "replay/kvm/kvm.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vs_kvm_exits e;
    char err[1200];
    uint64_t n = 0;
    enum vs_status st = vs_kvm_read_memory(data, size, &e, err, sizeof err);
    for (size_t i = 0; i < e.n_threads && !st; i++) {
        struct vs_kvm_source *s = vs_kvm_source_create(&e.thread[i]);
        struct vs_guest_source source;
        struct vs_request q;
        size_t asked = 0;
        n += e.thread[i].n;
        if (!s) {
            abort();
        }
        vs_kvm_source(s, &source);
        do {
            source.next(source.ctx, NULL, &q);
            if (++asked > 3u * e.thread[i].n + 1u) {
                abort();
            }
        } while (q.kind != VS_REQ_END);
        vs_kvm_source_destroy(s);
    }
    if (!st && n != e.exits) {
        abort();
    }
    vs_kvm_free(&e);
    return 0;
}
