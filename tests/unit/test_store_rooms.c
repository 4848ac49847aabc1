/* The pure rooms of the store: values as PostgreSQL wants them, text made valid, owners of leases, files in frames,
 * sealed secrets. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "services/store/db/clean.h"
#include "services/store/db/db.h"
#include "services/store/frames.h"
#include "services/store/owner.h"
#include "services/store/seal.h"
#include "tests/support/test.h"

TEST(test_fields_of_copy)
{
    static const struct {
        const char *text, *expected;
    } rows[] = {{NULL, "\\N;"},
                {"", ";"},
                {"a b", "a b;"},
                {"\\", "\\\\;"},
                {"a\nb", "a\\nb;"},
                {"\t\r", "\\t\\r;"},
                {"x\\N", "x\\\\N;"},
                {"a\xff"
                 "b",
                 "a?b;"},
                {"\xc3\xbc", "\xc3\xbc;"},
                {"\xff\n\xff", "?\\n?;"}};
    struct buf all = {0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out = {0};
        db_copy_field(&out, rows[i].text, ';');
        assert_string_equal(out.data, rows[i].expected);
        buf_free(&out);
    }
    db_copy_field(&all, "a", '\t');
    db_copy_field(&all, "\xff", '\n'); /* what stands before is left alone */
    assert_string_equal(all.data, "a\t?\n");
    buf_free(&all);
}

TEST(test_array_literals)
{
    struct buf out = {0};
    db_array_begin(&out);
    db_array_end(&out);
    assert_string_equal(out.data, "{}");
    buf_reset(&out);
    db_array_begin(&out);
    db_array_add(&out, "a,b}");
    db_array_add(&out, NULL);
    db_array_add(&out, "");
    db_array_add(&out, "\"\\");
    db_array_add(&out, "x\xff");
    db_array_end(&out);
    assert_string_equal(out.data, "{\"a,b}\",NULL,\"\",\"\\\"\\\\\",\"x?\"}");
    buf_free(&out);
}

TEST(test_binary_arrays)
{
    static const char empty[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25};
    static const char two[] = "\0\0\0\1\0\0\0\0\0\0\x0e\xda\0\0\0\2\0\0\0\1"
                              "\0\0\0\3\1{}\0\0\0\2\1"
                              "7";
    struct buf out = {0};
    db_elements_begin(&out, DB_TEXT);
    db_elements_end(&out);
    assert_int_equal(out.len, sizeof empty);
    assert_memory_equal(out.data, empty, sizeof empty);
    buf_free(&out);
    db_elements_begin(&out, DB_JSONB);
    db_elements_add(&out, DB_JSONB, "{}", 2);
    db_elements_add(&out, DB_JSONB, "7", 1);
    db_elements_end(&out);
    assert_int_equal(out.len, sizeof two - 1);
    assert_memory_equal(out.data, two, sizeof two - 1);
    buf_free(&out);
    db_elements_begin(&out, DB_TEXT);
    for (int i = 0; i < 70000; i++) db_elements_add(&out, DB_TEXT, "", 0); /* more than two bytes can count */
    assert_memory_equal(out.data + 12, "\0\1\x11\x70", 4);
    buf_free(&out);
}

TEST(test_numbers_as_text)
{
    static const struct {
        int64_t value;
        const char *text;
    } rows[] = {{0, "0"}, {-1, "-1"}, {INT64_MAX, "9223372036854775807"}, {INT64_MIN, "-9223372036854775808"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[DB_NUMBER_SIZE];
        assert_string_equal(db_number(out, rows[i].value), rows[i].text);
    }
}

TEST(test_parameters_are_made_valid)
{
    static const char bytes[] = "\xff\xfe";
    const char *clean[] = {"a", NULL, "\xc3\xbc"}, *dirty[] = {"a",
                                                               "x\xff"
                                                               "y",
                                                               NULL, bytes, "\xff"};
    const int binary[] = {0, 0, 0, 2, 0};
    struct clean c;
    assert_int_equal(clean_values(&c, 3, clean, NULL), 0);
    assert_ptr_equal(c.values, clean); /* as they came */
    clean_free(&c);
    assert_int_equal(clean_values(&c, 5, dirty, binary), 0);
    assert_ptr_equal(c.values[0], dirty[0]);
    assert_string_equal(c.values[1], "x?y");
    assert_null(c.values[2]);
    assert_ptr_equal(c.values[3], bytes);
    assert_string_equal(c.values[4], "?");
    clean_free(&c);
    assert_int_equal(clean_values(&c, 5, dirty, NULL), 0);
    assert_string_equal(c.values[3], "??");
    clean_free(&c);
    assert_int_equal(clean_values(&c, 1, dirty, NULL), 0); /* what comes behind is not looked at */
    assert_ptr_equal(c.values, dirty);
    clean_free(&c);
}

/* ---- owners of leases ---- */

TEST(test_owners)
{
    char self[LEASE_OWNER_SIZE], worker[OWNER_WORKER_SIZE], text[LEASE_OWNER_SIZE], host[64] = "";
    owner_self(self, "the-task");
    owner_worker(worker);
    const char *slash = strchr(self, '/');
    assert_non_null(slash);
    snprintf(host, sizeof host, "%.*s", (int)(slash - self), self);
    snprintf(text, sizeof text, "%s/%d/", host, (int)getpid());
    assert_int_equal(strncmp(self, text, strlen(text)), 0);
    unsigned long long start = strtoull(self + strlen(text), NULL, 10);
    assert_true(start > 0);
    assert_string_equal(strchr(self, ' '), " task the-task");
    snprintf(text, sizeof text, "%s/%d/", host, (int)getppid());
    assert_int_equal(strncmp(worker, text, strlen(text)), 0);
    assert_false(owner_is_dead(self));
    assert_false(owner_is_dead(worker));

    pid_t child = fork();
    if (child == 0) _exit(0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    const struct {
        const char *fmt;
        int pid;
        unsigned long long start;
        bool is_dead;
    } rows[] = {
        {"%s/%d/%llu task x", (int)child, start, true},
        {"%s/%d/%llu task x", (int)getpid(), start + 1, true},
        {"%s/%d/%llu task x", (int)getpid(), start, false},
        {"%s/%d/%llu", (int)child, start, true},
        {"%sx/%d/%llu task x", (int)child, start, false},
        {"x%s/%d/%llu task x", (int)child, start, false},
        {"%s/%d-%llu task x", (int)child, start, false},
        {"%s/%d/%llu task x", 0, start, false},
        {"%s/%d/%llu task x", -5, start, false},
        {"%s/%d/%llu task x", (int)child, 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(text, sizeof text, rows[i].fmt, host, rows[i].pid, rows[i].start);
#pragma GCC diagnostic pop
        if (owner_is_dead(text) != rows[i].is_dead) fail_msg("row %zu: %s", i, text);
    }
    assert_false(owner_is_dead(""));
    assert_false(owner_is_dead(host));

    struct rlimit files;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    const struct rlimit none = {.rlim_cur = 0, .rlim_max = files.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    bool is_dead = owner_is_dead(self); /* /proc cannot be read: it lives all the same */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    assert_false(is_dead);
}

/* Containers and machines of the same name, or of names that begin alike: their processes are none of ours. */
TEST(test_owners_of_a_place_that_is_called_the_same)
{
    char self[LEASE_OWNER_SIZE], text[LEASE_OWNER_SIZE];
    owner_self(self, "x");
    char *mark = strchr(self, '~'), *slash = strchr(self, '/');
    assert_true(mark && slash && slash - mark == 13);
    int host = (int)(mark - self);
    const char *const others[] = {"~000000000000", "~0123456789ab", "~0123456789abcdef", "~", "", "-2"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(text, sizeof text, "%.*s%s/2147483646/7 task x", host, self, others[i]);
        assert_false(owner_is_dead(text));
    }
    snprintf(text, sizeof text, "%.*s/2147483646/7 task x", (int)(slash - self), self); /* so that the above can fail */
    assert_true(owner_is_dead(text));
}

/* Where the kernel lets us have a name of our own. */
TEST(test_owners_on_a_host_with_a_long_name)
{
    pid_t child = fork();
    if (child == 0) {
        static const char name[] = "production-logikald-integration-worker-7d9f8b6c5d-x2x4z";
        char self[LEASE_OWNER_SIZE], id[] = "0f9a7c55-d1e2-4b86-a3c2-719e5d40b8f6";
        if (unshare(CLONE_NEWUTS) != 0 || sethostname(name, sizeof name - 1) != 0) _exit(77);
        owner_self(self, id);
        _exit(strncmp(self, name, 24) == 0 && strstr(self, id) ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77));
}

/* ---- files in frames ---- */

/* How many frames, and where they begin, of a file of so many bytes that comes in pieces. */
static void pack(const char *bytes, size_t len, size_t piece, struct packed *out)
{
    struct err err = {0};
    struct framer *f = framer_new(&err);
    assert_non_null(f);
    for (size_t at = 0; at < len; at += piece)
        assert_int_equal(framer_add(f, bytes + at, len - at < piece ? len - at : piece, &err), 0);
    assert_int_equal(framer_end(f, out, &err), 0);
    framer_free(f);
}

TEST(test_files_in_frames)
{
    static const size_t sizes[] = {
        0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES, 3 * FRAME_BYTES + 7};
    size_t most = 3 * FRAME_BYTES + 7;
    char *bytes = malloc(most);
    assert_non_null(bytes);
    for (size_t i = 0; i < most; i++) bytes[i] = (char)(i * 31 % 251 + i / 1000);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct packed whole, pieces;
        struct buf back = {0};
        struct err err = {0};
        size_t frames = (sizes[i] + FRAME_BYTES - 1) / FRAME_BYTES, commas = 0;
        assert_int_equal(frames_pack(bytes, sizes[i], &whole, &err), 0);
        pack(bytes, sizes[i], 777, &pieces);
        assert_int_equal(whole.raw_size, sizes[i]);
        assert_int_equal(whole.content.len, pieces.content.len);
        if (whole.content.len) assert_memory_equal(whole.content.data, pieces.content.data, whole.content.len);
        assert_string_equal(whole.starts.data, pieces.starts.data);
        assert_string_equal(whole.sha256, pieces.sha256);
        for (const char *p = whole.starts.data; *p; p++) commas += *p == ',';
        assert_int_equal(strncmp(whole.starts.data, frames ? "{0" : "{}", 2), 0);
        assert_int_equal(commas, frames ? frames - 1 : 0);
        if (sizes[i]) {
            assert_int_equal(frames_unpack(whole.content.data, whole.content.len, sizes[i], &back, &err), 0);
            assert_int_equal(back.len, sizes[i]);
            assert_memory_equal(back.data, bytes, sizes[i]);
            buf_reset(&back);
            assert_int_equal(frames_unpack(whole.content.data, whole.content.len, sizes[i] + 1, &back, &err),
                             -ERR_INPUT);
            buf_reset(&back);
            assert_int_equal(frames_unpack(whole.content.data, whole.content.len - 1, sizes[i], &back, &err),
                             -ERR_INPUT);
        }
        buf_free(&back);
        packed_free(&whole);
        packed_free(&pieces);
    }
    free(bytes);
    struct packed one;
    struct err err = {0};
    assert_int_equal(frames_pack("abc", 3, &one, &err), 0);
    assert_string_equal(one.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    packed_free(&one);
}

/* A framer begins anew after its end, and after a restart in the middle. */
TEST(test_a_framer_is_used_again)
{
    struct err err = {0};
    struct packed first, second;
    struct framer *f = framer_new(&err);
    assert_int_equal(framer_add(f, "lost", 4, &err), 0);
    assert_int_equal(framer_restart(f, &err), 0);
    assert_int_equal(framer_add(f, "abc", 3, &err), 0);
    assert_int_equal(framer_end(f, &first, &err), 0);
    assert_int_equal(framer_add(f, "abc", 3, &err), 0);
    assert_int_equal(framer_end(f, &second, &err), 0);
    assert_int_equal(first.raw_size, 3);
    assert_string_equal(first.sha256, second.sha256);
    assert_string_equal(first.starts.data, second.starts.data);
    assert_int_equal(first.content.len, second.content.len);
    size_t empty = framer_packed(f);
    assert_int_equal(framer_add(f, "x", 1, &err), 0);
    assert_int_equal(framer_packed(f), empty); /* it waits for its frame */
    framer_free(f);
    packed_free(&first);
    packed_free(&second);
}

/* ---- sealed secrets ---- */

TEST(test_secrets_are_sealed)
{
    const char *const keys[] = {"new", "old", ""};
    char longest[514];
    struct err err = {0};
    memset(longest, 'x', sizeof longest - 1);
    longest[513] = '\0';
    assert_null(seal_close("old", longest, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    longest[512] = '\0';
    char *sealed = seal_close("old", longest, &err), *again = seal_close("old", longest, &err);
    assert_int_equal(strncmp(sealed, "sealed1:", 8), 0);
    assert_string_not_equal(sealed, again);
    char *open = seal_open(keys, 2, sealed, &err);
    assert_string_equal(open, longest);
    free(open);
    assert_null(seal_open(keys, 1, sealed, &err)); /* the right key is not among them */
    assert_int_equal(err.code, ERR_CONFIG);
    assert_null(seal_open(keys + 2, 1, sealed, &err));
    sealed[20] = sealed[20] == 'A' ? 'B' : 'A';
    assert_null(seal_open(keys, 2, sealed, &err));
    free(sealed);
    free(again);
    sealed = seal_close("", "plain word", &err);
    assert_string_equal(sealed, "plain:plain word");
    open = seal_open(keys, 0, sealed, &err);
    assert_string_equal(open, "plain word");
    free(open);
    free(sealed);
    assert_null(seal_open(keys, 3, "sealed1:AAAA", &err)); /* too short to be one */
    assert_null(seal_open(keys, 3, "sealed2:AAAA", &err));
    assert_null(seal_open(keys, 3, "", &err));
    sealed = seal_close("old", "", &err);
    open = seal_open(keys, 2, sealed, &err);
    assert_string_equal(open, "");
    free(open);
    free(sealed);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_fields_of_copy),
    cmocka_unit_test(test_array_literals),
    cmocka_unit_test(test_binary_arrays),
    cmocka_unit_test(test_numbers_as_text),
    cmocka_unit_test(test_parameters_are_made_valid),
    cmocka_unit_test(test_owners),
    cmocka_unit_test(test_owners_of_a_place_that_is_called_the_same),
    cmocka_unit_test(test_owners_on_a_host_with_a_long_name),
    cmocka_unit_test(test_files_in_frames),
    cmocka_unit_test(test_a_framer_is_used_again),
    cmocka_unit_test(test_secrets_are_sealed),
};
TEST_MAIN(tests, NULL, NULL)
