/* Lies in parts lists and drawings: see lie_edits.h. */
#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/lies/lie_edits.h"
#include "tests/sim/files/parts.h"

/* What is sent instead of the right file: value of len bytes, coded. */
static void send_file(struct call *call, const void *bytes, size_t len)
{
    buf_reset(&call->body);
    buf_str(&call->body, "{\"data\":\"");
    base64_add(&call->body, bytes, len);
    buf_str(&call->body, "\",\"hints\":[],\"warnings\":[]}");
}

static bool own_file(struct call *call, struct buf *file)
{
    if (call->status != 200 || !call->session || call->session->place != IN_ELEVATION) return false;
    parts_add_database(call->sim->world, call->session->at[KIND_ELEVATION], file);
    return true;
}

/* The file of the next elevation. */
void lie_parts_other(struct call *call, const struct lie *lie)
{
    (void)lie;
    const struct world *w = call->sim->world;
    if (call->status != 200 || !call->session || call->session->place != IN_ELEVATION) return;
    uint32_t other = call->session->at[KIND_ELEVATION];
    do other = (other + 1) % w->count[KIND_ELEVATION];
    while (!world_exists(w, KIND_ELEVATION, other));
    struct buf file = {0};
    parts_add_database(w, other, &file);
    send_file(call, file.data, file.len);
    buf_free(&file);
}

void lie_parts_bytes(struct call *call, const struct lie *lie)
{
    struct buf file = {0};
    if (!own_file(call, &file)) return;
    size_t len = file.len;
    if (strcmp(lie->value, "half") == 0) len /= 2;
    if (strcmp(lie->value, "head") == 0) len = 100;
    if (strcmp(lie->value, "noise") == 0)
        for (size_t i = len / 3; i < len; i += 7) file.data[i] = (char)(file.data[i] ^ 0x5a);
    if (strcmp(lie->value, "text") == 0) {
        buf_reset(&file);
        buf_str(&file, "Die Stückliste konnte nicht erstellt werden.");
        len = file.len;
    }
    send_file(call, file.data, len);
    buf_free(&file);
}

void lie_parts_sql(struct call *call, const struct lie *lie)
{
    struct buf file = {0};
    sqlite3 *db = NULL;
    if (!own_file(call, &file)) return;
    if (file.data[18] == 2) file.data[18] = file.data[19] = 1;
    unsigned char *bytes = sqlite3_malloc64(file.len);
    if (!bytes || sqlite3_open(":memory:", &db) != SQLITE_OK) abort();
    memcpy(bytes, file.data, file.len);
    sqlite3_deserialize(db, "main", bytes, (sqlite3_int64)file.len, (sqlite3_int64)file.len,
                        SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE);
    if (sqlite3_exec(db, lie->value, NULL, NULL, NULL) != SQLITE_OK) abort();
    sqlite3_int64 len = 0;
    unsigned char *changed = sqlite3_serialize(db, "main", &len, 0);
    send_file(call, changed, (size_t)len);
    sqlite3_free(changed);
    sqlite3_close(db);
    buf_free(&file);
}

/* A head that says 4000 bytes, and 2000 of them; forms that end by a word end without it. */
void lie_drawing_half(struct call *call, const struct lie *lie)
{
    static const struct {
        const char *form, *head;
        size_t head_len, length_at;
    } forms[] = {{"emf", "\1\0\0\0", 4, 48}, {"bmp", "BM", 2, 2}, {"gif", "GIF89a", 6, 0}, {"pdf", "%PDF-1.4\n", 9, 0}};
    size_t i = 0;
    while (strcmp(forms[i].form, lie->value) != 0) i++;
    buf_reset(&call->body);
    buf_add(&call->body, forms[i].head, forms[i].head_len);
    while (call->body.len < 2000) buf_char(&call->body, 'x');
    if (i == 0) memcpy(call->body.data + 40, " EMF", 4);
    if (forms[i].length_at) memcpy(call->body.data + forms[i].length_at, "\xa0\x0f\0\0", 4);
}
