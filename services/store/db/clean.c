/* Text made valid on its way to PostgreSQL: see clean.h. Nearly everything is valid, and is handed on as it is. */
#include "services/store/db/clean.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/text/buf.h"
#include "conf/text/utf8.h"

static bool is_clean(const char *text)
{
    return !text || utf8_is_valid(text, strlen(text));
}

int clean_values(struct clean *c, int n, const char *const *values, const int *binary)
{
    int first = 0;
    *c = (struct clean){.values = values};
    while (first < n && ((binary && binary[first]) || is_clean(values[first]))) first++;
    if (first >= n) return 0;
    const char **clean = calloc((size_t)n, sizeof *clean);
    c->copies = calloc((size_t)n, sizeof *c->copies);
    c->n = n;
    bool has_failed = !clean || !c->copies;
    for (int i = 0; i < n && !has_failed; i++) {
        clean[i] = values[i];
        if ((binary && binary[i]) || is_clean(values[i])) continue;
        clean[i] = c->copies[i] = strdup(values[i]);
        if (c->copies[i])
            utf8_repair(c->copies[i], strlen(c->copies[i]));
        else
            has_failed = true;
    }
    c->values = clean;
    if (!has_failed) return 0;
    clean_free(c);
    return -1;
}

void clean_free(struct clean *c)
{
    if (c->n == 0) return;
    for (int i = 0; c->copies && i < c->n; i++) free(c->copies[i]);
    free(c->copies);
    free((void *)(uintptr_t)c->values);
    *c = (struct clean){0};
}

/* Repairing changes no length, and no byte below 0x80. */
void clean_tail(struct buf *out, size_t start)
{
    if (!out->failed && out->len > start && !utf8_is_valid(out->data + start, out->len - start))
        utf8_repair(out->data + start, out->len - start);
}
