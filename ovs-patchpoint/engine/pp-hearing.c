/* SPDX-License-Identifier: Apache-2.0 */

/* What servers say of themselves; see pp-hearing.h.
 *
 * In: pieces of what a server sent, which are hostile.  Out: text that is safe
 * to print, and whether control is to be told.  Runs in the engine and in the
 * offline tool; owns what it has told of which service. */

#include <config.h>

#include "engine/pp-hearing.h"

#include <stdio.h>
#include <string.h>

#include "hash.h"
#include "util.h"

/* Bytes that are taken of one piece. */
#define PIECE_MAX 120

void
pp_hearing_init(struct pp_hearing *h, uint32_t basis)
{
    memset(h, 0, sizeof *h);
    h->basis = basis;
}

/* White space at the ends says nothing. */
static struct pp_bytes
piece_of(const struct pp_view *view, struct pp_span span)
{
    struct pp_bytes x = { view->base + span.off, MIN(span.len, PIECE_MAX) };

    while (x.n && strchr(" \t\r\n", x.p[x.n - 1]) && x.p[x.n - 1]) {
        x.n--;
    }
    while (x.n && strchr(" \t\r\n", x.p[0]) && x.p[0]) {
        x.p++;
        x.n--;
    }
    return x;
}

void
pp_hearing_text(const struct pp_view *view,
                const struct pp_span banner[PP_BANNER_PIECES],
                char text[PP_SAID_MAX])
{
    size_t n = 0;

    for (int i = 0; i < PP_BANNER_PIECES; i++) {
        struct pp_bytes x = piece_of(view, banner[i]);

        for (size_t j = 0; j < x.n && n + 8 < PP_SAID_MAX; j++) {
            if (!j && n) {
                text[n++] = ';';
                text[n++] = ' ';
            }
            if (x.p[j] >= 0x20 && x.p[j] < 0x7f && x.p[j] != '\\') {
                text[n++] = (char) x.p[j];
            } else {
                n += (size_t) snprintf(text + n, 5, "\\x%02x", x.p[j]);
            }
        }
    }
    text[n] = '\0';
}

static uint32_t
hash_service(const struct pp_hearing *h, const struct pp_ipc_said *said)
{
    uint32_t hash = hash_2words(said->server ^ h->basis, said->service.port);

    return hash_bytes(&said->service.ip, sizeof said->service.ip, hash);
}

static uint32_t
hash_text(const struct pp_hearing *h, const struct pp_ipc_said *said)
{
    return hash_string(said->text, h->basis + said->proxy);
}

bool
pp_hearing_is_news(struct pp_hearing *h, const struct pp_ipc_said *said,
                   uint64_t now)
{
    uint32_t key = hash_service(h, said);
    size_t i = key % PP_HEARING_MAX;
    uint64_t since = h->told[i].at ? now - h->told[i].at : UINT64_MAX;

    if (h->second != now / 1000) {
        h->second = now / 1000;
        h->n = 0;
    }
    if (h->n >= PP_HEARING_RATE) {
        return false;
    }
    if (h->told[i].key != key) {
        return true;
    }
    return since >= (h->told[i].text == hash_text(h, said)
                     ? PP_HEARING_SAME_MS : PP_HEARING_OTHER_MS);
}

void
pp_hearing_told(struct pp_hearing *h, const struct pp_ipc_said *said,
                uint64_t now)
{
    uint32_t key = hash_service(h, said);
    size_t i = key % PP_HEARING_MAX;

    h->told[i].at = MAX(now, 1);
    h->told[i].key = key;
    h->told[i].text = hash_text(h, said);
    h->n++;
}
