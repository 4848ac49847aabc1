/* A table of a parts list as a dictionary: what an identifier stands for. See lookup.h. */
#include "services/parts/lookup.h"

#include <stdlib.h>
#include <string.h>

#include "services/parts/cell.h"

#define ENTRIES_MAX 20000

void lookup_free(struct lookup *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free(l->entries[i].id);
        free(l->entries[i].name);
        free(l->entries[i].parent);
    }
    free(l->entries);
    *l = (struct lookup){0};
}

static int by_id(const void *a, const void *b)
{
    const struct lookup_entry *x = a, *y = b;
    int order = strcmp(x->id, y->id);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

static struct lookup_entry *add(struct lookup *l, struct image *image)
{
    if (l->count == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 16;
        struct lookup_entry *entries = realloc(l->entries, cap * sizeof *entries);
        if (!entries) {
            image->has_no_memory = true;
            return NULL;
        }
        l->entries = entries;
        l->cap = cap;
    }
    return &l->entries[l->count];
}

static sqlite3_stmt *select_columns(struct image *image, const char *table, const char *const columns[3])
{
    bool has[3];
    for (int i = 0; i < 3; i++) has[i] = columns[i] && image_has_column(image, table, columns[i]);
    if (!has[0]) return NULL;
    char *sql = sqlite3_mprintf("SELECT \"%w\", %s%w%s, %s%w%s FROM \"%w\" NOT INDEXED", columns[0], has[1] ? "\"" : "",
                                has[1] ? columns[1] : "NULL", has[1] ? "\"" : "", has[2] ? "\"" : "",
                                has[2] ? columns[2] : "NULL", has[2] ? "\"" : "", table);
    sqlite3_stmt *row = sql ? image_prepare(image, sql, NULL) : NULL;
    if (!sql) image->has_no_memory = true;
    sqlite3_free(sql);
    return row;
}

void lookup_read(struct lookup *l, struct image *image, const char *table, const char *id, const char *name,
                 const char *parent)
{
    const char *const columns[3] = {id, name, parent};
    *l = (struct lookup){0};
    sqlite3_stmt *row = select_columns(image, table, columns);
    struct lookup_entry *entry;
    while (row && l->count < ENTRIES_MAX && image_step(image, row, NULL) == 1 && (entry = add(l, image))) {
        *entry = (struct lookup_entry){.id = cell_text(image, NULL, row, 0, 0), .row = l->rows++};
        if (!entry->id) continue;
        entry->name = cell_text(image, NULL, row, 1, 0);
        entry->parent = cell_text(image, NULL, row, 2, 0);
        l->count++;
    }
    image_release(image, row);
    if (l->count > 1) qsort(l->entries, l->count, sizeof *l->entries, by_id);
}

const struct lookup_entry *lookup_find(const struct lookup *l, const char *id)
{
    size_t low = 0, high = l->count;
    while (id && low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(l->entries[middle].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return id && low < l->count && strcmp(l->entries[low].id, id) == 0 ? &l->entries[low] : NULL;
}
