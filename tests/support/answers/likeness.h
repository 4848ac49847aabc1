/* Texts with something in them that differs each time. In a pattern <s+7> is a number 7 seconds after the beginning
 * (unix) and at most what has passed since, <ms+7> 7 ms after it, <left+7> what is left of 7 ms since, <#> any number,
 * <*> anything up to a blank, comma or bracket, <**> anything. */
#ifndef LOGIKALD_TESTS_SUPPORT_ANSWERS_LIKENESS_H
#define LOGIKALD_TESTS_SUPPORT_ANSWERS_LIKENESS_H

#include <stdbool.h>
#include <stdint.h>

bool likeness_holds(const char *wanted, const char *answer, int64_t began_us);

#endif
