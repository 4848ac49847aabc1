/* Visited directories: see visited.h. A directory is known by its identifier, the last of its chain. */
#include "services/sync/tree/visited.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/hash.h"
#include "services/logikal/place.h"

#define FIRST_SIZE 256

static const char *identifier_of(const char *chain)
{
    const char *separator = strrchr(chain, CHAIN_SEPARATOR);
    return separator ? separator + 1 : chain;
}

static size_t depth_of(const char *chain)
{
    size_t depth = 1;
    for (; *chain; chain++) depth += *chain == CHAIN_SEPARATOR;
    return depth;
}

bool visited_is_cycle(const char *chain)
{
    const char *last = identifier_of(chain);
    size_t len = strlen(last);
    for (const char *p = chain; p < last; p += strcspn(p, "\x1f") + 1)
        if (strncmp(p, last, len) == 0 && p[len] == CHAIN_SEPARATOR) return true;
    return false;
}

/* The place of an identifier, or the free one where it belongs. */
static char **place_of(char **chains, size_t size, const char *identifier)
{
    size_t i = hash_text(identifier) & (size - 1);
    while (chains[i] && strcmp(identifier_of(chains[i]), identifier) != 0) i = (i + 1) & (size - 1);
    return &chains[i];
}

static bool grow(struct visited *v)
{
    size_t size = v->size ? v->size * 2 : FIRST_SIZE;
    char **chains = calloc(size, sizeof *chains);
    if (!chains) return false;
    for (size_t i = 0; i < v->size; i++)
        if (v->chains[i]) *place_of(chains, size, identifier_of(v->chains[i])) = v->chains[i];
    free(v->chains);
    v->chains = chains;
    v->size = size;
    return true;
}

enum visit visited_add(struct visited *v, const char *chain, const char **other)
{
    if (v->count * 2 >= v->size && !grow(v)) return VISIT_NO_MEMORY;
    char **place = place_of(v->chains, v->size, identifier_of(chain));
    *other = *place;
    if (*place) return strcmp(*place, chain) == 0 ? VISIT_SAME : VISIT_ELSEWHERE;
    if (!(*place = strdup(chain))) return VISIT_NO_MEMORY;
    v->count++;
    return depth_of(chain) < VISITED_DEPTH ? VISIT_NEW : VISIT_DEEP;
}

void visited_free(struct visited *v)
{
    for (size_t i = 0; i < v->size; i++) free(v->chains[i]);
    free(v->chains);
    *v = (struct visited){0};
}
