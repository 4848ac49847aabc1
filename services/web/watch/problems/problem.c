/* Makes problems for the verdict's judges, from facts that may be missing. */
#include "services/web/watch/problems/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf/text/fact.h"
#include "conf/text/utf8.h"

static const char *const severity_names[SEVERITIES] = {"look", "unknown", "wrong"};

void findings_open(struct findings *f)
{
    *f = (struct findings){0};
    for (int i = 0; i < SEVERITIES; i++) f->of[i] = cJSON_CreateArray();
}

bool findings_have(const struct findings *f, const char *part)
{
    const cJSON *p;
    for (int i = 0; i < SEVERITIES; i++)
        cJSON_ArrayForEach(p, f->of[i])
            if (strncmp(fact_text(p, "part"), part, strlen(part)) == 0) return true;
    return false;
}

cJSON *findings_close(struct findings *f)
{
    cJSON *all = cJSON_CreateArray(), *each;
    for (int i = SEVERITIES - 1; i >= 0; i--) {
        while ((each = cJSON_DetachItemFromArray(f->of[i], 0))) cJSON_AddItemToArray(all, each);
        cJSON_Delete(f->of[i]);
    }
    return all;
}

cJSON *problem(struct findings *f, enum severity severity, const char *part, const char *name, const char *fmt, ...)
{
    char text[700];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cJSON *p = cJSON_CreateObject();
    cJSON_AddStringToObject(p, "part", part);
    cJSON_AddStringToObject(p, "severity", severity_names[severity]);
    cJSON_AddStringToObject(p, "cause", utf8_finish(text));
    snprintf(text, sizeof text, "%.200s%s%.200s", part, *name ? ":" : "", name);
    cJSON_AddStringToObject(p, "key", utf8_finish(text));
    cJSON_AddItemToArray(f->of[severity], p);
    return p;
}

void problem_text(cJSON *p, const char *member, const char *text)
{
    if (*text) cJSON_AddStringToObject(p, member, text);
}

void problem_why(cJSON *p, const char *kind, const char *name)
{
    char text[200];
    snprintf(text, sizeof text, "%s%.180s", kind, name);
    if (*name) problem_text(p, "why", utf8_finish(text));
}

void problem_advice(cJSON *p, const char *text)
{
    problem_text(p, "advice", text);
}

enum severity problem_severity(const cJSON *p)
{
    for (int i = 0; i < SEVERITIES; i++)
        if (strcmp(fact_text(p, "severity"), severity_names[i]) == 0) return (enum severity)i;
    return SEVERITY_LOOK;
}

void problem_blocks(struct findings *f, cJSON *p)
{
    if (!f->blocker || problem_severity(p) > problem_severity(f->blocker)) f->blocker = p;
}

void problem_hits(struct findings *f, cJSON *p, enum severity at_least, const char *what)
{
    enum severity now = problem_severity(p);
    if (!fact(p, "hits")) cJSON_AddStringToObject(p, "hits", what);
    if (now >= at_least) return;
    cJSON_AddItemToArray(f->of[at_least], cJSON_DetachItemViaPointer(f->of[now], p));
    cJSON_ReplaceItemInObjectCaseSensitive(p, "severity", cJSON_CreateString(severity_names[at_least]));
}
