/* Facts and spans of time as people are told them. */
#include "conf/text/fact.h"

#include <limits.h>
#include <stdio.h>

#include "conf/text/json.h"

const cJSON *fact(const cJSON *object, const char *key)
{
    return json_member(object, key);
}

const char *fact_text(const cJSON *object, const char *key)
{
    const char *text = json_text(object, key);
    return text ? text : "";
}

double fact_number(const cJSON *object, const char *key)
{
    return json_number(object, key, 0);
}

int64_t fact_whole(const cJSON *object, const char *key)
{
    return json_whole(object, key, 0);
}

int fact_int(const cJSON *object, const char *key)
{
    int64_t value = fact_whole(object, key);
    return value > INT_MAX ? INT_MAX : value < INT_MIN ? INT_MIN : (int)value;
}

bool fact_is(const cJSON *object, const char *key)
{
    return cJSON_IsTrue(fact(object, key));
}

const char *span_text(double seconds, char out[SPAN_TEXT_SIZE])
{
    if (seconds < 100)
        snprintf(out, SPAN_TEXT_SIZE, "%.0f s", seconds > 0 ? seconds : 0);
    else if (seconds < 100 * 60)
        snprintf(out, SPAN_TEXT_SIZE, "%.0f min", seconds / 60);
    else if (seconds < 48 * 3600)
        snprintf(out, SPAN_TEXT_SIZE, "%.0f h", seconds / 3600);
    else
        snprintf(out, SPAN_TEXT_SIZE, "%.0f d", seconds / 86400);
    return out;
}
