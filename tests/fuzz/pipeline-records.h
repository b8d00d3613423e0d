/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PIPELINE_RECORDS_H
#define PIPELINE_RECORDS_H 1

/* The inputs of the pipeline's fuzz target: a script of what comes.
 *
 * Three bytes say for whom: the port that the client connects to, two bytes
 * (numbers are big-endian), and how the pipeline is set up, RECORDS_*.  Then
 * records.  Each is a byte 'how' (a kind and flags), with RECORD_CUT a byte
 * more, and what its kind needs:
 *
 *     HANDSHAKE  nothing
 *     BYTES      the next bytes in their order: length of two bytes, bytes
 *     SEGMENT    where it stands from there (two bytes, signed), what it
 *                acknowledges from where the connection stands (one byte,
 *                signed), flags, length of two bytes, bytes
 *     TIME       two bytes: passes, in units of 16 ms
 *     RAW        length of two bytes, bytes: a virtio-net header and a frame
 *     ACK        nothing: acknowledges all that left
 *     WINDOW     two bytes: the sender's from now on */

#include <stddef.h>
#include <stdint.h>

#include "pp-value.h"

#define RECORDS_MAX 64          /* In one input. */
#define RECORDS_HEAD 3          /* Bytes before the records. */

#define RECORDS_MONITOR 1       /* Patches report and correct nothing. */
#define RECORDS_CLOSED 2        /* The fail mode. */
#define RECORDS_REFUSE 4        /* The opaque mode. */

enum record_kind {
    RECORD_HANDSHAKE, RECORD_BYTES, RECORD_SEGMENT, RECORD_TIME, RECORD_RAW,
    RECORD_ACK, RECORD_WINDOW,
    RECORD_NONE,                /* Nothing happens. */
};

#define RECORD_KIND 0x07
#define RECORD_FROM_SERVER 0x08
#define RECORD_IPV6 0x10
#define RECORD_PARTIAL 0x20     /* The checksum is still to be made. */
#define RECORD_CUT 0x40         /* In fragments... */
#define RECORD_BACKWARDS 0x80   /* ...the last one first. */

/* Most payload, in bytes: a segment with it is no longer than IP allows. */
#define RECORD_BYTES_MAX 65000

struct record {
    uint8_t how;
    uint8_t cut;                /* Fragments' length / 8, less 1. */
    int16_t seq;
    int8_t ack;
    uint8_t flags;
    uint16_t number;            /* TIME, WINDOW. */
    struct pp_bytes bytes;
};

struct records {
    uint16_t port;
    uint8_t how;
    size_t n;
    struct record r[RECORDS_MAX];
};

static inline enum record_kind
record_kind(const struct record *r)
{
    return r->how & RECORD_KIND;
}

/* Any bytes are records; what is behind the last one is not looked at, and
 * what is missing is 0.  Bytes of records stay where they are in 'data'. */
void records_parse(struct records *, const uint8_t *data, size_t size);

/* Writes the records that fit into 'max' bytes.  Returns the size. */
size_t records_write(const struct records *, uint8_t *data, size_t max);

#endif /* pipeline-records.h */
