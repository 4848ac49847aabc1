/* Making problems (problems.h): the list that judges add to. */
#ifndef LOGIKALD_SERVICES_WEB_WATCH_PROBLEMS_PROBLEM_H
#define LOGIKALD_SERVICES_WEB_WATCH_PROBLEMS_PROBLEM_H

#include <stdbool.h>
#include <cjson/cJSON.h>

#include "conf/text/fact.h"

enum severity { SEVERITY_LOOK, SEVERITY_UNKNOWN, SEVERITY_WRONG, SEVERITIES };

/* A list for each severity; they are joined in the end, the worst first. blocker: the worst problem so far that keeps
 * the copy from getting fresher, the first one found of those. */
struct findings {
    cJSON *of[SEVERITIES];
    cJSON *blocker;
    cJSON *partial; /* the first sync that was not complete; NULL = none */
    cJSON *ended;   /* of Logikal's certificate; NULL = it has not */
};
void findings_open(struct findings *f);
bool findings_have(const struct findings *f, const char *part); /* a problem of a part whose name begins so */
cJSON *findings_close(struct findings *f);                      /* all of them, in order; the caller's */

/* A new problem; it belongs to f. Two of a part differ by name, which is part of their key. */
cJSON *problem(struct findings *f, enum severity severity, const char *part, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
void problem_text(cJSON *p, const char *member, const char *text); /* "" adds nothing */
/* What `logikald why` is asked for: KIND and name ("queue:", "type:", "process:"). */
void problem_why(cJSON *p, const char *kind, const char *name);
void problem_advice(cJSON *p, const char *text);
void problem_blocks(struct findings *f, cJSON *p);
enum severity problem_severity(const cJSON *p);
/* The problem is worse than thought, because of what it hits. */
void problem_hits(struct findings *f, cJSON *p, enum severity at_least, const char *what);

#endif
