/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_STREAM_PRIVATE_H
#define PP_STREAM_PRIVATE_H 1

/* What the files of the stream stage share. */

#include "engine/pp-stream.h"
#include "util.h"

/* First timeout for what the engine delivers, as Linux' TCP_RTO_MIN, and how
 * often it doubles before the connection is given up: after 100 s. */
#define PP_RTO_MIN_MS 200
#define PP_RTO_TRIES 8

/* Undecided bytes are acknowledged after this long, so that a sender that
 * waits for it (Nagle, a small congestion window) goes on. */
#define PP_HOLD_ACK_MS 5

/* How long the engine stands in for an end that does not close and takes
 * nothing more; as Linux' tcp_fin_timeout. */
#define PP_CLOSE_MS 60000

static inline uint32_t
pp_seq(const struct pp_half *half, uint64_t offset)
{
    return half->isn + 1 + (uint32_t) offset;
}

/* The offset of 'seq' that is nearest to 'near'.  Before the first byte it is
 * "negative". */
static inline uint64_t
pp_offset(const struct pp_half *half, uint32_t seq, uint64_t near)
{
    return near + (uint64_t) (int64_t) (int32_t) (seq - pp_seq(half, near));
}

static inline bool
pp_before_start(uint64_t offset)
{
    return (int64_t) offset < 0;
}

/* Where in the out stream the byte at 'in' stands. */
static inline uint64_t
pp_map(const struct pp_half *half, uint64_t in)
{
    return (pp_before_start(in) ? in : pp_edit_list_start(&half->edits, in));
}

/* Where in the out stream to start when the bytes from 'in' on are to be sent
 * again: with what was put before them, but not with what the receiver has. */
static inline uint64_t
pp_from(const struct pp_half *half, uint64_t in)
{
    return MAX(pp_edit_list_end(&half->edits, in), half->acked);
}

/* What of the in stream is decided and has come. */
static inline uint64_t
pp_decided(const struct pp_half *half)
{
    return MIN(half->decided, half->in_next);
}

/* What the sender may be told that the receiver has.  After a cut that is all
 * that came, but for bytes that only the sender can send again. */
static inline uint64_t
pp_have(const struct pp_half *half)
{
    uint64_t acked = pp_edit_list_acked(&half->edits, half->acked);

    return half->cut && acked >= half->unkept ? half->mine
           : MAX(acked, half->cut ? 0 : half->mine);
}

static inline uint64_t
pp_add_sat(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX / 2 - MIN(b, UINT64_MAX / 2) ? UINT64_MAX / 2
           : a + b;
}

/* Sending: pp-stream-send.c. */
void pp_stream_pass(struct pp_stream *, struct pp_conn *, enum pp_dir,
                    struct pp_packet *, uint64_t in);
void pp_stream_emit(struct pp_stream *, struct pp_conn *, enum pp_dir,
                    uint64_t from, uint64_t to);
void pp_stream_send_ack(struct pp_stream *, struct pp_conn *, enum pp_dir);
void pp_stream_probe(struct pp_stream *, struct pp_conn *, enum pp_dir);
void pp_stream_note_stray(struct pp_conn *, const struct pp_packet *);
void pp_stream_send_rst(struct pp_stream *, struct pp_conn *, enum pp_dir,
                        uint64_t out);
void pp_stream_answer_rst(struct pp_stream *, struct pp_conn *, enum pp_dir,
                          const struct pp_packet *);
void pp_stream_take_ack(struct pp_stream *, struct pp_conn *, enum pp_dir,
                        const struct pp_packet *);
uint64_t pp_stream_furthest(const struct pp_conn *, enum pp_dir);
void pp_stream_give_up(struct pp_stream *, struct pp_conn *);
void pp_stream_set_deadline(struct pp_stream *, struct pp_conn *);
void pp_stream_acknowledge(struct pp_conn *, enum pp_dir);

/* Keeping: pp-stream-keep.c. */
void pp_keep_append(struct pp_stream *, struct pp_half *, uint64_t out,
                    const void *, size_t);
void pp_keep_release(struct pp_stream *, struct pp_half *);
const struct pp_keep *pp_keep_find(const struct pp_half *, uint64_t out);
bool pp_keep_differs(const struct pp_half *, uint64_t out, const uint8_t *,
                     size_t);
void pp_pending_append(struct pp_stream *, struct pp_half *, struct pp_bytes);
void pp_pending_consume(struct pp_stream *, struct pp_half *, size_t);
void pp_held_add(struct pp_stream *, struct pp_half *, struct ovs_list *,
                 const struct pp_packet *, uint64_t in, bool passed);
void pp_held_remove(struct pp_stream *, struct pp_half *, struct pp_held *);
void pp_held_drop(struct pp_stream *, struct pp_half *, struct ovs_list *);
void pp_keep_drop(struct pp_stream *, struct pp_half *);
void pp_stream_edit(struct pp_stream *, struct pp_half *, uint64_t in,
                    uint32_t removed, uint32_t inserted);
void pp_stream_prune(struct pp_stream *, struct pp_half *,
                     uint64_t acked_out);
bool pp_may_hold(const struct pp_stream *, const struct pp_half *, size_t);

/* Frames that go around the engine: pp-stream-around.c. */

/* From now on timestamps are shifted. */
void pp_stream_shift(struct pp_conn *);
uint32_t pp_stream_shifted(const struct pp_conn *, uint32_t tsval);
void pp_stream_learn_guard(struct pp_conn *, enum pp_dir,
                           const struct pp_packet *);
void pp_stream_shift_packet(const struct pp_conn *, enum pp_dir,
                            struct pp_packet *);
bool pp_stream_take_foreign_ack(struct pp_stream *, struct pp_conn *,
                                enum pp_dir, const struct pp_packet *,
                                uint64_t out);
void pp_stream_take_foreign_sack(struct pp_stream *, struct pp_conn *,
                                 enum pp_dir, const struct pp_packet *);
void pp_stream_take_word(struct pp_stream *, struct pp_conn *,
                         const struct pp_packet *);
/* Frames may have gone around the engine: does the client acknowledge more
 * than came in order? */
void pp_stream_take_gap(struct pp_conn *);
/* The client sends again what is behind a gap. */
void pp_stream_take_again(struct pp_stream *, struct pp_conn *);
/* After frames may have gone around: sets 'out_of_step' where that may have
 * done harm. */
void pp_stream_check_epoch(struct pp_stream *, struct pp_conn *);
void pp_stream_ask(struct pp_stream *, struct pp_conn *);

/* Closing: pp-stream-close.c. */
void pp_stream_cut(struct pp_stream *, struct pp_conn *, bool reset);
void pp_stream_closing_in(struct pp_stream *, struct pp_conn *, enum pp_dir,
                          struct pp_packet *);
void pp_stream_syn(struct pp_stream *, struct pp_conn *, enum pp_dir,
                   struct pp_packet *);
void pp_stream_meet(struct pp_conn *, const struct pp_packet *);
bool pp_stream_opens(struct pp_stream *, struct pp_conn *, enum pp_dir,
                     const struct pp_packet *);
void pp_stream_rst(struct pp_stream *, struct pp_conn *, enum pp_dir,
                   struct pp_packet *);
/* False: 'pkt', a client's, could do harm to a server that does not have the
 * connection any more, and must not leave. */
bool pp_stream_may_reach(struct pp_stream *, struct pp_conn *,
                         const struct pp_packet *);

#endif /* pp-stream-private.h */
