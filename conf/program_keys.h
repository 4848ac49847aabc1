/* The keys of a program in the configuration file, as one table for its reader and its writer. */
#ifndef LOGIKALD_CONF_PROGRAM_KEYS_H
#define LOGIKALD_CONF_PROGRAM_KEYS_H

#include <stddef.h>
#include <stdint.h>

enum key_kind { KEY_STR, KEY_LIST, KEY_INT, KEY_I64, KEY_BOOL, KEY_NOT, KEY_UMASK, KEY_SIGNAL, KEY_READY, KEY_RESTART };

struct program_key {
    const char *name;
    enum key_kind kind;
    size_t offset; /* in struct program */
    int64_t min, max;
};

#define PROGRAM_KEYS 25
extern const struct program_key program_keys[PROGRAM_KEYS];

extern const char *const program_ready_words[];   /* by enum program_ready; with a ":" when a target follows */
extern const char *const program_restart_words[]; /* by enum program_restart */

#endif
