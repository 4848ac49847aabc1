/* Reads requests of remote control, and makes answers of Celery's form. */
#include "services/worker/monitor/answer.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const cJSON *request_member(const cJSON *object, const char *name)
{
    const cJSON *value = cJSON_IsObject(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
    return value && !cJSON_IsNull(value) ? value : NULL;
}

const char *request_text(const cJSON *object, const char *name)
{
    const cJSON *value = request_member(object, name);
    return value && cJSON_IsString(value) ? value->valuestring : NULL;
}

double request_number(const cJSON *object, const char *name, double absent)
{
    const cJSON *value = request_member(object, name);
    char *end = NULL;
    if (!value) return absent;
    if (cJSON_IsNumber(value)) return value->valuedouble;
    double number = cJSON_IsString(value) ? strtod(value->valuestring, &end) : NAN;
    return end && end != value->valuestring && *end == '\0' ? number : NAN;
}

bool request_is_true(const cJSON *value)
{
    if (!value) return false;
    if (cJSON_IsNumber(value)) return value->valuedouble != 0;
    if (cJSON_IsString(value)) return value->valuestring[0];
    if (cJSON_IsArray(value) || cJSON_IsObject(value)) return value->child;
    return cJSON_IsTrue(value) || cJSON_IsRaw(value);
}

cJSON *celery_answer(const char *name, const char *fmt, ...)
{
    char text[800];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    cJSON *answer = cJSON_CreateObject();
    cJSON_AddStringToObject(answer, name, text);
    return answer;
}
