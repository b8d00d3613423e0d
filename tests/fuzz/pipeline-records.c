/* SPDX-License-Identifier: Apache-2.0 */

/* Inputs of the pipeline's fuzz target; see pipeline-records.h.
 *
 * In: bytes.  Out: records, and back.  Runs in the fuzz target and in the
 * program that makes seeds; owns nothing. */

#include <config.h>

#include "pipeline-records.h"

#include "pp-reader.h"
#include "util.h"

static struct pp_bytes
take_bytes(struct pp_reader *r)
{
    size_t n = pp_reader_be16(r);

    n = MIN(MIN(n, RECORD_BYTES_MAX), pp_reader_left(r));
    return (struct pp_bytes) { .p = pp_reader_bytes(r, n), .n = n };
}

static struct record
take_record(struct pp_reader *r)
{
    struct record rec = { .how = pp_reader_u8(r) };

    rec.cut = rec.how & RECORD_CUT ? pp_reader_u8(r) : 0;
    switch (record_kind(&rec)) {
    case RECORD_SEGMENT:
        rec.seq = (int16_t) pp_reader_be16(r);
        rec.ack = (int8_t) pp_reader_u8(r);
        rec.flags = pp_reader_u8(r);
        rec.bytes = take_bytes(r);
        break;

    case RECORD_BYTES:
    case RECORD_RAW:
        rec.bytes = take_bytes(r);
        break;

    case RECORD_TIME:
    case RECORD_WINDOW:
        rec.number = pp_reader_be16(r);
        break;

    case RECORD_HANDSHAKE:
    case RECORD_ACK:
    case RECORD_NONE:
    default:
        break;
    }
    return rec;
}

void
records_parse(struct records *in, const uint8_t *data, size_t size)
{
    struct pp_reader r = pp_reader_init(data, size);

    in->port = pp_reader_be16(&r);
    in->how = pp_reader_u8(&r);
    in->n = 0;
    while (in->n < RECORDS_MAX && pp_reader_left(&r)) {
        in->r[in->n++] = take_record(&r);
    }
}

static void
put_be16(struct pp_buf *b, size_t value)
{
    const uint8_t bytes[] = { (uint8_t) (value >> 8), (uint8_t) value };

    pp_buf_put(b, bytes, sizeof bytes);
}

static void
put_bytes(struct pp_buf *b, struct pp_bytes bytes)
{
    put_be16(b, bytes.n);
    pp_buf_put(b, bytes.p, bytes.n);
}

static void
put_record(struct pp_buf *b, const struct record *rec)
{
    pp_buf_put(b, &rec->how, 1);
    if (rec->how & RECORD_CUT) {
        pp_buf_put(b, &rec->cut, 1);
    }
    switch (record_kind(rec)) {
    case RECORD_SEGMENT:
        put_be16(b, (uint16_t) rec->seq);
        pp_buf_put(b, &rec->ack, 1);
        pp_buf_put(b, &rec->flags, 1);
        put_bytes(b, rec->bytes);
        break;

    case RECORD_BYTES:
    case RECORD_RAW:
        put_bytes(b, rec->bytes);
        break;

    case RECORD_TIME:
    case RECORD_WINDOW:
        put_be16(b, rec->number);
        break;

    case RECORD_HANDSHAKE:
    case RECORD_ACK:
    case RECORD_NONE:
    default:
        break;
    }
}

size_t
records_write(const struct records *out, uint8_t *data, size_t max)
{
    struct pp_buf b;
    size_t size;

    pp_buf_init(&b, data, max);
    put_be16(&b, out->port);
    pp_buf_put(&b, &out->how, 1);
    size = b.overflow ? 0 : b.len;
    for (size_t i = 0; i < out->n && !b.overflow; i++) {
        put_record(&b, &out->r[i]);
        size = b.overflow ? size : b.len;
    }
    return size;
}
