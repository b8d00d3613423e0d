/* SPDX-License-Identifier: Apache-2.0 */

/* Reading the vectors of patch files.
 *
 * In: the 'vectors' of a file.  Out: conversations as turns.  Runs in control
 * and in the tools, never in the engine; owns nothing. */

#include <config.h>

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "openvswitch/dynamic-string.h"
#include "patch/pp-func.h"
#include "patch/pp-patch-private.h"
#include "util.h"

/* Adds 'text' with "${date}" and "$$" in it to 's'. */
static void
put_dated(struct pp_loader *ld, const struct pp_yaml *text, const char *what,
          struct ds *s)
{
    char date[PP_DATE_LEN + 1];

    pp_format_date(PP_VECTOR_NOW, date);
    for (size_t i = 0; i < text->n; i++) {
        if (text->text[i] != '$') {
            ds_put_char(s, text->text[i]);
        } else if (i + 1 < text->n && text->text[i + 1] == '$') {
            ds_put_char(s, '$');
            i++;
        } else if (text->n - i >= 7 && !memcmp(&text->text[i], "${date}", 7)) {
            ds_put_cstr(s, date);
            i += 6;
        } else {
            pp_loader_error(ld, text, "in %s '$' starts \"${date}\"; a "
                            "dollar sign is written \"$$\"", what);
            break;
        }
    }
}

/* Adds what the map {repeat: BYTES, times: N} stands for. */
static void
put_repeated(struct pp_loader *ld, struct pp_yaml *map, const char *what,
             struct ds *s)
{
    struct pp_yaml *repeat = pp_loader_need(ld, map, "repeat", what);
    struct pp_yaml *times = pp_loader_need(ld, map, "times", what);
    unsigned int n;

    if (!repeat || !times || !pp_loader_is(ld, repeat, PP_YAML_SCALAR, what)
        || !pp_loader_is(ld, times, PP_YAML_SCALAR, what)) {
        return;
    }
    if (!str_to_uint(times->text, 10, &n)
        || (uint64_t) n * repeat->n + s->length > PP_PATCH_VECTOR_BYTES_MAX) {
        pp_loader_error(ld, times, "'times' is a number, and makes no more "
                        "than %d bytes", PP_PATCH_VECTOR_BYTES_MAX);
        return;
    }
    for (unsigned int i = 0; i < n; i++) {
        ds_put_buffer(s, repeat->text, repeat->n);
    }
    pp_loader_unused(ld, map, what, "repeat, times");
}

/* Adds a text or a repeated one. */
static void
put_bytes(struct pp_loader *ld, struct pp_yaml *node, const char *what,
          bool dated, struct ds *s)
{
    if (node->kind == PP_YAML_MAP) {
        put_repeated(ld, node, what, s);
    } else if (!pp_loader_is(ld, node, PP_YAML_SCALAR, what)) {
        return;
    } else if (dated) {
        put_dated(ld, node, what, s);
    } else {
        ds_put_buffer(s, node->text, node->n);
    }
}

static struct pp_bytes
take_bytes(struct pp_loader *ld, struct pp_yaml *node, const char *what,
           bool dated)
{
    struct ds s = DS_EMPTY_INITIALIZER;
    struct pp_bytes bytes = { NULL, 0 };

    if (!node) {
        return bytes;
    }
    if (node->kind == PP_YAML_LIST) {
        for (size_t i = 0; i < node->n_items; i++) {
            put_bytes(ld, node->items[i], what, dated, &s);
        }
    } else {
        put_bytes(ld, node, what, dated, &s);
    }
    ld->vector_bytes += s.length;
    if (ld->vector_bytes > PP_PATCH_VECTOR_BYTES_MAX) {
        pp_loader_error(ld, node, "the vectors have more than %d bytes",
                        PP_PATCH_VECTOR_BYTES_MAX);
        ds_clear(&s);
    }
    bytes.n = s.length;
    bytes.p = (uint8_t *) ds_steal_cstr(&s);
    return bytes;
}

static struct pp_turn *
add_turn(struct pp_vector *vector, enum pp_turn_kind kind, unsigned int line)
{
    if (!(vector->n_turns & (vector->n_turns - 1))) {
        size_t n = vector->n_turns ? 2 * vector->n_turns : 1;

        vector->turns = xrealloc(vector->turns, n * sizeof *vector->turns);
    }
    vector->turns[vector->n_turns] = (struct pp_turn) {
        .kind = kind, .line = line,
    };
    return &vector->turns[vector->n_turns++];
}

static void
take_expect(struct pp_loader *ld, struct pp_vector *vector,
            struct pp_yaml *map)
{
    struct pp_turn *turn = add_turn(vector, PP_TURN_EXPECT, map->line);
    struct pp_yaml *close;

    if (!pp_loader_is(ld, map, PP_YAML_MAP, "'expect'")) {
        return;
    }
    turn->to_client = take_bytes(ld, pp_yaml_get(map, "to-client"),
                                 "'to-client'", true);
    turn->to_server = take_bytes(ld, pp_yaml_get(map, "to-server"),
                                 "'to-server'", false);
    close = pp_yaml_get(map, "close");
    if (close && pp_loader_is(ld, close, PP_YAML_SCALAR, "'close'")) {
        if (!strcmp(close->text, "fin")) {
            turn->close = PP_CLOSE_FIN;
        } else if (!strcmp(close->text, "reset")) {
            turn->close = PP_CLOSE_RESET;
        } else if (strcmp(close->text, "none")) {
            pp_loader_error(ld, close, "'close' is expected to be fin, reset "
                            "or none");
        }
    }
    pp_loader_unused(ld, map, "'expect'", "to-client, to-server, close");
}

static void
take_end(struct pp_loader *ld, struct pp_vector *vector,
         const struct pp_yaml *node)
{
    if (!pp_loader_is(ld, node, PP_YAML_SCALAR, "'end'")) {
        return;
    }
    if (!strcmp(node->text, "client")) {
        add_turn(vector, PP_TURN_CLIENT_END, node->line);
    } else if (!strcmp(node->text, "server")) {
        add_turn(vector, PP_TURN_SERVER_END, node->line);
    } else {
        pp_loader_error(ld, node, "'end' is 'client' or 'server': who sends "
                        "FIN");
    }
}

static void
take_turns(struct pp_loader *ld, struct pp_vector *vector,
           struct pp_yaml *list)
{
    if (!pp_loader_is(ld, list, PP_YAML_LIST, "'steps'")) {
        return;
    }
    if (list->n_items > PP_PATCH_TURNS_MAX) {
        pp_loader_error(ld, list, "more than %d steps", PP_PATCH_TURNS_MAX);
        return;
    }
    for (size_t i = 0; i < list->n_items; i++) {
        struct pp_yaml *map = list->items[i];
        struct pp_yaml *n;

        if (map->kind != PP_YAML_MAP || map->n_items != 1) {
            pp_loader_error(ld, map, "a step is one of {client: BYTES}, "
                            "{server: BYTES}, {end: client|server} and "
                            "{expect: {...}}");
        } else if ((n = pp_yaml_get(map, "client"))) {
            add_turn(vector, PP_TURN_CLIENT, map->line)->bytes
                = take_bytes(ld, n, "'client'", false);
        } else if ((n = pp_yaml_get(map, "server"))) {
            add_turn(vector, PP_TURN_SERVER, map->line)->bytes
                = take_bytes(ld, n, "'server'", false);
        } else if ((n = pp_yaml_get(map, "end"))) {
            take_end(ld, vector, n);
        } else if ((n = pp_yaml_get(map, "expect"))) {
            take_expect(ld, vector, n);
        } else {
            pp_loader_unused(ld, map, "a step",
                             "client, server, end, expect");
        }
    }
}

static void
take_address(struct pp_loader *ld, struct pp_yaml *map, const char *key,
             uint8_t *address)
{
    struct pp_yaml *node = pp_yaml_get(map, key);
    struct in6_addr ip = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

    if (!node || !pp_loader_is(ld, node, PP_YAML_SCALAR, "an address")) {
        return;
    }
    if (inet_pton(AF_INET, node->text, &ip.s6_addr[12]) != 1
        && inet_pton(AF_INET6, node->text, &ip) != 1) {
        pp_loader_error(ld, node, "'%s' is not the IP address of a %s",
                        node->text, key);
        return;
    }
    memcpy(address, &ip, sizeof ip);
}

/* Reads who the ends are; 'map' may be NULL. */
static void
take_ends(struct pp_loader *ld, struct pp_ends *ends, struct pp_yaml *map)
{
    const struct pp_proxy *proxy = ld->patch->proxy;

    *ends = (struct pp_ends) {
        .client = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 1 },
        .server = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 2 },
        .client_port = 49152,
        .server_port = proxy ? proxy->ports[0] : 0,
    };
    if (!map || !pp_loader_is(ld, map, PP_YAML_MAP, "'addresses'")) {
        return;
    }
    take_address(ld, map, "client", ends->client);
    take_address(ld, map, "server", ends->server);
    pp_loader_unused(ld, map, "'addresses'", "client, server");
    if (pp_value_address(ends->client).s.n
        != pp_value_address(ends->server).s.n) {
        pp_loader_error(ld, map, "client and server have addresses of "
                        "different families");
    }
}

static void
take_vector(struct pp_loader *ld, struct pp_vector *vector,
            struct pp_yaml *map)
{
    struct pp_yaml *exploit, *benign, *name, *bytes, *turns, *expect;
    bool expects = false;

    if (!pp_loader_is(ld, map, PP_YAML_MAP, "a vector")) {
        return;
    }
    exploit = pp_yaml_get(map, "exploit");
    benign = pp_yaml_get(map, "benign");
    if (!exploit == !benign) {
        pp_loader_error(ld, map, "a vector is either 'exploit: NAME' or "
                        "'benign: NAME'");
        return;
    }
    name = exploit ? exploit : benign;
    vector->exploit = exploit != NULL;
    vector->line = map->line;
    vector->column = map->column;
    if (!pp_loader_is(ld, name, PP_YAML_SCALAR, "the vector's name")) {
        return;
    }
    vector->name = xstrdup(name->text);
    take_ends(ld, &vector->ends, pp_yaml_get(map, "addresses"));
    pp_loader_vector_params(ld, vector, pp_yaml_get(map, "parameters"));
    bytes = pp_yaml_get(map, "to-server");
    turns = pp_yaml_get(map, "steps");
    expect = pp_yaml_get(map, "expect");
    if (!bytes == !turns) {
        pp_loader_error(ld, map, "a vector has either 'to-server', what the "
                        "client sends, or 'steps'");
        return;
    }
    if (bytes) {
        add_turn(vector, PP_TURN_CLIENT, bytes->line)->bytes
            = take_bytes(ld, bytes, "'to-server'", false);
    } else {
        take_turns(ld, vector, turns);
    }
    if (expect) {
        take_expect(ld, vector, expect);
    }
    for (size_t i = 0; i < vector->n_turns; i++) {
        expects |= vector->turns[i].kind == PP_TURN_EXPECT;
    }
    if (exploit && !expects) {
        pp_loader_error(ld, map, "an exploit needs 'expect': what must come "
                        "out?");
    }
    pp_loader_unused(ld, map, "a vector",
                     "exploit, benign, to-server, steps, expect, addresses, "
                     "parameters");
}

void
pp_loader_vectors(struct pp_loader *ld)
{
    struct pp_yaml *list = pp_loader_need(ld, ld->root, "vectors",
                                          "the patch");
    struct pp_patch *patch = ld->patch;
    unsigned int n_exploits = 0, n_benign = 0;

    if (!list || !pp_loader_is(ld, list, PP_YAML_LIST, "'vectors'")) {
        return;
    }
    if (list->n_items > PP_PATCH_VECTORS_MAX) {
        pp_loader_error(ld, list, "more than %d vectors",
                        PP_PATCH_VECTORS_MAX);
        return;
    }
    patch->vectors = xcalloc(list->n_items + 1, sizeof *patch->vectors);
    for (size_t i = 0; i < list->n_items; i++) {
        struct pp_vector *vector = &patch->vectors[patch->n_vectors++];

        take_vector(ld, vector, list->items[i]);
        n_exploits += vector->exploit;
        n_benign += !vector->exploit;
    }
    if (!n_exploits || !n_benign) {
        pp_loader_error(ld, list, "a patch needs at least one exploit and one "
                        "benign vector: there are %u and %u", n_exploits,
                        n_benign);
    }
}
