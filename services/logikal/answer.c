/* What an answer says, in words for people: valid UTF-8, one line. */
#include <stdio.h>
#include <string.h>
#include <cjson/cJSON.h>

#include "conf/text/utf8.h"
#include "services/logikal/client_internal.h"
#include "services/logikal/envelope.h"

static void message_of(const struct buf *body, char out[ENVELOPE_WORDS])
{
    cJSON *json = body && body->len ? cJSON_ParseWithLength(body->data, body->len) : NULL;
    envelope_message(json, out);
    cJSON_Delete(json);
}

/* The last component of a chain of directories, which is its path. */
static const char *directory_of(const char *chain)
{
    const char *separator = chain ? strrchr(chain, CHAIN_SEPARATOR) : NULL;
    return separator ? separator + 1 : chain;
}

const char *answer_where(const struct logikal_session *s, char *out, size_t size)
{
    static const char *const names[LEVEL_COUNT] = {"the root", "directory", "project", "phase", "elevation"};
    const struct place *p = s->job ? &s->job->place : NULL;
    char id[200];
    out[0] = '\0';
    if (!p || (s->calling != CALL_SELECT && s->calling != CALL_ASK)) return out;
    enum logikal_level level = s->calling == CALL_SELECT ? s->step.level : place_level(p);
    const char *of = level == LEVEL_ROOT        ? ""
                     : level == LEVEL_DIRECTORY ? directory_of(p->chain)
                     : level == LEVEL_PROJECT   ? p->project
                     : level == LEVEL_PHASE     ? p->phase
                                                : p->elevation;
    size_t len = strlen(of);
    if (s->calling == CALL_SELECT) {
        of = s->step.identifier;
        len = s->step.length;
    }
    if (len >= sizeof id) len = sizeof id - 1;
    memcpy(id, of, len);
    id[len] = '\0';
    id[utf8_cut(id, sizeof id - 4)] = '\0';
    if (s->calling == CALL_ASK && s->job->kind == JOB_THUMBNAIL)
        snprintf(out, size, "elevation %s", s->job->object);
    else
        snprintf(out, size, "%s%s%s", names[level], *id ? " " : "", id);
    if (level > LEVEL_PROJECT && strlen(out) + sizeof p->project + 12 < size)
        snprintf(out + strlen(out), size - strlen(out), " of project %s", p->project);
    return out;
}

const char *answer_text(const struct http_answer *answer, const char *what, const char *where, char *out, size_t size)
{
    char message[ENVELOPE_WORDS], text[1200];
    const char *open = *where ? " (" : "", *close = *where ? ")" : "";
    if (answer->fault) {
        snprintf(text, sizeof text, "Logikal did not answer %s%s%s%s: %s", what, open, where, close, answer->why);
    } else if (answer->status >= 300 && answer->status < 400) {
        snprintf(text, sizeof text, "Logikal answered %d to %s%s%s%s: it is now at %.300s", answer->status, what, open,
                 where, close,
                 answer->location && *answer->location ? answer->location : "an address it does not tell");
    } else {
        message_of(answer->body, message);
        snprintf(text, sizeof text, "Logikal answered %d to %s%s%s%s%s%s", answer->status, what, open, where, close,
                 *message ? ": " : "", message);
    }
    utf8_repair(text, strlen(text)); /* what a server, a resolver or a certificate says */
    size_t len = utf8_cut(text, size - 1);
    memcpy(out, text, len);
    out[len] = '\0';
    return out;
}
