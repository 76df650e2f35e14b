/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a text trace (lackey, lackey-mixed, din), and through recognition, so that the
 * decompressors are reached too. Beyond the sanitizers: the records keep their contract, and the
 * portions in which they are asked for change nothing.
 */
#include "fuzz_trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_trace(data, size, NULL);
    fuzz_trace(data, size, "lackey");
    fuzz_trace(data, size, "lackey-mixed");
    fuzz_trace(data, size, "din");
    return 0;
}
