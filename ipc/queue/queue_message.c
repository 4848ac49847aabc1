/* Decoding of task messages: see queue_message.h. Order: envelope, headers, properties, content type, body's encoding,
 * then the fields, so that the id is known as early as possible: whoever waits for the result is told. */
#include "ipc/queue/queue_message.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "conf/clock.h"

#define NODES_MAX 64 /* an envelope has about 40 */

static const cJSON *member(const cJSON *object, const char *name)
{
    if (!cJSON_IsObject(object)) return NULL;
    for (const cJSON *one = object->child; one; one = one->next)
        if (one->string[0] == name[0] && strcmp(one->string, name) == 0) return one;
    return NULL;
}

static const char *text_member(const cJSON *object, const char *name)
{
    const cJSON *value = member(object, name);
    return cJSON_IsString(value) ? value->valuestring : NULL;
}

static bool is_null(const cJSON *value)
{
    return !value || cJSON_IsNull(value);
}

/* After json_parse or base64_decode gave nothing: what is wrong, unless it is our lack of memory. */
static int not_read(struct err *err, const char *what)
{
    if (errno == ENOMEM) return err_set(err, ERR_NOMEM, "no memory for a message");
    return err_set(err, ERR_INPUT, "%s", what);
}

/* The body as text, into m->body. */
static int take_body(struct message *m, const cJSON *envelope, struct err *err)
{
    const cJSON *body = member(envelope, "body"), *properties = member(envelope, "properties");
    const char *encoding = text_member(properties, "body_encoding");
    if (!cJSON_IsString(body)) return err_set(err, ERR_INPUT, "the message has no body text");
    if (!encoding || !encoding[0] || strcasecmp(encoding, "utf-8") == 0 || strcasecmp(encoding, "utf8") == 0) {
        m->body = strdup(body->valuestring);
        m->body_len = m->body ? strlen(m->body) : 0;
        return m->body ? 0 : err_set(err, ERR_NOMEM, "no memory for the body");
    }
    if (strcasecmp(encoding, "base64") != 0)
        return err_set(err, ERR_INPUT, "body_encoding \"%.40s\" is not supported: expected base64 or utf-8", encoding);
    m->body = base64_decode(body->valuestring, strlen(body->valuestring), &m->body_len);
    return m->body ? 0 : not_read(err, "the body is not valid base64");
}

/* What content-encoding says does not matter, for kombu neither: JSON is UTF-8. Node's celery-ts says base64 of what it
 * has packed. */
static int check_content(const cJSON *envelope, const cJSON *headers, struct err *err)
{
    const char *type = text_member(envelope, "content-type");
    if (!type || strcasecmp(type, "application/json") != 0)
        return err_set(err, ERR_INPUT, "content type \"%.60s\" is not accepted: only application/json is",
                       type ? type : "(none)");
    const char *compression = text_member(headers, "compression");
    if (packing_of(compression) == PACKING_UNKNOWN)
        return err_set(err, ERR_INPUT,
                       "compression \"%.40s\" is not supported: gzip, bzip2, lzma (xz), zstd and none are",
                       compression);
    return 0;
}

/* Time fields of protocol 2 are ISO text; a number counts as unix seconds. */
static int take_time(const cJSON *headers, const char *name, const char **text, int64_t *unix_us, struct err *err)
{
    const cJSON *value = member(headers, name);
    if (is_null(value)) return 0;
    if (cJSON_IsNumber(value) && value->valuedouble > 0 && value->valuedouble < 2.5e11) {
        *unix_us = (int64_t)(value->valuedouble * 1e6);
        return 0;
    }
    if (!cJSON_IsString(value) || clock_parse_iso_loose(value->valuestring, unix_us) != 0)
        return err_set(err, ERR_INPUT, "%s is not a time: expected ISO 8601 text such as 2026-11-24T07:55:57+00:00",
                       name);
    *text = value->valuestring;
    if (*unix_us <= 0) *unix_us = 1; /* before 1970: past, whatever it is */
    return 0;
}

static int64_t limit_ms(const cJSON *value)
{
    if (!cJSON_IsNumber(value) || !(value->valuedouble > 0)) return 0;
    return value->valuedouble < 1e6 ? (int64_t)(value->valuedouble * 1000) : (int64_t)1000000000;
}

static int clamp(const cJSON *value, int low, int high)
{
    double number = cJSON_IsNumber(value)   ? value->valuedouble
                    : cJSON_IsString(value) ? strtod(value->valuestring, NULL)
                                            : 0;
    if (!(number > low)) return low;
    return number < high ? (int)number : high;
}

static const char *reason_of_names(const struct message *m)
{
    if (!m->id || !m->id[0]) return "the message has no task id";
    if (strlen(m->id) > MESSAGE_ID_LIMIT) return "the task id is longer than 255 bytes";
    if (!m->task || !m->task[0]) return "the message names no task";
    return strlen(m->task) > MESSAGE_ID_LIMIT ? "the task's name is longer than 255 bytes" : NULL;
}

static int take_fields(struct message *m, const cJSON *headers, struct err *err)
{
    const cJSON *limits = member(headers, "timelimit");
    const char *shadow = text_member(headers, "shadow");
    m->name = shadow && shadow[0] ? shadow : m->task;
    m->root_id = text_member(headers, "root_id");
    m->parent_id = text_member(headers, "parent_id");
    m->group = text_member(headers, "group");
    if (text_member(headers, "argsrepr")) m->args_repr = text_member(headers, "argsrepr");
    if (text_member(headers, "kwargsrepr")) m->kwargs_repr = text_member(headers, "kwargsrepr");
    m->retries = clamp(member(headers, "retries"), 0, 1000000);
    m->is_stamped = !is_null(member(headers, "stamped_headers")) || !is_null(member(headers, "stamps"));
    m->ignores_result = cJSON_IsTrue(member(headers, "ignore_result"));
    if (cJSON_IsArray(limits)) {
        m->hard_limit_ms = limit_ms(cJSON_GetArrayItem(limits, 0));
        m->soft_limit_ms = limit_ms(cJSON_GetArrayItem(limits, 1));
    }
    int rc = take_time(headers, "eta", &m->eta, &m->eta_us, err);
    return rc ? rc : take_time(headers, "expires", &m->expires, &m->expires_us, err);
}

/* In place, where the fields are needed that it holds. */
static int unpack_body(struct message *m, struct err *err)
{
    if (m->packing == PACKING_NONE) return 0;
    char *text = unpack_text(m->packing, m->body, m->body_len, MESSAGE_LIMIT_BYTES, UNPACK_MEMORY_LOOP, &m->body_len);
    if (!text) return not_read(err, "the body is not what its compression packs, or larger than a message may be");
    free(m->body);
    m->body = text;
    m->packing = PACKING_NONE;
    return 0;
}

/* Protocol 1 keeps the fields in the body: they become the headers of the envelope. */
static const cJSON *headers_of_protocol_1(struct message *m)
{
    cJSON *body = json_parse(m->body, m->body_len);
    if (!body || !cJSON_IsObject(body)) {
        cJSON_Delete(body);
        return NULL;
    }
    errno = 0;
    cJSON *group = cJSON_DetachItemFromObjectCaseSensitive(body, "taskset");
    if (group && !cJSON_AddItemToObject(body, "group", group)) {
        cJSON_Delete(group);
        cJSON_Delete(body);
        return NULL;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(m->envelope, "headers");
    if (!cJSON_AddItemToObject(m->envelope, "headers", body)) {
        cJSON_Delete(body);
        return NULL;
    }
    return body;
}

/* Into nodes when it is plain, as most are; only the strings are kept then. The fields of protocol 1 need a tree that
 * grows. NULL when it is not JSON, or without memory. */
static const cJSON *read_envelope(struct message *m, cJSON *nodes)
{
    if (!(m->text = malloc(m->raw_len + 1))) {
        errno = ENOMEM;
        return NULL;
    }
    memcpy(m->text, m->raw, m->raw_len);
    m->text[m->raw_len] = '\0';
    const cJSON *plain = json_read_plain(m->text, m->raw_len, nodes, NODES_MAX);
    if (text_member(member(plain, "headers"), "task")) return plain;
    free(m->text);
    m->text = NULL;
    return m->envelope = json_parse(m->raw, m->raw_len);
}

int message_decode(const char *raw, size_t len, struct message *m, struct err *err)
{
    *m = (struct message){.args_repr = "", .kwargs_repr = "", .raw = raw, .raw_len = len};
    if (len > MESSAGE_LIMIT_BYTES)
        return err_set(err, ERR_LIMIT, "the message is larger than %u bytes", MESSAGE_LIMIT_BYTES);
    cJSON nodes[NODES_MAX];
    const cJSON *envelope = read_envelope(m, nodes);
    if (!envelope) return not_read(err, "the message is not JSON");
    if (!cJSON_IsObject(envelope)) return err_set(err, ERR_INPUT, "the message is not a JSON object");
    const cJSON *headers = member(envelope, "headers"), *properties = member(envelope, "properties");
    const cJSON *delivery = member(properties, "delivery_info");
    const char *exchange = text_member(delivery, "exchange");
    m->id = text_member(headers, "id");
    m->task = text_member(headers, "task");
    if (!m->id) m->id = text_member(properties, "correlation_id");
    if (m->id && strlen(m->id) > MESSAGE_ID_LIMIT) m->id = NULL;
    m->delivery_tag = text_member(properties, "delivery_tag");
    m->has_exchange = exchange && exchange[0];
    m->priority = clamp(member(properties, "priority"), 0, 9);

    int rc = check_content(envelope, headers, err);
    if (rc == 0) rc = take_body(m, envelope, err);
    m->packing = packing_of(text_member(headers, "compression"));
    if (rc == 0 && !m->task) rc = unpack_body(m, err);
    if (rc) return rc;
    if (!m->task) {
        headers = headers_of_protocol_1(m);
        if (!headers) return not_read(err, "the message has no headers that name a task");
        m->id = text_member(headers, "id");
        m->task = text_member(headers, "task");
    }
    const char *reason = reason_of_names(m);
    if (reason) {
        if (m->id && (!m->id[0] || strlen(m->id) > MESSAGE_ID_LIMIT)) m->id = NULL;
        return err_set(err, ERR_INPUT, "%s", reason);
    }
    return take_fields(m, headers, err);
}

void message_canvas(const struct message *m, struct buf *out)
{
    static const char *const names[] = {"group_index", "stamped_headers", "stamps"};
    if (!m->group && !m->is_stamped) return;
    cJSON *envelope = message_envelope(m), *canvas = NULL;
    const cJSON *headers = member(envelope, "headers");
    bool is_stamped = !is_null(member(headers, "stamped_headers"));
    for (int i = m->group ? 0 : 1; i < (is_stamped ? 3 : 1); i++) {
        const cJSON *value = member(headers, names[i]);
        if (is_null(value)) continue;
        if (!canvas) canvas = cJSON_CreateObject();
        cJSON_AddItemToObject(canvas, names[i], cJSON_Duplicate(value, true));
    }
    cJSON_Delete(envelope);
    if (!envelope) out->failed = true;
    if (!canvas) return;
    json_exact(canvas);
    char *text = cJSON_PrintUnformatted(canvas);
    if (text)
        buf_str(out, text);
    else
        out->failed = true;
    free(text);
    cJSON_Delete(canvas);
}

cJSON *message_envelope(const struct message *m)
{
    return m->envelope ? cJSON_Duplicate(m->envelope, true) : json_parse(m->raw, m->raw_len);
}

void message_free(struct message *m)
{
    cJSON_Delete(m->envelope);
    free(m->text);
    free(m->body);
    *m = (struct message){0};
}

static int bind_embedded(struct message_body *out, const cJSON *embed, struct err *err)
{
    const cJSON **const parts[] = {&out->callbacks, &out->errbacks, &out->chain};
    static const char *const names[] = {"callbacks", "errbacks", "chain"};
    if (is_null(embed)) return 0;
    if (!cJSON_IsObject(embed)) return err_set(err, ERR_INPUT, "the body's third element is not an object");
    for (int i = 0; i < 3; i++) {
        const cJSON *list = member(embed, names[i]);
        if (is_null(list)) continue;
        if (!cJSON_IsArray(list)) return err_set(err, ERR_INPUT, "%s is not a list", names[i]);
        if (list->child) *parts[i] = list;
    }
    if (!is_null(member(embed, "chord"))) out->chord = member(embed, "chord");
    return 0;
}

int message_body_parse(const char *text, size_t len, struct message_body *out, struct err *err)
{
    *out = (struct message_body){.root = json_parse(text, len)};
    const cJSON *embed = NULL;
    if (!out->root) return not_read(err, "the body is not JSON");
    if (cJSON_IsObject(out->root)) { /* protocol 1 */
        out->args = member(out->root, "args");
        out->kwargs = member(out->root, "kwargs");
        embed = out->root;
    } else {
        if (!cJSON_IsArray(out->root) || cJSON_GetArraySize(out->root) != 3)
            return err_set(err, ERR_INPUT, "the body is not a list of args, kwargs and options");
        out->args = cJSON_GetArrayItem(out->root, 0);
        out->kwargs = cJSON_GetArrayItem(out->root, 1);
        embed = cJSON_GetArrayItem(out->root, 2);
    }
    if (is_null(out->args)) out->args = NULL;
    if (is_null(out->kwargs)) out->kwargs = NULL;
    if (out->args && !cJSON_IsArray(out->args)) return err_set(err, ERR_INPUT, "args is not a list");
    if (out->kwargs && !cJSON_IsObject(out->kwargs)) return err_set(err, ERR_INPUT, "kwargs is not an object");
    return bind_embedded(out, embed, err);
}

int message_body_of(const struct message *m, size_t memory, struct message_body *out, struct err *err)
{
    size_t len;
    *out = (struct message_body){0};
    if (!m->body) return err_set(err, ERR_INPUT, "the message has no body");
    if (m->packing == PACKING_NONE) return message_body_parse(m->body, m->body_len, out, err);
    char *text = unpack_text(m->packing, m->body, m->body_len, MESSAGE_LIMIT_BYTES, memory, &len);
    if (!text) return not_read(err, "the body is not what its compression packs, or larger than a message may be");
    int rc = message_body_parse(text, len, out, err);
    free(text);
    return rc;
}

void message_body_free(struct message_body *body)
{
    cJSON_Delete(body->root);
    *body = (struct message_body){0};
}

cJSON *message_unwrap(const char *raw, size_t len, cJSON **envelope, struct err *err)
{
    *envelope = NULL;
    errno = 0;
    if (len > MESSAGE_LIMIT_BYTES || !(*envelope = json_parse(raw, len))) {
        not_read(err, "not JSON");
        return NULL;
    }
    struct message m = {0};
    cJSON *body = NULL;
    if (take_body(&m, *envelope, err) == 0) {
        body = json_parse(m.body, m.body_len);
        if (!body) not_read(err, "the body is not JSON");
    }
    free(m.body);
    if (!body) {
        cJSON_Delete(*envelope);
        *envelope = NULL;
    }
    return body;
}
