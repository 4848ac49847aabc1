/* Making the links of a chain (explain.h), and settings and times among its facts in words. See link.h. */
#include "services/why/link.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "conf/clock.h"
#include "conf/text/json.h"
#include "conf/text/utf8.h"

#define TEXT_SIZE 1000

static const char *const state_words[] = {"fine", "waits", "unknown", "stuck"};

const char *why_state_word(enum why_state state)
{
    return state_words[state];
}

/* What is cut is cut between characters. */
static cJSON *text_of(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
static cJSON *text_of(const char *fmt, va_list ap)
{
    char text[TEXT_SIZE];
    int len = vsnprintf(text, sizeof text, fmt, ap);
    if (len >= (int)sizeof text) strcpy(text + utf8_cut(text, sizeof text - 4), "...");
    return cJSON_CreateString(text);
}

cJSON *why_link(enum why_state state, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cJSON *link = cJSON_CreateObject();
    cJSON_AddStringToObject(link, "state", state_words[state]);
    cJSON_AddItemToObject(link, "what", text_of(fmt, ap));
    va_end(ap);
    cJSON_AddArrayToObject(link, "because");
    cJSON_AddArrayToObject(link, "do");
    return link;
}

static void add_time(cJSON *link, const char *name, double unix_ms)
{
    char text[CLOCK_TEXT_SIZE];
    if (unix_ms > 0 && !fact(link, name)) cJSON_AddStringToObject(link, name, clock_iso_ms((int64_t)unix_ms, text));
}

static double ms_of(const char *iso)
{
    int64_t us = 0;
    if (!iso || clock_parse_iso(iso, &us) != 0) return 0;
    us /= 1000;
    return (double)us;
}

void why_since(cJSON *link, const char *iso)
{
    add_time(link, "since", ms_of(iso));
}

void why_since_ms(cJSON *link, double unix_ms)
{
    add_time(link, "since", unix_ms);
}

void why_because(cJSON *link, cJSON *cause)
{
    if (cause) cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(link, "because"), cause);
}

void why_next(cJSON *link, const char *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cJSON *text = text_of(fmt, ap);
    va_end(ap);
    cJSON_DeleteItemFromObjectCaseSensitive(link, "next");
    cJSON_DeleteItemFromObjectCaseSensitive(link, "next_at");
    cJSON_AddItemToObject(link, "next", text);
    add_time(link, "next_at", ms_of(at));
}

void why_next_ms(cJSON *link, double unix_ms, const char *what)
{
    why_next(link, NULL, "%s", what);
    add_time(link, "next_at", unix_ms);
}

void why_do(cJSON *link, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(link, "do"), text_of(fmt, ap));
    va_end(ap);
}

enum why_state why_worst(const cJSON *link)
{
    enum why_state worst = WHY_FINE;
    for (int i = WHY_FINE; i <= WHY_STUCK; i++)
        if (strcmp(fact_text(link, "state"), state_words[i]) == 0) worst = (enum why_state)i;
    const cJSON *cause;
    cJSON_ArrayForEach(cause, fact(link, "because")) {
        enum why_state of_cause = why_worst(cause);
        if (of_cause > worst) worst = of_cause;
    }
    return worst;
}

bool why_has_cause(const cJSON *link)
{
    const cJSON *causes = fact(link, "because");
    return causes && causes->child;
}

/* ---- facts ---- */

double why_ms(const cJSON *object, const char *key)
{
    return ms_of(json_text(object, key));
}

const cJSON *why_find(const cJSON *list, const char *key, const char *text)
{
    const cJSON *each;
    cJSON_ArrayForEach(each, list)
        if (strcmp(fact_text(each, key), text) == 0) return each;
    return NULL;
}

const char *why_setting(const cJSON *facts, const char *name, char *out, size_t size)
{
    const cJSON *setting = fact(fact(facts, "settings"), name);
    if (setting)
        snprintf(out, size, "%s=%s, %s", name, fact_text(setting, "value"), fact_text(setting, "where"));
    else
        snprintf(out, size, "%s", name);
    return out;
}
