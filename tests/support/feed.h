/* A web role whose journal of changes is read, by a client that may read all of it: for the tests of the feed. One for
 * each program. */
#ifndef LOGIKALD_TESTS_SUPPORT_FEED_H
#define LOGIKALD_TESTS_SUPPORT_FEED_H

#include <cjson/cJSON.h>

#include "tests/support/web.h"

extern struct feed_world {
    struct web_server web;
    char *token;
} feed;

int feed_start(void **state);
int feed_start_filled(void **state); /* two directories, a project p, a phase h and an elevation e1 are there */
int feed_stop(void **state);
struct http_reply feed_ask(const char *query, const char *bearer, const char *more);
cJSON *feed_page(const char *query);
const char *feed_text(const cJSON *object, const char *name);
void feed_take_cursor(const cJSON *page, char cursor[100]);
void feed_cursor_now(char cursor[100]);
/* "type operation field,field;..." of all changes after the cursor, which moves on. */
char *feed_story(char cursor[100]);

#endif
