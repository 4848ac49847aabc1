/* A growing byte buffer with a limit. What does not fit, or finds no memory, sets `failed`; later calls do nothing, so
 * a writer checks once at the end. Always NUL-terminated when data is not NULL. Zero-initialise, then buf_init or use
 * as is (no limit). The owner calls buf_free. */
#ifndef LOGIKALD_CONF_TEXT_BUF_H
#define LOGIKALD_CONF_TEXT_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data;
    size_t len, cap;
    size_t limit_bytes; /* 0 = none */
    bool failed;
    bool is_fixed; /* data is cap bytes of the caller's: it does not grow, and is neither freed nor stolen */
};

void buf_init(struct buf *b, size_t limit_bytes);
void buf_free(struct buf *b);  /* back to empty, memory released */
void buf_reset(struct buf *b); /* length 0, memory kept, failed cleared */
bool buf_reserve(struct buf *b, size_t more);
bool buf_add(struct buf *b, const void *bytes, size_t len);
bool buf_str(struct buf *b, const char *text);
bool buf_char(struct buf *b, char c);
bool buf_int(struct buf *b, int64_t value); /* decimal */
bool buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_consume(struct buf *b, size_t len); /* drops len bytes from the front */
char *buf_steal(struct buf *b);              /* the NUL-terminated bytes, now the caller's to free(); NULL if failed */

/* Adds text as a JSON string with its quotes; bytes that are not UTF-8 become U+FFFD, so the output is always valid. */
bool buf_json_string(struct buf *b, const char *text, size_t len);
/* A member behind others: , "name": "text"; null for NULL. */
void buf_json_member(struct buf *b, const char *name, const char *text);

#endif
