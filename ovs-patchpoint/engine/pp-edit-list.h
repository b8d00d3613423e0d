/* SPDX-License-Identifier: Apache-2.0 */

#ifndef PP_EDIT_LIST_H
#define PP_EDIT_LIST_H 1

/* The edit list of one direction of a connection.
 *
 * A direction has two streams: the one its sender sends ("in") and the one its
 * receiver gets ("out").  Positions in both are 64-bit offsets that count from
 * the first byte of data, so they never wrap.  Each entry says that 'removed'
 * bytes of the in stream at 'in' gave way to 'inserted' bytes of the out
 * stream at 'out'; everything between entries is the same in both.
 *
 * Entries are kept until the receiver has acknowledged everything before
 * their end, then they are folded into 'skew'.  A single skew alone would map
 * numbers wrongly that belong before an edit, such as retransmissions. */

#include <stdbool.h>
#include <stdint.h>

struct pp_edit_entry {
    uint64_t in;
    uint64_t out;
    uint32_t removed;
    uint32_t inserted;
};

struct pp_edit_list {
    int64_t skew;               /* out - in, before the first entry. */
    uint32_t n, allocated;
    struct pp_edit_entry *entries;  /* Sorted by 'in'; NULL if none. */
};

static inline bool
pp_edit_list_is_clean(const struct pp_edit_list *list)
{
    return !list->n && !list->skew;
}

/* Appends an entry.  'in' must not be before the end of the last one. */
void pp_edit_list_add(struct pp_edit_list *, uint64_t in, uint32_t removed,
                      uint32_t inserted);

/* Folds entries whose end in the out stream is at or before 'acked_out'. */
void pp_edit_list_prune(struct pp_edit_list *, uint64_t acked_out);

/* The functions below, for lists that are not clean: those of nearly all
 * connections are, and nothing has to be looked for in them. */
bool pp_edit_list_find_touch(const struct pp_edit_list *, uint64_t from,
                             uint64_t to);
uint64_t pp_edit_list_find_start(const struct pp_edit_list *, uint64_t in);
uint64_t pp_edit_list_find_end(const struct pp_edit_list *, uint64_t in);
uint64_t pp_edit_list_find_in(const struct pp_edit_list *, uint64_t out,
                              bool up);

/* True if some entry changes the bytes from 'from' to 'to', or puts something
 * between them. */
static inline bool
pp_edit_list_touches(const struct pp_edit_list *list, uint64_t from,
                     uint64_t to)
{
    return list->n && pp_edit_list_find_touch(list, from, to);
}

/* Where the byte at 'in' stands in the out stream.  At the place of an
 * insertion: behind it.  Inside of removed bytes: behind what replaced
 * them. */
static inline uint64_t
pp_edit_list_start(const struct pp_edit_list *list, uint64_t in)
{
    return (pp_edit_list_is_clean(list) && (int64_t) in >= 0 ? in
            : pp_edit_list_find_start(list, in));
}

/* Where a range that ends before the byte at 'in' ends in the out stream.  At
 * the place of an insertion: before it.  Inside of removed bytes: behind what
 * replaced them. */
static inline uint64_t
pp_edit_list_end(const struct pp_edit_list *list, uint64_t in)
{
    return (pp_edit_list_is_clean(list) && (int64_t) in >= 0 ? in
            : pp_edit_list_find_end(list, in));
}

/* What of the in stream a receiver has that has all of the out stream before
 * 'out'.  Inside of inserted bytes: not what they replaced. */
static inline uint64_t
pp_edit_list_acked(const struct pp_edit_list *list, uint64_t out)
{
    return (pp_edit_list_is_clean(list) ? out
            : pp_edit_list_find_in(list, out, false));
}

/* As pp_edit_list_acked(), but rounded up: the first in byte that is not
 * before 'out'.  For the left edges of SACK blocks. */
static inline uint64_t
pp_edit_list_left(const struct pp_edit_list *list, uint64_t out)
{
    return (pp_edit_list_is_clean(list) ? out
            : pp_edit_list_find_in(list, out, true));
}

/* Where the first entry behind 'out' stands in the out stream, or
 * UINT64_MAX. */
uint64_t pp_edit_list_next(const struct pp_edit_list *, uint64_t out);

#endif /* pp-edit-list.h */
