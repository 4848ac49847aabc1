/* Reading {"data":[...]} as it arrives, one element at a time, so that a list of any length needs the memory of its
 * largest element. Only the frame is read here (strings, brackets, commas); each element goes as text to the caller,
 * who parses it and may refuse it alone. */
#ifndef LOGIKALD_SERVICES_LOGIKAL_JSON_LIST_H
#define LOGIKALD_SERVICES_LOGIKAL_JSON_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/text/buf.h"

#define JSON_LIST_ELEMENT_LIMIT (1024 * 1024)
#define JSON_LIST_OUTER_LIMIT   (64 * 1024)
#define JSON_LIST_DEPTH         1024

/* One element: len bytes of text, NUL-terminated, gone afterwards; of one that has JSON_LIST_ELEMENT_LIMIT bytes or
 * more so many, which is no JSON. false = stop reading. */
typedef bool (*json_list_fn)(void *arg, const char *text, size_t len);

struct json_list {
    json_list_fn element;
    void *arg;
    struct buf text;            /* of the element, or of a key of the outer object */
    struct buf outer;           /* the outer object without the elements, as much of it as has room */
    int depth;                  /* open brackets */
    int bom;                    /* bytes of a byte order mark that have come so far */
    char open[JSON_LIST_DEPTH]; /* which */
    bool in_string, is_escaped;
    bool is_key;       /* the string at hand is in the place of a key of the outer object */
    bool after_data;   /* the key "data" was read, its value comes next */
    bool in_data;      /* inside its array */
    bool has_data;     /* an array (or null) was there */
    bool wants_value;  /* after a comma in the array */
    bool is_complete;  /* the outer object ended */
    bool is_malformed; /* nothing more is read */
    bool is_stopped;   /* element said so */
};

/* l is zero or was initialised before. */
void json_list_init(struct json_list *l, json_list_fn element, void *arg);
void json_list_free(struct json_list *l);
bool json_list_feed(struct json_list *l, const char *bytes, size_t len); /* false = malformed or stopped */
bool json_list_finish(const struct json_list *l);                        /* true = it was whole, with data in it */

#endif
