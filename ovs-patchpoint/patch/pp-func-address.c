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

/* See pp-func.h. */
const char *
pp_net_parse(struct pp_bytes s, struct pp_net *net)
{
    const uint8_t *slash = s.n ? memchr(s.p, '/', s.n) : NULL;
    struct pp_value address, text
        = pp_value_bytes(s.p, slash ? (size_t) (slash - s.p) : s.n);
    uint8_t memory[32];
    struct pp_arena arena;
    unsigned int mapped = 0;
    unsigned int prefix = 0;

    pp_arena_init(&arena, memory, sizeof memory);
    pp_func_ip_address(&arena, &text, &address);
    if (!address.s.n) {
        return "a network is written 192.0.2.0/24 or 2001:db8::/32";
    }
    memset(net, 0, sizeof *net);
    net->n = (uint8_t) address.s.n;
    memcpy(net->address, address.s.p, net->n);
    net->prefix = 8 * net->n;
    if (!slash) {
        return NULL;
    }
    mapped = net->n == 4 && memchr(s.p, ':', slash - s.p) ? 96 : 0;
    for (const uint8_t *p = slash + 1; p < s.p + s.n; p++) {
        if (*p < '0' || *p > '9' || prefix > 128) {
            return "a network's prefix is a number of bits";
        }
        prefix = 10 * prefix + (*p - '0');
    }
    if (slash + 1 == s.p + s.n || prefix < mapped
        || prefix - mapped > net->prefix) {
        return "a network's prefix has no more bits than its address";
    }
    net->prefix = (uint8_t) (prefix - mapped);
    for (unsigned int i = net->prefix; i < 8u * net->n; i++) {
        if (net->address[i / 8] >> (7 - i % 8) & 1) {
            return "the network's address has bits set behind its prefix";
        }
    }
    return NULL;
}

/* See pp-func.h. */
bool
pp_nets_check(struct pp_bytes s)
{
    struct pp_net net;

    for (size_t i = 0; i + sizeof net <= s.n; i += sizeof net) {
        memcpy(&net, s.p + i, sizeof net);
        if ((net.n != 4 && net.n != 16) || net.prefix > 8 * net.n) {
            return false;
        }
    }
    return s.n % sizeof net == 0;
}

static bool
is_in(struct pp_bytes address, const struct pp_net *net)
{
    unsigned int whole = net->prefix / 8;
    unsigned int rest = net->prefix % 8;

    return (address.n == net->n
            && !memcmp(address.p, net->address, whole)
            && (!rest || !((address.p[whole] ^ net->address[whole])
                           >> (8 - rest))));
}

/* See pp-func.h. */
bool
pp_func_in_net(struct pp_arena *arena, const struct pp_value *a,
               struct pp_value *r)
{
    struct pp_net net;

    (void) arena;
    *r = pp_value_bool(false);
    for (size_t i = 0; i + sizeof net <= a[1].s.n && !r->b; i += sizeof net) {
        memcpy(&net, a[1].s.p + i, sizeof net);
        r->b = is_in(a[0].s, &net);
    }
    return true;
}
