/* The vocabulary of the simulated company: names in many scripts, so that every layer above meets them. */
#ifndef LOGIKAL_SIM_WORDS_H
#define LOGIKAL_SIM_WORDS_H

#include <stdint.h>

enum words {
    WORDS_DIRECTORY,
    WORDS_PROJECT,
    WORDS_PHASE,
    WORDS_ROOM,
    WORDS_PERSON,
    WORDS_ELEMENT,
    WORDS_GLASS,
    WORDS_COLOR,
    WORDS_COUNT
};

struct profile_system {
    const char *code, *name, *long_name;
};

/* One word of the list, chosen by a hash. */
const char *word(enum words list, uint64_t hash);
const struct profile_system *word_system(uint64_t hash);

#endif
