/* What an answer of the upstream means for the session and the job: one table of cases, no state. */
#include <stdio.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "services/logikal/client_internal.h"

static enum verdict verdict_of_fault(enum session_call call, enum http_fault fault)
{
    switch (fault) {
    case HTTP_FAULT_TOO_LARGE: return VERDICT_TOO_LARGE;
    case HTTP_FAULT_CONNECT:
    case HTTP_FAULT_TLS: return VERDICT_RETRY;
    default: break;
    }
    /* A select may have been done although its answer was lost. A login may have made a session that nobody knows; it
     * ends by itself. Asking again is always harmless. */
    return call == CALL_SELECT ? VERDICT_RENEW : VERDICT_RETRY;
}

enum verdict answer_verdict(enum session_call call, bool is_sideways, const struct http_answer *answer)
{
    if (answer->fault) return verdict_of_fault(call, answer->fault);
    switch (answer->status) {
    case 200:
    case 201:
    case 204: return VERDICT_OK;
    case 401: return call == CALL_LOGIN ? VERDICT_DENIED : VERDICT_EXPIRED;
    case 403: return call == CALL_LOGIN ? VERDICT_DENIED : VERDICT_REFUSED;
    case 404:
        if (call == CALL_LOGIN) return VERDICT_RETRY;
        return is_sideways ? VERDICT_RENEW : VERDICT_GONE;
    case 405: return call == CALL_LOGIN ? VERDICT_RETRY : VERDICT_RENEW;
    case 409: return is_sideways ? VERDICT_RENEW : VERDICT_RETRY;
    case 400: return call == CALL_LOGIN ? VERDICT_DENIED : is_sideways ? VERDICT_RENEW : VERDICT_REFUSED;
    case 410: return VERDICT_GONE;
    case 408:
    case 425:
    case 429: return VERDICT_RETRY;
    default: break;
    }
    if (answer->status >= 500) return VERDICT_RETRY; /* the server itself says that it was not done */
    return call == CALL_LOGIN ? VERDICT_RETRY : VERDICT_REFUSED;
}

/* The upstream's own message, one line, printable. */
static void message_of(const struct buf *body, char *out, size_t size)
{
    out[0] = '\0';
    cJSON *json = body->len ? cJSON_ParseWithLength(body->data, body->len) : NULL;
    const char *message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "message"));
    if (message) snprintf(out, size, ": %.200s", message);
    for (char *p = out; *p; p++)
        if ((unsigned char)*p < 0x20) *p = ' ';
    cJSON_Delete(json);
}

const char *answer_text(const struct http_answer *answer, const char *what, char *out, size_t size)
{
    char message[256];
    if (answer->fault) {
        snprintf(out, size, "Logikal did not answer %s: %s", what, answer->why);
    } else {
        message_of(answer->body, message, sizeof(message));
        snprintf(out, size, "Logikal answered %d to %s%s", answer->status, what, message);
    }
    return out;
}
