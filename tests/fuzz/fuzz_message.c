/* Task messages from the queue: whatever decodes must encode and decode again to the same. */
#include "ipc/queue/queue_message.h"

#include "tests/fuzz/fuzz.h"

static bool is_same(const char *a, const char *b)
{
    return (!a || !b) ? !a == !b : strcmp(a, b) == 0;
}

static void encode_and_compare(const struct message *m, const struct message_body *body)
{
    struct buf out = {0};
    struct err err = {0};
    struct message again;
    struct message_spec spec = {.task = m->task,
                                .id = m->id,
                                .queue = "sync",
                                .args = body->args,
                                .kwargs = body->kwargs,
                                .callbacks = body->callbacks,
                                .errbacks = body->errbacks,
                                .chain = body->chain,
                                .chord = body->chord,
                                .root_id = m->root_id,
                                .parent_id = m->parent_id,
                                .retries = m->retries,
                                .priority = m->priority,
                                .ignores_result = m->ignores_result};
    message_encode(&out, &spec);
    PROMISE(!out.failed);
    PROMISE(message_decode(out.data, out.len, &again, &err) == 0);
    PROMISE(is_same(again.task, m->task) && is_same(again.id, m->id));
    PROMISE(again.retries == m->retries && again.ignores_result == m->ignores_result);
    message_free(&again);
    buf_free(&out);
}

/* What is read where it lies is the tree that json_parse makes, only cheaper. */
static void compare_plain(const uint8_t *data, size_t size)
{
    cJSON nodes[64];
    char *raw = fuzz_text(data, size), *own = fuzz_text(data, size);
    cJSON *plain = json_read_plain(own, size, nodes, 64), *tree = plain ? json_parse(raw, size) : NULL;
    char *a = plain ? cJSON_PrintUnformatted(plain) : NULL, *b = tree ? cJSON_PrintUnformatted(tree) : NULL;
    PROMISE(!plain || (a && b && strcmp(a, b) == 0));
    cJSON_Delete(tree);
    free(a);
    free(b);
    free(raw);
    free(own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *raw = fuzz_text(data, size);
    struct err err = {0};
    struct message m;
    compare_plain(data, size);
    int rc = message_decode(raw, size, &m, &err);
    PROMISE(rc <= 0 && (rc == 0 || err.text[0]));
    if (rc == 0) {
        struct message_body body;
        PROMISE(m.task && *m.task && m.id && *m.id && strlen(m.id) <= MESSAGE_ID_LIMIT && m.name);
        PROMISE(m.body && strlen(m.body) <= m.body_len);
        if (message_body_of(&m, UNPACK_MEMORY_TASK, &body, &err) == 0) {
            struct buf text = {0};
            PROMISE((!body.args || cJSON_IsArray(body.args)) && (!body.kwargs || cJSON_IsObject(body.kwargs)));
            if (body.args) python_repr(&text, body.args, true, 1024);
            PROMISE(text.failed || text.len <= 1024 + 8);
            buf_free(&text);
            encode_and_compare(&m, &body);
        }
        message_body_free(&body);
    }
    message_free(&m);
    cJSON *envelope = NULL, *inner = message_unwrap(raw, size, &envelope, &err);
    cJSON_Delete(inner);
    cJSON_Delete(envelope);
    free(raw);
    return 0;
}
