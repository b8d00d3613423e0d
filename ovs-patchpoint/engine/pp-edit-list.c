/* SPDX-License-Identifier: Apache-2.0 */

/* The edit list of one direction of a connection; see pp-edit-list.h.
 *
 * In: edits, in stream order, and acknowledgements.  Out: positions mapped
 * between what a sender sends and what its receiver gets.  Runs in the engine,
 * for the stream stage, which owns the lists. */

#include <config.h>

#include "engine/pp-edit-list.h"

#include <stdlib.h>
#include <string.h>

#include "util.h"

void
pp_edit_list_add(struct pp_edit_list *list, uint64_t in, uint32_t removed,
                 uint32_t inserted)
{
    uint64_t out = pp_edit_list_start(list, in);
    struct pp_edit_entry *last = list->n ? &list->entries[list->n - 1] : NULL;

    if (last && last->in + last->removed == in
        && removed <= UINT32_MAX - last->removed
        && inserted <= UINT32_MAX - last->inserted) {
        /* Right behind the last: one entry says both. */
        last->removed += removed;
        last->inserted += inserted;
        return;
    }
    if (list->n == list->allocated) {
        list->allocated = list->allocated ? 2 * list->allocated : 4;
        list->entries = xrealloc(list->entries,
                                 list->allocated * sizeof *list->entries);
    }
    list->entries[list->n++] = (struct pp_edit_entry) {
        .in = in, .out = out, .removed = removed, .inserted = inserted,
    };
}

void
pp_edit_list_prune(struct pp_edit_list *list, uint64_t acked_out)
{
    uint32_t n = 0;

    while (n < list->n
           && list->entries[n].out + list->entries[n].inserted <= acked_out) {
        list->skew += (int64_t) list->entries[n].inserted
                      - list->entries[n].removed;
        n++;
    }
    if (!n) {
        return;
    }
    list->n -= n;
    if (list->n) {
        memmove(list->entries, list->entries + n,
                list->n * sizeof *list->entries);
    } else {
        free(list->entries);
        list->entries = NULL;
        list->allocated = 0;
    }
}

bool
pp_edit_list_find_touch(const struct pp_edit_list *list, uint64_t from,
                        uint64_t to)
{
    for (uint32_t i = list->n; i-- > 0;) {
        const struct pp_edit_entry *e = &list->entries[i];

        if (e->in + e->removed <= from) {
            break;
        } else if (e->in < to && (e->removed || e->in > from)) {
            return true;
        }
    }
    return false;
}

/* The last entry for which 'in' (or, with 'by_out', 'out') is at or before
 * 'pos', or NULL. */
static const struct pp_edit_entry *
find(const struct pp_edit_list *list, uint64_t pos, bool by_out)
{
    uint32_t low = 0;
    uint32_t high = list->n;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        const struct pp_edit_entry *e = &list->entries[mid];

        if ((by_out ? e->out : e->in) <= pos) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low ? &list->entries[low - 1] : NULL;
}

uint64_t
pp_edit_list_find_start(const struct pp_edit_list *list, uint64_t in)
{
    const struct pp_edit_entry *e = find(list, in, false);

    if (!e) {
        /* From before entries that are folded already: somewhere before what
         * is acknowledged, if not before the first byte. */
        int64_t out = (int64_t) in + list->skew;

        return out < 0 ? 0 : (uint64_t) out;
    }
    return e->out + e->inserted
           + (in > e->in + e->removed ? in - (e->in + e->removed) : 0);
}

uint64_t
pp_edit_list_find_end(const struct pp_edit_list *list, uint64_t in)
{
    const struct pp_edit_entry *e = find(list, in, false);

    return e && e->in == in ? e->out : pp_edit_list_start(list, in);
}

uint64_t
pp_edit_list_find_in(const struct pp_edit_list *list, uint64_t out, bool up)
{
    const struct pp_edit_entry *e = find(list, out, true);

    if (!e) {
        return out - list->skew;
    }
    if (out < e->out + e->inserted) {
        return up && out > e->out ? e->in + e->removed : e->in;
    }
    return e->in + e->removed + (out - (e->out + e->inserted));
}

uint64_t
pp_edit_list_next(const struct pp_edit_list *list, uint64_t out)
{
    const struct pp_edit_entry *e = find(list, out, true);

    e = e ? e + 1 : list->entries;
    return e && e < list->entries + list->n ? e->out : UINT64_MAX;
}
