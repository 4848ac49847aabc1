/* What it is that somebody asks about: "project", "worker.0", "Pos. 001", "queue:sync", "elevation:#12". Pure. */
#ifndef LOGIKALD_SERVICES_WHY_SUBJECT_H
#define LOGIKALD_SERVICES_WHY_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <cjson/cJSON.h>

/* Splits "KIND:NAME" where KIND is one of ours; else kind is "" and name all of it. */
struct subject {
    char kind[16];
    char name[512];
    bool objects_only; /* nothing but directories, projects and elevations may be meant */
};
void subject_read(const char *of, struct subject *out);

bool subject_may_be_object(const struct subject *s); /* PostgreSQL has to be asked for it */
bool subject_may_be_task(const struct subject *s);   /* Redis has to be */

/* What it can be, from facts of the plant, of "found" and of "task": a list of {"kind","key","name","way"}, the
 * caller's. One is what it is; several are to be chosen from; none: it is not known. */
cJSON *subject_candidates(const struct subject *s, const cJSON *facts);

/* There are more of a kind than were looked for. */
#define SUBJECT_MOST 50
bool subject_is_cut(const cJSON *candidates);

/* Why nothing was found, and what would be. */
void subject_unknown(const struct subject *s, const cJSON *facts, char *out, size_t size);
bool subject_is_unsure(const struct subject *s, const cJSON *facts); /* it may be in what is away */

#endif
