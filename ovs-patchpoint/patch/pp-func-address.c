/* SPDX-License-Identifier: Apache-2.0 */

/* Functions of the patch language about IP addresses; see pp-func.h.
 *
 * In: values.  Out: a value, in the arena where it had to be made.  Runs in
 * the engine, on hostile bytes, and in whatever checks patches; owns
 * nothing. */

#include <config.h>

#include <arpa/inet.h>
#include <string.h>

#include "patch/pp-func.h"

/* See pp-func.h.  Addresses of IPv4 in the form that IPv6 has for them are
 * those of IPv4. */
bool
pp_func_ip_address(struct pp_arena *arena, const struct pp_value *a,
                   struct pp_value *r)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr ip = { .s6_addr = { [10] = 0xff, [11] = 0xff } };
    uint8_t *out;

    *r = pp_value_bytes(NULL, 0);
    if (!a[0].s.n || a[0].s.n >= sizeof text
        || memchr(a[0].s.p, '\0', a[0].s.n)) {
        return true;
    }
    memcpy(text, a[0].s.p, a[0].s.n);
    text[a[0].s.n] = '\0';
    if (inet_pton(AF_INET, text, &ip.s6_addr[12]) != 1
        && inet_pton(AF_INET6, text, &ip) != 1) {
        return true;
    }
    out = pp_arena_alloc(arena, sizeof ip);
    if (!out) {
        return false;
    }
    memcpy(out, &ip, sizeof ip);
    *r = pp_value_address(out);
    return true;
}

/* See pp-func.h. */
bool
pp_func_ip_text(struct pp_arena *arena, const struct pp_value *a,
                struct pp_value *r)
{
    char *out;

    *r = pp_value_bytes(NULL, 0);
    if (a[0].s.n != 4 && a[0].s.n != 16) {
        return true;
    }
    out = pp_arena_alloc(arena, INET6_ADDRSTRLEN);
    if (!out) {
        return false;
    }
    inet_ntop(a[0].s.n == 4 ? AF_INET : AF_INET6, a[0].s.p, out,
              INET6_ADDRSTRLEN);
    *r = pp_value_bytes(out, strlen(out));
    return true;
}
