/* Soak: the whole system under a steady mixed load for an hour or so; memory, descriptors and latency must stay as they
 * are. Every few seconds a row of figures is taken; in the end the middle third is compared with the last. */
#ifndef LOGIKALD_TESTS_SOAK_H
#define LOGIKALD_TESTS_SOAK_H

#include "tests/load/load.h"
#include "tests/support/record.h"

struct soak {
    struct system sys;
    struct load load;
    struct record record;
    struct load_shared *before; /* the counts at the last row */
    char log[280];
    long log_read;      /* bytes of it that are counted */
    int64_t log_errors; /* lines of level error and above */
    char first_error[400];
    int64_t start_ms;
    int replaced; /* processes with another pid than in the row before */
};

/* sample.c: takes one row. */
void sample(struct soak *s);

/* report.c: writes report.md and samples.csv into the directory; false when something does not hold. failures: what
 * else went wrong, a line each ("" = nothing). */
bool report_write(const struct soak *s, const char *dir, const char *failures);

#endif
