/* Reading {"data":"base64 ..."} as it arrives: the bytes go on to the caller piece by piece, so that a file of any size
 * needs the memory of a piece; what is around them is kept, and read as JSON at the end. */
#ifndef LOGIKALD_SERVICES_LOGIKAL_JSON_FILE_H
#define LOGIKALD_SERVICES_LOGIKAL_JSON_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/text/buf.h"
#include "services/logikal/base64_text.h"
#include "services/logikal/envelope.h"
#include "services/logikal/policy.h"

#define JSON_FILE_REST_LIMIT (1024 * 1024)

/* false = stop reading. */
typedef bool (*json_file_fn)(void *arg, const char *bytes, size_t len);

struct json_file {
    json_file_fn bytes;
    void *arg;
    struct base64_text text;
    struct buf rest; /* the document, with an empty text for the file */
    struct buf key;  /* the string that is read at depth 1 */
    int depth;       /* open brackets */
    bool in_string, is_escaped;
    bool after_data; /* the key "data" was read, its value comes next */
    bool in_data;    /* inside its text */
    int escape;      /* characters of an escape in it that have come; 0 = none */
    unsigned code;   /* of \\uXXXX */
    size_t text_len; /* characters of base64 */
    size_t byte_count;
    bool has_file;       /* there was such a text */
    const char *problem; /* what is wrong with it */
    bool is_stopped;     /* bytes said so, or there is no memory */
};

/* f is zero or was initialised before. */
void json_file_init(struct json_file *f, json_file_fn bytes, void *arg);
void json_file_free(struct json_file *f);
bool json_file_feed(struct json_file *f, const char *bytes, size_t len); /* false = stopped */
/* The document is over. *why tells what is wrong with one that is READ_BADLY; words: what the upstream says of it, or
 * warns of. */
enum reading json_file_finish(struct json_file *f, char words[ENVELOPE_WORDS], const char **why);

#endif
