/* The benches of the sync: each prints a Markdown table and adds to the JSON report. */
#ifndef LOGIKALD_TESTS_BENCH_SYNC_H
#define LOGIKALD_TESTS_BENCH_SYNC_H

#include <cjson/cJSON.h>

void bench_field_case(double scale, cJSON *report); /* scale of the field's delays: 0.1 = a tenth */
void bench_rows(int rows, cJSON *report);           /* stage and apply beside COPY */
void bench_journal(int rows, cJSON *report);        /* the same with and without the journal of changes */
void bench_parts(int files, cJSON *report);         /* reading parts lists beside Python */
void bench_real(int elevations, cJSON *report);     /* parts lists of real size: stored, read, kept; the sync's pace */
void bench_pace(int elevations, int rounds, cJSON *report); /* real size beside small files, in turns */
void bench_read(int elevations, int rounds);
void bench_kept(int elevations, cJSON *report);

#endif
