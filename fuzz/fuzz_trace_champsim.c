/* SPDX-License-Identifier: MIT */
/* Any bytes as ChampSim records of 64 and of 96 bytes; see fuzz_trace.h for what must hold. */
#include "fuzz_trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_trace(data, size, NULL);
    fuzz_trace(data, size, "champsim");
    fuzz_trace(data, size, "champsim-cloudsuite");
    return 0;
}
