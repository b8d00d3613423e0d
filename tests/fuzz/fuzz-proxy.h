/* SPDX-License-Identifier: Apache-2.0 */

#ifndef FUZZ_PROXY_H
#define FUZZ_PROXY_H 1

/* What the fuzz targets of proxies do.
 *
 * The fuzzer's bytes are fuzz_wants_size() bytes that say which events are
 * wanted, the lowest first, then records: a byte of flags, a length of two
 * bytes (little-endian), as many bytes of one direction. */

#include <stddef.h>
#include <stdint.h>

#include "pp-proxy.h"

#define FUZZ_FROM_SERVER 1      /* Flags of a record. */
#define FUZZ_FIN 2

/* A bit for each event of 'proxy', in bytes. */
static inline size_t
fuzz_wants_size(const struct pp_proxy *proxy)
{
    size_t n = 0;

    while (proxy->events[n].name) {
        n++;
    }
    return (n + 7) / 8;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Runs proxy 'name' on 'data'.  Returns 0. */
int fuzz_proxy(const char *name, const uint8_t *data, size_t size);

#endif /* fuzz-proxy.h */
