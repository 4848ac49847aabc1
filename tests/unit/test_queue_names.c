/* Names of keys and channels, value by value; how a call of a script is put together; and ways to pack. */
#include <stdlib.h>
#include <string.h>
#include <bzlib.h>
#include <zlib.h>

#include "ipc/queue/unpack.h"
#include "ipc/redis/queue_keys.h"
#include "ipc/redis/redis_url.h"
#include "ipc/redis/script_call.h"
#include "tests/support/support.h"

/* ---- keys ---- */
static struct queue_keys keys_of(const char *const set[][2], const char *url_text)
{
    struct err err = {0};
    struct queue_keys keys;
    struct redis_url url;
    for (int i = 0; set[i][0]; i++) setenv(set[i][0], set[i][1], 1);
    struct conf *conf = conf_load(&(struct conf_paths){0}, &err);
    if (!conf) fail_msg("%s", err.text);
    for (int i = 0; set[i][0]; i++) unsetenv(set[i][0]);
    assert_int_equal(redis_url_parse(url_text, &url, &err), 0);
    queue_keys_init(&keys, conf, &url);
    conf_free(conf);
    return keys;
}

static const char *const plain[][2] = {{NULL, NULL}};
static const char *const named[][2] = {{"REDIS_KEY_PREFIX", "k:"},        {"REDIS_RESULT_PREFIX", "r:"},
                                       {"REDIS_PRIORITY_STEPS", "0,5,7"}, {"REDIS_SEP", "::"},
                                       {"REDIS_FANOUT_PREFIX", "f{db}x"}, {"REDIS_CONTROL_EXCHANGE", "con"},
                                       {"REDIS_EVENT_EXCHANGE", "eve"},   {NULL, NULL}};

TEST(test_names)
{
    char out[QUEUE_KEY_SIZE];
    struct queue_keys p = keys_of(plain, "redis://h/3"), n = keys_of(named, "redis://h/4");
    assert_string_equal(queue_key(&p, out, "a", "b"), "ab");
    assert_string_equal(queue_key(&n, out, "a", "b"), "k:ab");
    assert_string_equal(queue_result_key(&p, out, "i"), "celery-task-meta-i");
    assert_string_equal(queue_result_key(&n, out, "i"), "r:celery-task-meta-i");
    assert_string_equal(queue_group_key(&p, out, "g", ".j"), "celery-taskset-meta-g.j");
    assert_string_equal(queue_group_key(&n, out, "g", ".j"), "r:celery-taskset-meta-g.j");
    assert_string_equal(queue_channel(&p, out, "x"), "/3.x");
    assert_string_equal(queue_channel(&n, out, "x"), "k:f4xx");
    assert_string_equal(queue_event_channel(&p, out, "task.x"), "/3.celeryev/task.x");
    assert_string_equal(queue_event_channel(&n, out, "task.x"), "k:f4xeve/task.x");
    assert_string_equal(queue_control_exchange(&p, out), "celery.pidbox");
    assert_string_equal(queue_control_exchange(&n, out), "con.pidbox");
    assert_string_equal(queue_reply_exchange(&p, out), "reply.celery.pidbox");
    assert_string_equal(queue_reply_exchange(&n, out), "reply.con.pidbox");
    assert_string_equal(queue_binding(&p, out, "key", "q"), "key\x06\x16\x06\x16q");
    assert_string_equal(queue_binding(&n, out, "key", "q"), "key::::q");
    assert_string_equal(queue_node_binding(&p, out, "w@h"), "\x06\x16\x06\x16w@h.celery.pidbox");
    assert_string_equal(queue_node_binding(&n, out, "w@h"), "::::w@h.con.pidbox");
    struct redis_url url;
    assert_int_equal(redis_url_parse("redis://h/3", &url, NULL), 0);
    queue_keys_of(&p, &url);
    assert_string_equal(queue_event_channel(&p, out, "x"), "/3.celeryev/x");
    assert_string_equal(queue_control_exchange(&p, out), "celery.pidbox");
    snprintf(url.prefix, sizeof url.prefix, "k:");
    snprintf(url.result_prefix, sizeof url.result_prefix, "r:");
    snprintf(url.fanout, sizeof url.fanout, "plain.");
    queue_keys_of(&p, &url);
    assert_string_equal(queue_channel(&p, out, "x"), "k:plain.x");
    assert_string_equal(queue_result_key(&p, out, "i"), "r:celery-task-meta-i");
}

TEST(test_lists_of_priorities)
{
    static const struct {
        const char *steps;
        int count;
        const char *lists[11]; /* of the priorities from 0 on */
    } rows[] = {
        {"0,3,6,9", 4, {"q", "q", "q", "q:3", "q:3", "q:3", "q:6", "q:6", "q:6", "q:9", "q:9"}},
        {"0", 1, {"q", "q", "q", "q", "q", "q", "q", "q", "q", "q", "q"}},
        {"2,5", 2, {"q:5", "q:5", "q:2", "q:2", "q:2", "q:5", "q:5", "q:5", "q:5", "q:5", "q:5"}},
        {"0,1,2,3,4,5,6,7,8,9", 10, {"q", "q:1", "q:2", "q:3", "q:4", "q:5", "q:6", "q:7", "q:8", "q:9", "q:9"}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *const set[][2] = {{"REDIS_PRIORITY_STEPS", rows[i].steps}, {"REDIS_SEP", ":"}, {NULL, NULL}};
        struct queue_keys keys = keys_of(set, "redis://h");
        char out[QUEUE_KEY_SIZE];
        assert_int_equal(keys.step_count, rows[i].count);
        for (int priority = 0; priority < 11; priority++)
            assert_string_equal(queue_list_key(&keys, out, "q", priority), rows[i].lists[priority]);
        assert_string_equal(queue_step_key(&keys, out, "q", 0), rows[i].lists[keys.steps[0]]);
    }
}

TEST(test_names_are_read_back)
{
    static const struct {
        const char *list, *queue;
    } rows[] = {{"k:q", "q"},     {"k:q::3", "q"}, {"q::3", "q"}, {"k:a::b::7", "a::b"}, {"k:a::b", "a::b"},
                {"k:q::", "q::"}, {"k:", ""},      {"k", "k"},    {"k:q::3x", "q::3x"},  {"k:q::09", "q"}};
    static const struct {
        const char *member, *queue;
        size_t key_len;
    } bindings[] = {{"a::p::q", "q", 1}, {"::::q", "q", 0}, {"abc::::", "", 3},
                    {"a::q", NULL, 0},   {"", NULL, 0},     {"a:::q", NULL, 0}};
    struct queue_keys n = keys_of(named, "redis://h"), none = n;
    char out[QUEUE_KEY_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(queue_of_list(&n, out, rows[i].list, strlen(rows[i].list)), rows[i].queue);
    assert_string_equal(queue_of_list(&n, out, "k:abc", 4), "ab");
    for (size_t i = 0; i < sizeof bindings / sizeof *bindings; i++) {
        size_t len = 99;
        const char *queue = NULL;
        assert_int_equal(queue_binding_cut(&n, bindings[i].member, &len, &queue), bindings[i].queue != NULL);
        if (!bindings[i].queue) continue;
        assert_string_equal(queue, bindings[i].queue);
        assert_int_equal(len, bindings[i].key_len);
    }
    none.sep[0] = '\0';
    size_t len;
    const char *queue;
    assert_false(queue_binding_cut(&none, "a::p::q", &len, &queue));
    assert_string_equal(queue_of_list(&none, out, "k:q::3", 6), "q::3");
}

TEST(test_lists_of_names)
{
    char names[3][128], text[300];
    assert_int_equal(queue_names("a, b\t,,  ,\tc d ,e", names, 3), 3);
    assert_string_equal(names[0], "a");
    assert_string_equal(names[1], "b");
    assert_string_equal(names[2], "c d");
    assert_int_equal(queue_names("", names, 3), 0);
    assert_int_equal(queue_names(" ", names, 3), 0);
    assert_int_equal(queue_names(",,", names, 3), 0);
    assert_int_equal(queue_names("a,b", names, 1), 1);
    memset(text, 'x', sizeof text);
    text[127] = ',';
    text[128] = 'y';
    text[129] = '\0';
    assert_int_equal(queue_names(text, names, 3), 2);
    assert_int_equal(strlen(names[0]), 127);
    assert_string_equal(names[1], "y");
    text[127] = 'x';
    assert_int_equal(queue_names(text, names, 3), 0);
}

/* ---- calls of scripts ---- */
TEST(test_calls_are_put_together)
{
    struct script_call c = {0};
    struct queue_keys keys = keys_of(named, "redis://h");
    static const char *const names[] = {"a", "b", "c"};
    char key[32], large[9000];
    script_call_keys(&c, &keys, names, 3, 1u << 1, "-s");
    assert_int_equal(c.keys.count, 3);
    assert_string_equal(c.keys.at[0], "k:a");
    assert_string_equal(c.keys.at[1], "k:b-s");
    assert_string_equal(c.keys.at[2], "k:c");
    assert_int_equal(script_call_key(&c, "k:a"), 1);
    assert_int_equal(script_call_key(&c, "k:"), 4);
    assert_int_equal(script_call_key(&c, "x"), 5);
    assert_int_equal(script_call_key(&c, "k:a"), 6); /* too far back to be looked at */
    assert_int_equal(script_call_key(&c, "k:c"), 3); /* just not */
    assert_int_equal(script_call_key(&c, "k:a"), 6);
    script_call_add_key(&c, "k:a");
    assert_int_equal(c.keys.count, 7);
    script_call_number(&c, -12);
    script_call_text(&c, "text");
    script_call_word(&c, "by\0tes", 6);
    assert_int_equal(c.words.count, 3);
    assert_string_equal(c.words.at[0], "-12");
    assert_true(c.words.len[0] == 3 && c.words.len[1] == 4 && c.words.len[2] == 6);
    for (int i = 0; i < 2000; i++) { /* more than a chunk, and more than there is room for at first */
        snprintf(key, sizeof key, "key-%d", i);
        script_call_add_key(&c, key);
        script_call_copy(&c, key);
    }
    for (int i = 0; i < 2000; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        assert_string_equal(c.keys.at[7 + i], key);
        assert_string_equal(c.words.at[3 + i], key);
        assert_int_equal(c.keys.len[7 + i], strlen(key));
    }
    memset(large, 'x', sizeof large);
    large[8191] = '\0';
    script_call_copy(&c, large);
    assert_string_equal(c.words.at[2003], large);
    script_call_copy(&c, "after");
    assert_string_equal(c.words.at[2003], large);
    assert_false(c.has_failed);
    large[8191] = 'x';
    large[8192] = '\0';
    script_call_copy(&c, large);
    assert_true(c.has_failed);
    script_call_free(&c);
    assert_true(!c.keys.at && !c.words.at && !c.chunks && !c.has_failed);
}

/* ---- ways to pack ---- */
TEST(test_ways_to_pack_by_name)
{
    static const struct {
        const char *name;
        enum packing packing;
    } rows[] = {{NULL, PACKING_NONE},    {"", PACKING_NONE},          {"application/x-gzip", PACKING_ZLIB},
                {"gzip", PACKING_ZLIB},  {"ZLIB", PACKING_ZLIB},      {"application/x-bz2", PACKING_BZ2},
                {"bzip2", PACKING_BZ2},  {"bzip", PACKING_BZ2},       {"application/x-lzma", PACKING_LZMA},
                {"lzma", PACKING_LZMA},  {"xz", PACKING_LZMA},        {"application/zstd", PACKING_ZSTD},
                {"zstd", PACKING_ZSTD},  {"zstandard", PACKING_ZSTD}, {"brotli", PACKING_UNKNOWN},
                {"gzi", PACKING_UNKNOWN}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) assert_int_equal(packing_of(rows[i].name), rows[i].packing);
}

/* Of texts around the size of a step, and of the limit. */
TEST(test_packed_texts_at_their_bounds)
{
    static const unsigned sizes[] = {0, 1, 65534, 65535, 65536, 131070, 200000};
    char *text = malloc(200000), *packed = malloc(210000);
    for (unsigned i = 0; i < 200000; i++) text[i] = (char)('a' + i * 7 % 23);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int way = 0; way < 2; way++) {
            enum packing packing = way ? PACKING_BZ2 : PACKING_ZLIB;
            uLongf zlib_len = 210000;
            unsigned bz2_len = 210000;
            size_t len = 99;
            if (way)
                assert_int_equal(BZ2_bzBuffToBuffCompress(packed, &bz2_len, text, sizes[i], 1, 0, 0), BZ_OK);
            else
                assert_int_equal(compress((Bytef *)packed, &zlib_len, (Bytef *)text, sizes[i]), Z_OK);
            size_t packed_len = way ? bz2_len : zlib_len;
            char *out = unpack_text(packing, packed, packed_len, sizes[i], 1 << 20, &len);
            assert_non_null(out);
            assert_int_equal(len, sizes[i]);
            assert_memory_equal(out, text, len);
            assert_int_equal(out[len], 0);
            free(out);
            if (sizes[i] > 0) assert_null(unpack_text(packing, packed, packed_len, sizes[i] - 1, 1 << 20, &len));
            for (size_t cut = 1; cut <= 5; cut++)
                assert_null(unpack_text(packing, packed, packed_len - cut, sizes[i], 1 << 20, &len));
        }
    size_t len;
    unsigned bz2_len = 210000, half;
    assert_int_equal(BZ2_bzBuffToBuffCompress(packed, &bz2_len, text, 5, 1, 0, 0), BZ_OK);
    half = 210000 - bz2_len;
    assert_int_equal(BZ2_bzBuffToBuffCompress(packed + bz2_len, &half, text + 5, 4, 1, 0, 0), BZ_OK);
    char *both = unpack_text(PACKING_BZ2, packed, bz2_len + half, 9, 1 << 20, &len);
    assert_non_null(both);
    assert_int_equal(len, 9);
    assert_memory_equal(both, text, 9);
    free(both);
    assert_null(unpack_text(PACKING_BZ2, packed, bz2_len + half - 1, 9, 1 << 20, &len));
    assert_null(unpack_text(PACKING_BZ2, packed, 0, 9, 1 << 20, &len));
    assert_null(unpack_text(PACKING_NONE, "x", 1, 9, 1 << 20, &len));
    assert_null(unpack_text(PACKING_UNKNOWN, "x", 1, 9, 1 << 20, &len));
    free(text);
    free(packed);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_names),
    cmocka_unit_test(test_lists_of_priorities),
    cmocka_unit_test(test_names_are_read_back),
    cmocka_unit_test(test_lists_of_names),
    cmocka_unit_test(test_calls_are_put_together),
    cmocka_unit_test(test_ways_to_pack_by_name),
    cmocka_unit_test(test_packed_texts_at_their_bounds),
};
TEST_MAIN(tests, NULL, NULL)
