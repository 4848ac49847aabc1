/* Soak: the whole system under a steady mixed load for an hour or so; memory, descriptors and latency must stay as they
 * are. Every few seconds a row of figures is taken; in the end the middle third is compared with the last. */
#ifndef LOGIKALD_TESTS_SOAK_H
#define LOGIKALD_TESTS_SOAK_H

#include "tests/load/load.h"

/* What a figure may do from the middle third of the run to the last, by their medians. */
enum bound {
    ANY,         /* shown, not judged */
    FLAT_MEMORY, /* KiB: grow by 5 % or 1 MiB, whichever is more */
    FLAT_COUNT,  /* grow by 5 % or 10, whichever is more */
    EQUAL,       /* grow by 2 (a connection that a pool keeps, or a client that is just there) */
    FLAT_TIME,   /* ms: double, and 2 ms more (the machine may have other work) */
};

struct series {
    char name[80];
    enum bound bound;
    double *values; /* one for each row; NAN = there was none */
};

#define SERIES_MOST 128

struct record {
    struct series series[SERIES_MOST];
    int count, rows, room;
    double *at_s; /* since the start */
};

/* record.c: rows of named figures. */
void record_put(struct record *r, const char *name, enum bound bound, double value); /* into the current row */
void record_row(struct record *r, double at_s);                                      /* ends the current row */
double record_median(const struct record *r, const struct series *s, int third);     /* third 0 to 2; NAN = no value */
double record_slope_per_hour(const struct record *r,
                             const struct series *s);              /* least squares over the last two thirds */
bool record_holds(const struct record *r, const struct series *s); /* its bound */

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
