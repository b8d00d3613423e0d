/* SPDX-License-Identifier: Apache-2.0 */

/* The stream stage against a model.
 *
 * In: schedules made from a seed.  Out: what stream-world.h says must hold.
 *
 *     PP_SCHEDULES=N   runs N schedules instead of 200,000
 *     PP_SEED=N        starts with seed N; alone, runs only that one
 *
 * A schedule that fails is run once more to tell how it came to that. */

#include <config.h>

#include <check.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stream-world.h"
#include "suite.h"
#include "util.h"

static struct world world;

static void run_schedule(uint64_t seed);

void
tcp_fail(const char *format, ...)
{
    char what[512];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (!tcp_tracing) {
        tcp_tracing = true;
        run_schedule(world.seed);
    }
    tcp_trace_show();
    ck_abort_msg("PP_SEED=%"PRIu64", step %"PRIu64", t %"PRIu64": %s%s",
                 world.seed, world.step, world.net.now, what,
                 world.unguarded ? " (unguarded)" : "");
    abort();
}

/* Schedules. */

static void
put_bytes(struct tcp_text *t, uint32_t n, const char *alphabet)
{
    uint32_t size = (uint32_t) strlen(alphabet);

    for (uint32_t i = 0; i < n; i++) {
        uint8_t c = (uint8_t) alphabet[tcp_rnd(size)];

        tcp_text_put(t, &c, 1);
    }
}

static void
write_line(struct tcp_text *t, bool is_last, bool is_long, uint32_t big)
{
    static const char kinds[] = "PPPPDEEERRPEHGTS";
    static const char last[] = "CCXZOBCX";
    char kind = (is_last && tcp_chance(30) ? last[tcp_rnd(sizeof last - 1)]
                 : kinds[tcp_rnd(sizeof kinds - 1)]);
    uint32_t number = tcp_rnd(tcp_chance(80) ? 100 : big);
    char head[16];

    if (strchr("GTS", kind)) {
        snprintf(head, sizeof head, "%c%u", kind, number);
    } else {
        snprintf(head, sizeof head, "%c", kind);
        number = 0;
    }
    tcp_text_put(t, head, strlen(head));
    put_bytes(t, tcp_rnd(is_long ? 3000 : 40),
              strchr("GTS", kind) ? " abc" : "abcdefghijk ");
    tcp_text_put(t, "\n", 1);
    if (kind == 'T' || kind == 'S') {
        put_bytes(t, number, "ABCDEFGHIJKL");
    }
    if (strchr("OBXZC", kind) && tcp_chance(50)) {
        /* What stands behind the end of the conversation. */
        put_bytes(t, tcp_rnd(100), "PERC\n");
    }
}

static void
write_lines(struct tcp_end *client, unsigned int size)
{
    static const unsigned int lines[] = { 4, 8, 30, 60 };
    static const uint32_t big[] = { 300, 2000, 20000, 150000 };
    unsigned int n = 1 + tcp_rnd(lines[size]);

    for (unsigned int i = 0; i < n; i++) {
        write_line(&client->out, i + 1 == n,
                   tcp_chance(size ? 10 : 2), big[size]);
    }
    if (tcp_chance(10)) {
        put_bytes(&client->out, 1 + tcp_rnd(30), "PEab");
    }
    client->ready = client->out.n;
    if (tcp_chance(30)) {
        client->ready = tcp_rnd((uint32_t) client->out.n);
        client->more_at = client->net->now + 1 + tcp_rnd(100);
    }
    client->out_fin = tcp_chance(60);
}

/* What an endpoint is like. */
static void
shape_end(struct tcp_end *e, unsigned int size)
{
    static const uint16_t odd_mss[] = { 0, 20, 88, 1460, 8960 };

    e->mss = (uint16_t) (tcp_chance(40) ? odd_mss[tcp_rnd(5)]
                         : 100 + tcp_rnd(1361));
    e->wscale = (int8_t) (tcp_chance(50) ? (int) tcp_rnd(15) : -1);
    e->ts = tcp_chance(60);
    e->sack = tcp_chance(70);
    e->syn_data = tcp_chance(5);
    e->gso = tcp_chance(size >= 2 ? 50 : 15);
    e->partial = tcp_chance(50);
    e->nagle = tcp_chance(30);
    e->delays_acks = tcp_chance(40);
    e->reads_slowly = tcp_chance(20);
    e->keeps_alive = tcp_chance(8);
    e->last_copy_wins = tcp_chance(50);
    e->restless = tcp_chance(15) ? 1 + tcp_rnd(20) : 0;
    e->cut = (uint8_t) (tcp_chance(50) ? 0 : tcp_chance(90) || size ? 1 : 2);
    e->rcvbuf = (tcp_chance(25) ? 100 + tcp_rnd(3000)
                 : 20000 + tcp_rnd(300000));
}

static void
start_end(struct tcp_end *e)
{
    if (tcp_chance(10) && !e->net->life) {
        /* A later life begins beyond all that went before. */
        e->isn = UINT32_MAX - tcp_rnd(3000);
        tcp_seen.sequence_wraps++;
    }
    e->cwnd = tcp_chance(30) ? 1 : 4000 + tcp_rnd(60000);
}

static void
start_life(struct world *w, unsigned int size)
{
    struct tcp_end *client = &w->end[PP_TO_SERVER];
    struct tcp_end *server = &w->end[PP_FROM_SERVER];

    start_end(client);
    start_end(server);
    write_lines(client, size);
    w->closes_after = tcp_chance(10) ? 1 + (int) tcp_rnd(4) : -1;
    if (!w->net.life && tcp_chance(2)) {
        /* Both open.  Who asked first is then the engine's to see, else it is
         * the server's connection and none to its service. */
        uint32_t loss = w->net.loss;
        uint32_t jitter = w->net.jitter;

        w->net.loss = w->net.jitter = 0;
        tcp_end_connect(client);
        tcp_end_connect(server);
        w->net.loss = loss;
        w->net.jitter = jitter;
    } else {
        tcp_end_connect(client);
    }
}

static void
run_schedule(uint64_t seed)
{
    struct world *w = &world;
    unsigned int size;
    unsigned int lives = 1;

    world_init(w, seed);
    size = tcp_chance(80) ? 0 : tcp_chance(80) ? 1 : tcp_chance(80) ? 2 : 3;
    w->net.loss = tcp_chance(40) ? tcp_rnd(15) : 0;
    w->net.dup = tcp_chance(40) ? tcp_rnd(15) : 0;
    w->net.jitter = tcp_chance(50) ? 1 + tcp_rnd(40) : 1;
    w->net.ipv6 = tcp_chance(30);
    w->net.vlan = (uint16_t) (tcp_chance(20) ? 1 + tcp_rnd(4094) : 0);
    inet_pton(AF_INET6, w->net.ipv6 ? "2001:db8::1" : "::ffff:10.0.0.1",
              &w->net.client);
    inet_pton(AF_INET6, w->net.ipv6 ? "2001:db8::2" : "::ffff:10.0.0.2",
              &w->net.server);
    w->net.client_port = 4000;
    w->net.server_port = 80;
    w->fail = tcp_chance(50) ? PP_FAIL_OPEN : PP_FAIL_CLOSED;
    w->aborts = tcp_chance(4);
    w->rsts = tcp_chance(8);
    if (tcp_chance(10)) {
        w->st.limits.held_conn = 2 * (280000 + tcp_rnd(100000));
    }
    for (int i = 0; i < 2; i++) {
        shape_end(&w->end[i], size);
        w->end[i].isn = tcp_rnd(UINT32_MAX);
    }
    w->end[PP_TO_SERVER].lies = tcp_chance(30);
    if (!w->end[PP_TO_SERVER].lies && tcp_chance(6)) {
        /* Who lies when no engine looks gets through with it. */
        world_may_die(w, 1 + tcp_rnd(3));
    }
    if (!w->end[PP_TO_SERVER].lies && !w->deaths && tcp_chance(15)) {
        world_may_go_around(w, 1 + tcp_rnd(3));
    }
    start_life(w, size);
    world_run(w);
    while (lives < 3 && tcp_chance(12) && !w->died && !w->went_around
           && w->st.epoch == (uint16_t) w->seed
           && (w->mode != WORLD_NORMAL || w->end[0].out_fin)) {
        lives++;
        if (w->mode != WORLD_NORMAL || tcp_chance(50)) {
            tcp_net_clear(&w->net);
        }
        world_new_life(w);
        start_life(w, 0);
        tcp_seen.reuses++;
        world_run(w);
    }
    tcp_seen.schedules++;
    tcp_seen.lives++;
    world_destroy(w);
}

static uint64_t
number_of(const char *name, uint64_t otherwise)
{
    const char *value = getenv(name);

    return value ? strtoull(value, NULL, 10) : otherwise;
}

/* Schedules beyond the usual ones that have failed once. */
static const uint64_t once_failed[] = {
    289299, 306197, 638496, 740660, 932486, 1961033, 2386119, 3395842,
    3702187, 3710554, 4078239, 5058725, 5231543, 5513655,
};

START_TEST(test_model)
{
    uint64_t first = number_of("PP_SEED", 1);
    uint64_t n = number_of("PP_SCHEDULES", getenv("PP_SEED") ? 1 : 200000);
    const char *unseen = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(once_failed); i++) {
        run_schedule(once_failed[i]);
    }
    for (uint64_t seed = first; seed < first + n; seed++) {
        run_schedule(seed);
    }
#define X(NAME)                                                             \
    printf("%12"PRIu64" "#NAME"\n", tcp_seen.NAME);                         \
    unseen = (tcp_seen.NAME || !strcmp(#NAME, "gave_up")                    \
              || !strcmp(#NAME, "stalled_unguarded") ? unseen : #NAME);
    TCP_SEEN
#undef X
    if (n >= 4000 && unseen) {
        ck_abort_msg("no schedule had any %s", unseen);
    }
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("stream");
    TCase *tc = tcase_create("model");

    tcase_set_timeout(tc, 0);
    tcase_add_test(tc, test_model);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
