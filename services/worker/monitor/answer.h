/* Reading requests of remote control, and making answers of Celery's form: {"ok": text} or {"error": text}. */
#ifndef LOGIKALD_SERVICES_WORKER_MONITOR_ANSWER_H
#define LOGIKALD_SERVICES_WORKER_MONITOR_ANSWER_H

#include <stdbool.h>
#include <cjson/cJSON.h>

const cJSON *request_member(const cJSON *object, const char *name);          /* NULL when absent or null */
const char *request_text(const cJSON *object, const char *name);             /* NULL when it is no text */
double request_number(const cJSON *object, const char *name, double absent); /* also of a text that is a number */
bool request_is_true(const cJSON *value);                                    /* as Python judges it: Flower sends 1 */

cJSON *celery_answer(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
