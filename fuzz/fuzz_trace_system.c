/* SPDX-License-Identifier: MIT */
/* Any bytes as a recording of a whole guest, as its page tables, and as DynamoRIO's trace. */
#include "fuzz_trace.h"

#include "../sim/trace/tables.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char err[1024] = "";
    fuzz_trace(data, size, NULL);
    fuzz_trace(data, size, "qmt");
    fuzz_trace(data, size, "drmemtrace");
    struct vs_recorded_tables *t = vs_tables_open_memory(data, size, err, sizeof err);
    fuzz_must(t || err[0]);
    for (uint64_t bit = 1, pa; t && bit; bit <<= 1) {
        bool writable;
        (void)vs_tables_walk(t, bit, &pa, &writable);
    }
    vs_tables_close(t);
    return 0;
}
