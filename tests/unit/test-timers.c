/* SPDX-License-Identifier: Apache-2.0 */

/* The wheel of timers. */

#include <config.h>

#include <check.h>
#include <stdlib.h>

#include "engine/pp-timers.h"
#include "suite.h"
#include "util.h"

static uint64_t
rnd(uint64_t n)
{
    static uint64_t x = 88172645463325252;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x % n;
}

/* Timers against a plain list of them: none early, none late, none lost. */
START_TEST(test_timers)
{
    enum { N = 200 };
    static struct pp_timers timers;
    static struct pp_timer timer[N];
    uint64_t at[N] = { 0 };
    uint64_t now = _i ? 0 : UINT64_C(1) << 36;
    unsigned int n_fired = 0;

    pp_timers_init(&timers);
    for (int step = 0; step < 50000; step++) {
        uint64_t first = UINT64_MAX;
        bool late = false, early = false;
        struct pp_timer *due;

        for (uint64_t i = rnd(4); i > 0; i--) {
            uint64_t which = rnd(N);

            at[which] = (rnd(4) ? now + rnd(UINT64_C(1) << rnd(38)) : 0);
            pp_timers_set(&timers, &timer[which], at[which]);
        }
        for (int i = 0; i < N; i++) {
            first = at[i] ? MIN(first, MAX(at[i], now)) : first;
        }
        ck_assert_uint_le(pp_timers_next(&timers), first);
        if (rnd(2) && pp_timers_next(&timers) != UINT64_MAX) {
            now = MAX(now, pp_timers_next(&timers));
        } else {
            now += rnd(UINT64_C(1) << rnd(20));
        }
        while ((due = pp_timers_due(&timers, now)) != NULL) {
            size_t which = (size_t) (due - timer);

            early |= !at[which] || at[which] > now || due->at;
            at[which] = 0;
            n_fired++;
        }
        for (int i = 0; i < N; i++) {
            late |= at[i] && at[i] <= now;
        }
        ck_assert(!early && !late);
        ck_assert_uint_gt(pp_timers_next(&timers), now);
    }
    ck_assert_uint_gt(n_fired, 10000);
    for (int i = 0; i < N; i++) {
        pp_timers_set(&timers, &timer[i], 0);
    }
    ck_assert_uint_eq(pp_timers_next(&timers), UINT64_MAX);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("timers");
    TCase *tc = tcase_create("wheel");

    tcase_add_loop_test(tc, test_timers, 0, 2);
    suite_add_tcase(suite, tc);
    return suite_main(suite);
}
