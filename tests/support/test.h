/* What every test program stands on: cmocka, and tests and fixtures without the state that it passes to each. */
#ifndef LOGIKALD_TESTS_SUPPORT_TEST_H
#define LOGIKALD_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define TEST(name)    static void name(void **state __attribute__((unused)))
#define FIXTURE(name) static int name(void **state __attribute__((unused))) /* before or after tests: 0 = fine */

#endif
