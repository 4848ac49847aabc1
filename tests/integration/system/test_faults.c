/* Faults of every part, staged on the whole system: each is named within seconds, alone, and is forgotten when it is
 * over. FAULTS=all stages those as well that take long, with the times that the settings have by default, and
 * FAULTS_REPORT=FILE writes what was measured into that document (make faults). FAULTS_ONLY=WORDS
 * stages those with these words in their name. */
#include <stdlib.h>
#include <string.h>

#include "tests/faults/faults.h"

static struct system sys;

static bool with_long(void)
{
    const char *which = getenv("FAULTS");
    return which && strcmp(which, "all") == 0;
}

TEST(test_each_fault_is_told_alone_and_forgotten)
{
    strike_all(&sys, with_long());

    report_print();
    if (getenv("FAULTS_REPORT")) report_write(getenv("FAULTS_REPORT"));
}

FIXTURE(start)
{
    world_start(&sys, with_long());
    return 0;
}

FIXTURE(stop)
{
    world_end(&sys);
    return 0;
}

static const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_fault_is_told_alone_and_forgotten)};
TEST_MAIN(tests, start, stop)
