/* SPDX-License-Identifier: Apache-2.0 */

/* Domain names: see pp-dns-name.h.  Plain functions; own nothing. */

#include <config.h>

#include "pp-dns-name.h"

#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "packets.h"

bool
pp_dns_address_parse(const char *text, struct in6_addr *addr)
{
    struct in6_addr ip6;
    ovs_be32 ip;

    if (text && ip_parse(text, &ip)) {
        in6_addr_set_mapped_ipv4(addr, ip);
        return true;
    } else if (text && ipv6_parse(text, &ip6)) {
        *addr = ip6;
        return true;
    }
    return false;
}

void
pp_dns_reverse(const struct in6_addr *addr, char text[PP_DNS_REVERSE_SIZE])
{
    const uint8_t *b = addr->s6_addr;
    char *p = text;

    if (IN6_IS_ADDR_V4MAPPED(addr)) {
        snprintf(text, PP_DNS_REVERSE_SIZE, "%u.%u.%u.%u.in-addr.arpa",
                 b[15], b[14], b[13], b[12]);
        return;
    }
    for (int i = 15; i >= 0; i--) {
        p += snprintf(p, 5, "%x.%x.", b[i] & 15, b[i] >> 4);
    }
    memcpy(p, "ip6.arpa", sizeof "ip6.arpa");
}

bool
pp_dns_name_read(const uint8_t *wire, size_t n, char text[PP_DNS_NAME_SIZE])
{
    size_t at = 0, len = 0;

    if (n > 255) {
        return false;
    }
    while (at < n && wire[at]) {
        size_t label = wire[at++];

        if (label > 63 || label > n - at) {
            return false;
        }
        if (len) {
            text[len++] = '.';
        }
        for (size_t end = at + label; at < end; at++) {
            unsigned char c = wire[at];

            if (!(c < 128 && isalnum(c)) && c != '-' && c != '_') {
                return false;
            }
            text[len++] = (char) tolower(c);
        }
    }
    text[len] = '\0';
    return len && at + 1 == n;
}
