/* A web with a project of four windows and their parts lists, made here by SQLite: one of them built three times, a
 * second one, a third whose list is not fetched yet, and one that has none. One for each program. */
#ifndef LOGIKALD_TESTS_SUPPORT_PARTS_PARTS_WORLD_H
#define LOGIKALD_TESTS_SUPPORT_PARTS_PARTS_WORLD_H

#include <cjson/cJSON.h>

#include "tests/support/parts/parts_lists.h"

struct parts_world {
    struct web_server web;
    char *token; /* of a client that may read elevations */
    unsigned char *first_file;
    sqlite3_int64 first_size;
};
extern struct parts_world world;

void parts_open(void); /* the lists are stored, and not read yet */
void parts_close(void);
/* Another world in the same place: a project of four windows that are built once each; store puts their lists there. */
void parts_open_windows(void (*store)(void));
void parts_read_lists(void); /* of the first two windows */
void parts_rebuild(void);    /* the first window's list becomes another, and is read */

/* Paths are below /api/v1. */
struct http_reply parts_ask(const char *path, const char *header);
void parts_expect(const char *path, int status, const char *text);
void parts_expect_all(const char *path, int status, const char *const texts[]);
void parts_expect_text(const char *path, const char *accept, const char *text); /* NULL: it is JSON */
cJSON *parts_json(const char *path);
/* The same as parts_ask while what it reads is held by `lock` (a statement of a transaction) until it waits for that;
 * then change, a statement, is committed, before what it waits for can go on. */
struct http_reply parts_ask_while(const char *path, const char *lock, const char *change);
/* So many ask for the same at once, before the first of them can be answered: what is read is held by `lock`. */
#define PARTS_TOGETHER 6
void parts_ask_together(const char *path, const char *lock, struct http_reply replies[PARTS_TOGETHER]);

/* The named members of each row, as a test reads them: "A1 7021 9; ...". Numbers as JSON prints them, - for none. */
const char *parts_told(const cJSON *rows, const char *names);
#define PARTS_EXPECT(json, member, names, text)                                                                        \
    assert_string_equal(parts_told(cJSON_GetObjectItem(json, member), names), text)

#endif
