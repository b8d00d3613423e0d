/* SPDX-License-Identifier: Apache-2.0 */

#ifndef SUITE_H
#define SUITE_H 1

/* Running a suite of libcheck's, as each test program does. */

#include <check.h>
#include <stdlib.h>

/* Runs 'suite', which is freed.  Returns what main() is to return. */
static inline int
suite_main(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif /* suite.h */
