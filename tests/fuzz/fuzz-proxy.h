/* SPDX-License-Identifier: Apache-2.0 */

#ifndef FUZZ_PROXY_H
#define FUZZ_PROXY_H 1

/* What the fuzz targets of proxies do.
 *
 * The fuzzer's bytes are 'wants_size' bytes that say which events are wanted,
 * the lowest first, then records: a byte of flags, a length of two bytes, as
 * many bytes of one direction. */

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Runs proxy 'name' on 'data'.  Returns 0. */
int fuzz_proxy(const char *name, size_t wants_size, const uint8_t *data,
               size_t size);

#endif /* fuzz-proxy.h */
