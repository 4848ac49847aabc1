/* Making the links of a chain (explain.h); the facts of which they are made are read as conf/text/fact.h does. */
#ifndef LOGIKALD_SERVICES_WHY_LINK_H
#define LOGIKALD_SERVICES_WHY_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cjson/cJSON.h>

#include "conf/text/fact.h"

/* How it is, the worse the later: nothing is amiss; it goes on by itself; it cannot be told; somebody has to act. */
enum why_state { WHY_FINE, WHY_WAITS, WHY_UNKNOWN, WHY_STUCK };
const char *why_state_word(enum why_state state);

/* A new link; it belongs to who asks, until it becomes the cause of another one. */
cJSON *why_link(enum why_state state, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void why_since(cJSON *link, const char *iso); /* NULL or "" adds nothing, as 0 does below */
void why_since_ms(cJSON *link, double unix_ms);
void why_because(cJSON *link, cJSON *cause); /* takes cause; NULL adds nothing */
void why_next(cJSON *link, const char *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void why_next_ms(cJSON *link, double unix_ms, const char *what);
void why_do(cJSON *link, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
enum why_state why_worst(const cJSON *link); /* of it and all its causes */
bool why_has_cause(const cJSON *link);

/* ---- facts ---- */
double why_ms(const cJSON *object, const char *key);                         /* of a time as text: unix ms; 0 = none */
const cJSON *why_find(const cJSON *list, const char *key, const char *text); /* the first whose member is this text */
/* "NAME=value, set in the environment": of a setting that is among the facts. */
const char *why_setting(const cJSON *facts, const char *name, char *out, size_t size);

#endif
