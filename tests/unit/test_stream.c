/* Streams on real sockets: what is written in a turn leaves in it, what the kernel does not take follows, and the end
 * is told once, after everything that came before it. */
#include "tests/support/test.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <event2/event.h>

#include "conf/clock.h"
#include "conf/text/buf.h"
#include "ipc/stream.h"

#define LARGE   (5u << 20) /* more than is read in a turn, and than a socket holds */
#define LATE_MS 30000

/* One side is a stream, the other is the test's. */
struct talk {
    struct event_base *base;
    struct stream *stream;
    int far;
    struct buf heard;
    size_t heard_before_end;
    int ends, error;
    bool frees_on_bytes, frees_on_end;
};

static void on_bytes(void *arg, const char *bytes, size_t len)
{
    struct talk *t = arg;
    assert_int_equal(t->ends, 0);
    assert_true(buf_add(&t->heard, bytes, len));
    if (!t->frees_on_bytes) return;
    stream_free(t->stream);
    t->stream = NULL;
}

static void on_end(void *arg, int error)
{
    struct talk *t = arg;
    t->ends++;
    t->error = error;
    t->heard_before_end = t->heard.len;
    if (!t->frees_on_end) return;
    stream_free(t->stream);
    t->stream = NULL;
}

static void pair_of(bool is_tcp, int pair[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    if (!is_tcp) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        return;
    }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(pair[0], (struct sockaddr *)&at, sizeof at), 0);
    pair[1] = accept(listener, NULL, NULL);
    assert_true(pair[1] >= 0);
    close(listener);
}

static void talk_open(struct talk *t, bool is_tcp)
{
    int pair[2];
    *t = (struct talk){.base = event_base_new()};
    pair_of(is_tcp, pair);
    t->far = pair[1];
    t->stream = stream_new(t->base, pair[0], on_bytes, on_end, t);
    assert_non_null(t->stream);
}

static void talk_close(struct talk *t)
{
    stream_free(t->stream);
    if (t->far >= 0) close(t->far);
    buf_free(&t->heard);
    event_base_free(t->base);
}

static void turn(const struct talk *t)
{
    event_base_loop(t->base, EVLOOP_NONBLOCK);
}

#define TURN_UNTIL(t, cond)                                                                                            \
    do {                                                                                                               \
        int64_t end_ = mono_ms() + LATE_MS;                                                                            \
        while (!(cond)) {                                                                                              \
            if (mono_ms() > end_) fail_msg("waited in vain for %s", #cond);                                            \
            turn(t);                                                                                                   \
        }                                                                                                              \
    } while (0)

static int waiting_at(int fd)
{
    int n = 0;
    assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
    return n;
}

static char byte_at(size_t i)
{
    return (char)(i * 31 + i / 977);
}

static char *large_bytes(void)
{
    char *bytes = malloc(LARGE);
    assert_non_null(bytes);
    for (size_t i = 0; i < LARGE; i++) bytes[i] = byte_at(i);
    return bytes;
}

/* What there is at the far side, judged; gives how far it is. */
static size_t read_far(const struct talk *t, size_t at, size_t most)
{
    static char bytes[100000];
    ssize_t n = recv(t->far, bytes, most < sizeof bytes ? most : sizeof bytes, MSG_DONTWAIT);
    if (n < 0) assert_int_equal(errno, EAGAIN);
    for (ssize_t i = 0; i < n; i++)
        if (bytes[i] != byte_at(at + (size_t)i)) fail_msg("byte %zu is another one", at + (size_t)i);
    return n > 0 ? at + (size_t)n : at;
}

static size_t read_all_far(const struct talk *t, size_t at, size_t piece)
{
    size_t before;
    do {
        before = at;
        at = read_far(t, at, piece);
    } while (at > before);
    return at;
}

TEST(test_what_is_written_in_a_turn_leaves_at_its_end)
{
    struct talk t;
    char bytes[10];
    talk_open(&t, false);
    stream_write(t.stream, "one", 3);
    assert_int_equal(waiting_at(t.far), 0);
    stream_write(t.stream, " two", 4);
    assert_int_equal(stream_unsent(t.stream), 7);
    turn(&t);
    assert_int_equal(stream_unsent(t.stream), 0);
    assert_int_equal(read(t.far, bytes, sizeof bytes), 7);
    assert_memory_equal(bytes, "one two", 7);
    talk_close(&t);
}

TEST(test_what_is_flushed_leaves_at_once_and_only_once)
{
    struct talk t;
    char bytes[20];
    talk_open(&t, false);
    stream_flush(t.stream); /* nothing */
    stream_write(t.stream, "one", 3);
    stream_flush(t.stream);
    assert_int_equal(waiting_at(t.far), 3);
    stream_write(t.stream, " two", 4);
    turn(&t);
    assert_int_equal(read(t.far, bytes, sizeof bytes), 7);
    assert_memory_equal(bytes, "one two", 7);
    stream_flush(t.stream);
    turn(&t);
    assert_int_equal(waiting_at(t.far), 0);
    talk_close(&t);
}

TEST(test_what_the_kernel_does_not_take_follows)
{
    char *bytes = large_bytes();
    for (int is_tcp = 0; is_tcp < 2; is_tcp++)
        for (size_t piece = 1000; piece < 2 * LARGE; piece *= 97) { /* how much the other side reads at once */
            struct talk t;
            size_t at = 0, written = 0;
            talk_open(&t, is_tcp);
            int64_t end = mono_ms() + LATE_MS;
            while (at < LARGE) {
                size_t more = LARGE - written < 1u << 20 ? LARGE - written : 1u << 20;
                if (more) stream_write(t.stream, bytes + written, more); /* also while it waits for room */
                written += more;
                turn(&t);
                at = read_all_far(&t, at, piece);
                if (mono_ms() > end) fail_msg("%zu bytes of %u came", at, LARGE);
            }
            assert_int_equal(stream_unsent(t.stream), 0);
            turn(&t);
            assert_int_equal(waiting_at(t.far), 0);
            assert_int_equal(t.ends, 0);
            talk_close(&t);
        }
    free(bytes);
}

/* Nobody reads: the stream keeps it, and goes with it. */
TEST(test_what_is_not_sent_is_dropped_with_the_stream)
{
    char *bytes = large_bytes();
    struct talk t;
    talk_open(&t, false);
    stream_write(t.stream, bytes, LARGE);
    for (int i = 0; i < 5; i++) turn(&t);
    assert_true(stream_unsent(t.stream) > LARGE / 2);
    assert_true(waiting_at(t.far) > 0);
    talk_close(&t);
    free(bytes);
}

TEST(test_much_that_comes_is_heard_whole_and_then_the_end)
{
    char *bytes = large_bytes();
    for (int is_tcp = 0; is_tcp < 2; is_tcp++) {
        struct talk t;
        size_t sent = 0;
        talk_open(&t, is_tcp);
        int64_t end = mono_ms() + LATE_MS;
        while (sent < LARGE && mono_ms() < end) {
            ssize_t n = send(t.far, bytes + sent, LARGE - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n > 0) sent += (size_t)n;
            turn(&t);
        }
        close(t.far);
        t.far = -1;
        TURN_UNTIL(&t, t.ends);
        assert_int_equal(t.error, 0);
        assert_int_equal(t.heard_before_end, LARGE);
        assert_memory_equal(t.heard.data, bytes, LARGE);
        talk_close(&t);
    }
    free(bytes);
}

/* The other side says its last words and goes, while we write: the words come first. */
TEST(test_last_words_are_heard_although_writing_fails)
{
    for (int is_tcp = 0; is_tcp < 2; is_tcp++)
        for (int has_read = 0; has_read < 2; has_read++) {
            struct talk t;
            talk_open(&t, is_tcp);
            if (!has_read) stream_write(t.stream, "a question", 10);
            if (!has_read) turn(&t); /* left unread: the connection is reset */
            assert_int_equal(send(t.far, "-go away", 8, 0), 8);
            close(t.far);
            t.far = -1;
            stream_write(t.stream, "more", 4);
            TURN_UNTIL(&t, t.ends);
            stream_write(t.stream, "nobody", 6);
            for (int i = 0; i < 3; i++) turn(&t);
            assert_int_equal(t.ends, 1);
            assert_int_equal(stream_unsent(t.stream), 0);
            assert_int_equal(t.heard_before_end, 8);
            assert_memory_equal(t.heard.data, "-go away", 8);
            talk_close(&t);
        }
}

/* Our own side is shut down for writing: nothing comes from the other one, which must not hide that writing fails. */
TEST(test_writing_that_fails_ends_a_stream_that_hears_nothing)
{
    struct talk t;
    talk_open(&t, false);
    assert_int_equal(shutdown(stream_fd(t.stream), SHUT_WR), 0);
    for (int i = 0; i < 3; i++) turn(&t);
    assert_int_equal(t.ends, 0);
    stream_write(t.stream, "x", 1);
    TURN_UNTIL(&t, t.ends);
    assert_int_equal(t.error, EPIPE);
    talk_close(&t);
}

TEST(test_may_be_freed_by_its_callbacks)
{
    for (int on = 0; on < 2; on++) {
        struct talk t;
        talk_open(&t, false);
        t.frees_on_bytes = on == 0;
        t.frees_on_end = on == 1;
        stream_write(t.stream, "unsent", 6);
        assert_int_equal(send(t.far, "word", 4, 0), 4);
        close(t.far);
        t.far = -1;
        TURN_UNTIL(&t, !t.stream);
        for (int i = 0; i < 3; i++) turn(&t);
        assert_int_equal(t.ends, on);
        assert_int_equal(t.heard.len, 4);
        talk_close(&t);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_what_is_written_in_a_turn_leaves_at_its_end),
    cmocka_unit_test(test_what_is_flushed_leaves_at_once_and_only_once),
    cmocka_unit_test(test_what_the_kernel_does_not_take_follows),
    cmocka_unit_test(test_what_is_not_sent_is_dropped_with_the_stream),
    cmocka_unit_test(test_much_that_comes_is_heard_whole_and_then_the_end),
    cmocka_unit_test(test_last_words_are_heard_although_writing_fails),
    cmocka_unit_test(test_writing_that_fails_ends_a_stream_that_hears_nothing),
    cmocka_unit_test(test_may_be_freed_by_its_callbacks),
};
TEST_MAIN(tests, NULL, NULL)
