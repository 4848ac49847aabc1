/* JSON that comes in pieces and is too large to be kept: checks its form and tells each scalar that goes by. */
#ifndef LOGIKALD_TESTS_SUPPORT_ANSWERS_JSON_WALK_H
#define LOGIKALD_TESTS_SUPPORT_ANSWERS_JSON_WALK_H

#include <stdbool.h>
#include <stddef.h>

enum { JSON_WALK_DEPTH = 32, JSON_WALK_TEXT = 512 };

enum json_walk_state {
    WALK_VALUE,
    WALK_FIRST_VALUE, /* or the end of the list */
    WALK_FIRST_KEY,   /* or the end of the object */
    WALK_KEY,
    WALK_IN_KEY,
    WALK_COLON,
    WALK_IN_STRING,
    WALK_IN_BARE, /* a number, true, false, null */
    WALK_AFTER,
    WALK_DONE,
    WALK_BAD
};

/* Zero-initialise, then set scalar and arg. */
struct json_walk {
    /* depth: how many lists and objects are open; key: of the member ("" in a list); text: as written, cut at its size
     */
    void (*scalar)(void *arg, int depth, const char *key, const char *text);
    void *arg;
    enum json_walk_state state;
    char open[JSON_WALK_DEPTH]; /* '{' or '[' */
    int depth;
    bool is_escaped;
    char key[64], text[JSON_WALK_TEXT];
    size_t len; /* of the text or key being read */
};

/* False from the first byte on that no JSON has there. */
bool json_walk_feed(struct json_walk *w, const char *bytes, size_t len);
bool json_walk_is_whole(const struct json_walk *w);

#endif
