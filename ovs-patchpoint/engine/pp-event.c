/* SPDX-License-Identifier: Apache-2.0 */

/* What an event says, in text; see pp-event.h.
 *
 * In: values as they travel from the engine (pp-ipc.h).  Out: printable ASCII.
 * Runs in control and in the offline tool; owns nothing. */

#include <config.h>

#include "engine/pp-event.h"

#include "engine/pp-ipc.h"
#include "openvswitch/dynamic-string.h"
#include "pp-value.h"
#include "util.h"

const char *
pp_event_kind(unsigned int kind)
{
    static const char *const names[] = {
        [PP_CORRECTED_EDIT] = "edit",
        [PP_CORRECTED_REJECT] = "reject",
        [PP_CORRECTED_CLOSE] = "close",
        [PP_CORRECTED_DROP] = "drop",
    };

    return kind < ARRAY_SIZE(names) ? names[kind] : NULL;
}

void
pp_event_escape(const uint8_t *p, size_t n, struct ds *ds)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t c = p[i];

        if (c == '\r') {
            ds_put_cstr(ds, "\\r");
        } else if (c == '\n') {
            ds_put_cstr(ds, "\\n");
        } else if (c == '\t') {
            ds_put_cstr(ds, "\\t");
        } else if (c == '"' || c == '\\') {
            ds_put_format(ds, "\\%c", c);
        } else if (c < 0x20 || c > 0x7e) {
            ds_put_format(ds, "\\x%02x", c);
        } else {
            ds_put_char(ds, (char) c);
        }
    }
}

static void
format_value(const struct pp_ipc_value *v, struct ds *ds)
{
    if (v->secret) {
        ds_put_cstr(ds, "***");
        return;
    }
    switch ((enum pp_type) v->type) {
    case PP_TYPE_BOOL:
        ds_put_cstr(ds, v->i ? "true" : "false");
        break;
    case PP_TYPE_INT:
        ds_put_format(ds, "%lld", (long long int) v->i);
        break;
    case PP_TYPE_LIST:
        ds_put_format(ds, "%u", v->len);
        break;
    case PP_TYPE_BYTES:
    case PP_TYPE_VERSION:
    default:
        ds_put_char(ds, '"');
        pp_event_escape(v->bytes, v->n, ds);
        ds_put_cstr(ds, v->n < v->len ? "\"..." : "\"");
        break;
    }
}

void
pp_event_format_values(const struct pp_ipc_value *v, size_t n, struct ds *ds)
{
    for (size_t i = 0; i < n; i++) {
        ds_put_format(ds, "%s%s=", i ? " " : "", v[i].name);
        format_value(&v[i], ds);
    }
}
