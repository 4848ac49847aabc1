/* What every test program stands on: cmocka, and tests and fixtures without the state that it passes to each. */
#ifndef LOGIKALD_TESTS_SUPPORT_TEST_H
#define LOGIKALD_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#define TEST(name)    static void name(void **state __attribute__((unused)))
#define FIXTURE(name) static int name(void **state __attribute__((unused))) /* before or after tests: 0 = fine */

/* The main of a test program: runs these rows between the two fixtures (may be NULL); TEST_FILTER=PATTERN for some. */
#define TEST_MAIN(rows, before, after)                                                                                 \
    int main(void)                                                                                                     \
    {                                                                                                                  \
        cmocka_set_test_filter(getenv("TEST_FILTER"));                                                                 \
        return cmocka_run_group_tests(rows, before, after);                                                            \
    }

#endif
