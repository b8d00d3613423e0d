/* SPDX-License-Identifier: Apache-2.0 */

/* The address and port that a client names for a data connection.
 *
 * In: the argument of PORT, EPRT or LPRT.  Out: what it says, as far as it
 * can be read, and whether it is as the RFC wants it.  Runs in the engine's
 * data threads; owns nothing. */

#include <config.h>

#include "pp-ftp.h"

#include <arpa/inet.h>
#include <string.h>

#define NUMBERS_MAX 22          /* LPRT has no more for an IPv6 address. */
#define NUMBER_MAX 65535        /* A larger one is this much and not valid. */

/* Reads decimal digits.  False if there are none. */
static bool
read_number(struct pp_reader *r, int32_t *number, bool *valid)
{
    unsigned int digits = 0;

    *number = 0;
    while (pp_ftp_is_digit(pp_reader_peek(r, 0))) {
        *number = *number * 10 + (pp_reader_u8(r) - '0');
        if (*number > NUMBER_MAX) {
            *number = NUMBER_MAX;
            *valid = false;
        }
        digits++;
    }
    *valid = *valid && digits && digits <= 5;
    return digits > 0;
}

/* Reads up to NUMBERS_MAX numbers with commas between them; returns how many
 * there are. */
static unsigned int
read_numbers(struct pp_reader *r, int32_t *numbers, bool *valid)
{
    unsigned int n = 0;

    while (n < NUMBERS_MAX && read_number(r, &numbers[n], valid)) {
        n++;
        if (pp_reader_peek(r, 0) != ',') {
            break;
        }
        pp_reader_u8(r);
    }
    *valid = *valid && !pp_reader_left(r);
    return n;
}

/* Takes 'n' numbers for the bytes of an address.  False if they are none. */
static bool
take_bytes(struct pp_ftp_address *a, const int32_t *numbers, unsigned int n)
{
    unsigned int i;

    for (i = 0; i < n; i++) {
        if (numbers[i] > 255) {
            a->valid = false;
            return false;
        }
        a->bytes[i] = (uint8_t) numbers[i];
    }
    a->n = (uint8_t) n;
    return true;
}

/* Takes two numbers for a port. */
static void
take_port(struct pp_ftp_address *a, const int32_t *numbers)
{
    a->port = numbers[0] * 256 + numbers[1];
    a->valid = a->valid && numbers[0] <= 255 && numbers[1] <= 255;
}

/* h1,h2,h3,h4,p1,p2 (RFC 959 4.1.2). */
static void
parse_port(struct pp_reader *r, struct pp_ftp_address *a)
{
    int32_t numbers[NUMBERS_MAX];
    unsigned int n = read_numbers(r, numbers, &a->valid);

    a->valid = a->valid && n == 6;
    if (n >= 4) {
        take_bytes(a, numbers, 4);
    }
    if (n >= 6) {
        take_port(a, numbers + 4);
    }
}

/* af,hal,h1,...,pal,p1,p2 (RFC 1639). */
static void
parse_lprt(struct pp_reader *r, struct pp_ftp_address *a)
{
    int32_t numbers[NUMBERS_MAX];
    unsigned int n = read_numbers(r, numbers, &a->valid);
    unsigned int len = n >= 2 && (numbers[1] == 4 || numbers[1] == 16)
                       ? (unsigned int) numbers[1] : 0;

    a->family = n ? numbers[0] : -1;
    a->valid = a->valid && len && n == len + 5 && numbers[len + 2] == 2
               && a->family == (len == 4 ? 4 : 6);
    if (len && n >= len + 2) {
        take_bytes(a, numbers + 2, len);
    }
    if (len && n >= len + 5) {
        take_port(a, numbers + len + 3);
    }
}

/* An address as text: IPv4 in four numbers, or IPv6 (RFC 4291 2.2). */
static void
parse_text(struct pp_reader *r, struct pp_ftp_address *a)
{
    char text[INET6_ADDRSTRLEN];
    size_t n = pp_reader_left(r), i;

    for (i = 0; i < n && i < sizeof text - 1; i++) {
        text[i] = (char) pp_reader_u8(r);
    }
    text[i] = '\0';
    if (i < n || strlen(text) != n) {
        a->valid = false;
    } else if (inet_pton(AF_INET, text, a->bytes) == 1) {
        a->n = 4;
        a->valid = a->valid && a->family == 1;
    } else if (inet_pton(AF_INET6, text, a->bytes) == 1) {
        a->n = 16;
        a->valid = a->valid && a->family == 2;
    } else {
        a->valid = false;
    }
}

/* All as far as 'delimiter', which is taken too.  Where there is none, all
 * that is left. */
static struct pp_reader
up_to(struct pp_reader *r, uint8_t delimiter, bool *valid)
{
    size_t off = pp_reader_find(r, delimiter);
    struct pp_reader part
        = pp_reader_sub(r, off == SIZE_MAX ? pp_reader_left(r) : off - r->pos);

    if (off == SIZE_MAX) {
        *valid = false;
    } else {
        pp_reader_u8(r);
    }
    return part;
}

/* |family|address|port| with any delimiter (RFC 2428 2). */
static void
parse_eprt(struct pp_reader *r, struct pp_ftp_address *a)
{
    uint8_t delimiter = pp_reader_u8(r);
    struct pp_reader part;
    int32_t number;

    a->valid = delimiter >= 33 && delimiter <= 126;
    part = up_to(r, delimiter, &a->valid);
    if (read_number(&part, &number, &a->valid)) {
        a->family = number;
    }
    a->valid = a->valid && !pp_reader_left(&part);
    part = up_to(r, delimiter, &a->valid);
    parse_text(&part, a);
    part = up_to(r, delimiter, &a->valid);
    if (read_number(&part, &number, &a->valid)) {
        a->port = number;
    }
    a->valid = a->valid && !pp_reader_left(&part) && !pp_reader_left(r);
}

/* Makes an IPv4 address of one that only stands for it in IPv6 (RFC 4291
 * 2.5.5.2): servers connect to the same host. */
static void
unmap(struct pp_ftp_address *a)
{
    static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };

    if (a->n == 16 && !memcmp(a->bytes, prefix, sizeof prefix)) {
        memmove(a->bytes, a->bytes + 12, 4);
        a->n = 4;
    }
}

/* Reads the address in the argument of 'line', if it is of a command that has
 * one. */
void
pp_ftp_address_parse(const struct pp_ftp_line *line, struct pp_ftp_address *a)
{
    struct pp_reader r = pp_ftp_sub(&line->plain, line->argument);

    *a = (struct pp_ftp_address) { .family = -1, .port = -1, .valid = true };
    if (line->command.verb == PP_FTP_V_PORT) {
        parse_port(&r, a);
    } else if (line->command.verb == PP_FTP_V_LPRT) {
        parse_lprt(&r, a);
    } else if (line->command.verb == PP_FTP_V_EPRT) {
        parse_eprt(&r, a);
    } else {
        a->valid = false;
        return;
    }
    unmap(a);
    a->valid = a->valid && a->n && a->port >= 0;
}
