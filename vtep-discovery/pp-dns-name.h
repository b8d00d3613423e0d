/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_DNS_NAME_H
#define PP_DNS_NAME_H 1

/* Domain names and addresses: between text and the forms that the DNS and
 * others have them in. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct in6_addr;

/* A host's name as text, without the last dot, with its NUL.  RFC 1035
 * section 2.3.4: 255 bytes in the wire's form. */
#define PP_DNS_NAME_SIZE 256

/* The name under which PTR records of an address are: 32 digits, 32 dots,
 * "ip6.arpa" (RFC 3596 section 2.5). */
#define PP_DNS_REVERSE_SIZE 74

/* Reads an IPv4 or IPv6 address from 'text', which may be NULL.  False, and
 * 'addr' as it was, for what is none. */
bool pp_dns_address_parse(const char *text, struct in6_addr *addr);

/* Writes into 'text' the name under which the DNS keeps the PTR records of
 * 'addr', IPv4 or IPv6: "4.3.2.1.in-addr.arpa". */
void pp_dns_reverse(const struct in6_addr *addr,
                    char text[PP_DNS_REVERSE_SIZE]);

/* Reads a domain name from the 'n' bytes at 'wire', labels with their lengths
 * up to the empty one (RFC 1035 section 3.1), all of them and not compressed,
 * as libunbound gives them.  Writes it into 'text' in lower case.  False for
 * what is no host's name: other than letters, digits, '-' and '_', more than
 * 63 bytes a label or 255 in all, or bytes left over; and for the root. */
bool pp_dns_name_read(const uint8_t *wire, size_t n,
                      char text[PP_DNS_NAME_SIZE]);

#endif /* pp-dns-name.h */
