/* Logs on their way through the supervisor: bytes become lines, long ones are split, the file rotates, and a reader
 * that is too slow loses lines that are counted. */
#include "tests/support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf/conf.h"
#include "supervisor/log/log_sink.h"
#include "supervisor/log/log_stream.h"

struct heard {
    int count, cut;
    size_t bytes, longest;
    char last[64];
};

static void hear(void *arg, const char *text, size_t len, bool is_cut)
{
    struct heard *h = arg;
    h->count++;
    h->cut += is_cut;
    h->bytes += len;
    if (len > h->longest) h->longest = len;
    snprintf(h->last, sizeof h->last, "%.*s", (int)(len < 63 ? len : 63), len ? text : "");
}

static void test_bytes_become_lines_however_they_are_split(void **state)
{
    static const char text[] = "one\ntwo\n\nthree";
    (void)state;
    for (size_t chunk = 1; chunk < sizeof text; chunk++) {
        struct heard h = {0};
        struct log_stream s;
        int fds[2];
        struct event_base *base = event_base_new();
        assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        assert_int_equal(log_stream_open(&s, base, fds[0], hear, &h), 0);
        for (size_t at = 0; at < sizeof text - 1; at += chunk) {
            size_t n = sizeof text - 1 - at < chunk ? sizeof text - 1 - at : chunk;
            assert_int_equal(write(fds[1], text + at, n), n);
            log_stream_drain(&s);
        }
        assert_int_equal(h.count, 3);
        close(fds[1]);
        log_stream_drain(&s); /* the end gives out what was begun */
        assert_int_equal(h.count, 4);
        assert_string_equal(h.last, "three");
        assert_int_equal(s.fd, -1);
        event_base_free(base);
    }
}

static void test_long_lines_are_split_and_marked_and_nothing_is_lost(void **state)
{
    struct heard h = {0};
    struct log_stream s;
    int fds[2];
    char block[1000];
    struct event_base *base = event_base_new();
    (void)state;
    memset(block, 'y', sizeof block);
    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(log_stream_open(&s, base, fds[0], hear, &h), 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(write(fds[1], block, sizeof block), sizeof block);
        log_stream_drain(&s);
    }
    assert_int_equal(write(fds[1], "\n", 1), 1);
    log_stream_drain(&s);
    assert_int_equal(h.bytes, 100000);
    assert_int_equal(h.longest, LOG_STREAM_LINE_BYTES);
    assert_int_equal(h.count, 100000 / LOG_STREAM_LINE_BYTES + 1);
    assert_int_equal(h.cut, h.count - 1);
    close(fds[1]);
    log_stream_close(&s);
    event_base_free(base);
}

/* ---- the log file ---- */

static char *slurp_file(const char *path)
{
    FILE *f = fopen(path, "r");
    char *text = calloc(1, 1 << 20);
    if (f) {
        size_t n = fread(text, 1, (1 << 20) - 1, f);
        text[n] = 0;
        fclose(f);
    }
    return text;
}

static struct conf *conf_with(const char *file, const char *rotate, const char *keep)
{
    struct err err = {0};
    struct conf_paths none = {0};
    setenv("LOG_FILE", file, 1);
    setenv("LOG_ROTATE_BYTES", rotate, 1);
    setenv("LOG_KEEP", keep, 1);
    struct conf *conf = conf_load(&none, &err);
    if (!conf) fail_msg("%s", err.text);
    unsetenv("LOG_FILE");
    unsetenv("LOG_ROTATE_BYTES");
    unsetenv("LOG_KEEP");
    return conf;
}

static void test_log_file_rotates_by_size_and_reopens(void **state)
{
    char path[512], other[1024];
    struct err err = {0};
    struct stat st;
    struct event_base *base = event_base_new();
    struct log_sink *sink = log_sink_new(base);
    (void)state;
    snprintf(path, sizeof path, "%s/rotate.log", support_dir());
    struct conf *conf = conf_with(path, "1000", "2");
    assert_int_equal(log_sink_configure(sink, conf, &err), 0);

    for (int i = 0; i < 100; i++) {
        char line[64];
        int n = snprintf(line, sizeof line, "this is line number %03d of the test\n", i);
        log_sink_line(sink, line, (size_t)n);
        if (i % 7 == 0) log_sink_flush(sink, 100);
    }
    log_sink_flush(sink, 100);
    for (int i = 0; i <= 2; i++) {
        snprintf(other, sizeof other, i ? "%s.%d" : "%s", path, i);
        assert_int_equal(stat(other, &st), 0);
        assert_true(st.st_size > 0 && st.st_size <= 1000);
        char *text = slurp_file(other);
        assert_memory_equal(text, "this is line", 12); /* whole lines only */
        assert_int_equal(text[st.st_size - 1], '\n');
        free(text);
    }
    snprintf(other, sizeof other, "%s.3", path);
    assert_int_not_equal(stat(other, &st), 0);

    snprintf(other, sizeof other, "%s.moved", path);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(log_sink_reopen(sink, &err), 0);
    log_sink_line(sink, "after\n", 6);
    log_sink_flush(sink, 100);
    char *text = slurp_file(path);
    assert_string_equal(text, "after\n");
    free(text);
    assert_int_equal(log_sink_dropped(sink), 0);

    struct conf *bad = conf_with("/nonexistent/dir/x.log", "0", "0");
    assert_int_not_equal(log_sink_configure(sink, bad, &err), 0);
    log_sink_line(sink, "still\n", 6); /* what was open stays */
    log_sink_flush(sink, 100);
    text = slurp_file(path);
    assert_string_equal(text, "after\nstill\n");
    free(text);
    conf_free(bad);
    conf_free(conf);
    log_sink_free(sink);
    event_base_free(base);
}

static void test_full_reader_drops_lines_counts_them_and_says_so(void **state)
{
    char path[512], line[512];
    struct err err = {0};
    struct event_base *base = event_base_new();
    struct log_sink *sink = log_sink_new(base);
    (void)state;
    snprintf(path, sizeof path, "%s/fifo", support_dir());
    assert_int_equal(mkfifo(path, 0600), 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct conf *conf = conf_with(path, "0", "0");
    assert_int_equal(log_sink_configure(sink, conf, &err), 0);
    memset(line, 'z', sizeof line);
    line[sizeof line - 1] = '\n';

    for (int i = 0; i < 2000; i++) { /* 1 MB into a pipe that nobody reads */
        log_sink_line(sink, line, sizeof line);
        if (i % 50 == 0) event_base_loop(base, EVLOOP_NONBLOCK);
    }
    int64_t dropped = log_sink_dropped(sink);
    assert_true(dropped > 1000 && dropped < 2000);

    char *all = calloc(1, 2 << 20);
    size_t len = 0;
    log_sink_line(sink, "the last\n", 9);
    for (int i = 0; i < 10000 && !strstr(all, "dropped"); i++) {
        ssize_t n = read(reader, all + len, (2 << 20) - 1 - len);
        if (n > 0) len += (size_t)n;
        event_base_loop(base, EVLOOP_NONBLOCK);
        if (i == 5000) log_sink_line(sink, "another\n", 8);
        if (n <= 0 && i < 4999) i = 4999;
    }
    assert_non_null(strstr(all, "log lines were dropped"));
    free(all);
    close(reader);
    conf_free(conf);
    log_sink_free(sink);
    event_base_free(base);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_bytes_become_lines_however_they_are_split),
    cmocka_unit_test(test_long_lines_are_split_and_marked_and_nothing_is_lost),
    cmocka_unit_test(test_log_file_rotates_by_size_and_reopens),
    cmocka_unit_test(test_full_reader_drops_lines_counts_them_and_says_so),
};
TEST_MAIN(tests, NULL, NULL)
