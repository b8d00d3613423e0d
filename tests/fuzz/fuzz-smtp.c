/* SPDX-License-Identifier: Apache-2.0 */

/* Fuzz target of the SMTP proxy; see fuzz-proxy.h.
 *
 * In: the fuzzer's bytes.  Out: nothing; aborts where the proxy breaks a
 * promise. */

#include <config.h>

#include "fuzz-proxy.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_proxy("smtp", data, size);
}
