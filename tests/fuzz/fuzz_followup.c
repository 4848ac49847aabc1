/* What a finished task sends: signatures inside a message (callbacks, errbacks, chains) become messages that decode, on
 * a queue that has a name. short run: 8000 */
#include "services/runner/followup.h"
#include "services/runner/wire.h"
#include "tests/fuzz/fuzz.h"

/* Parsed and released: only whether it is one counts. */
static bool is_list(const char *text)
{
    cJSON *json = cJSON_Parse(text);
    bool is_one = cJSON_IsArray(json);
    cJSON_Delete(json);
    return is_one;
}

static void check_sends(const struct buf *sends)
{
    size_t at = 0;
    while (at < sends->len) {
        struct wire frame;
        struct message m;
        struct err err = {0};
        int64_t n = wire_take(sends->data + at, sends->len - at, &frame);
        PROMISE(n > 0 && frame.text[SEND_LIST] && frame.text[SEND_LIST][0]);
        at += (size_t)n;
        if (frame.type == WIRE_PARTS) PROMISE(is_list(frame.text[0]));
        if (frame.type != WIRE_SEND) continue;
        int rc = message_decode(frame.text[SEND_MESSAGE], frame.len[SEND_MESSAGE], &m, &err);
        if (rc != 0) fprintf(stderr, "%s: %s\n", err.text, frame.text[SEND_MESSAGE]);
        PROMISE(rc == 0);
        message_free(&m);
    }
}

static void follow(const struct message_body *body, const cJSON *result)
{
    static const struct queue_keys keys = {.prefix = "p.", .db = 0};
    struct ended_task ended = {.keys = &keys, .id = "id", .root_id = "root", .queue = "sync", .group = "group"};
    struct buf sends = {0}, children = {0};
    struct err err = {0};
    buf_str(&children, "[");
    int rc = result ? followups_of_success(&ended, body, result, &sends, &children, &err)
                    : followups_of_failure(&ended, body, "{}", &sends, &err);
    PROMISE(rc <= 0 && (rc == 0 || err.text[0]) && !sends.failed);
    check_sends(&sends);
    buf_str(&children, "]");
    cJSON *list = cJSON_ParseWithLength(children.data, children.len);
    PROMISE(cJSON_IsArray(list));
    cJSON_Delete(list);
    buf_free(&sends);
    buf_free(&children);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    struct message_body body;
    struct err err = {0};
    if (message_body_parse(text, size, &body, &err) == 0) {
        cJSON *result = cJSON_CreateNumber(3);
        follow(&body, result);
        follow(&body, NULL);
        cJSON_Delete(result);
    }
    message_body_free(&body);
    free(text);
    return 0;
}
