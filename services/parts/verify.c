/* Is this file a parts list that can be read? See verify.h. */
#include "services/parts/verify.h"

#include <string.h>

#include "services/parts/image.h"

const char *const parts_columns[] = {
    "AutoDescription", "AutoDescriptionShort", "Width_Unit",    "Height_Unit",    "Weight_Unit",
    "Area_Unit",       "SystemCode",           "SystemName",    "SystemLongName", "ColorBase_Long",
    "Width_Output",    "Height_Output",        "Weight_Output", "Area_Output",    NULL};

static int check_integrity(struct image *image, struct err *err)
{
    sqlite3_stmt *check = image_prepare(image, "PRAGMA quick_check(1)", err);
    if (!check) return -ERR_INPUT;
    int rc = image_step(image, check, err);
    if (rc == 1) {
        const char *text = (const char *)sqlite3_column_text(check, 0);
        image->has_no_memory |= !text;
        rc = text && strcmp(text, "ok") == 0 ? 0 : err_set(err, ERR_INPUT, "damaged: %.200s", text ? text : "");
    } else if (rc == 0) {
        rc = err_set(err, ERR_INPUT, "damaged");
    }
    image_release(image, check);
    return rc;
}

/* Another version of the upstream has other columns; one that has none of them is no parts list. */
static int check_columns(struct image *image, struct err *err)
{
    sqlite3_stmt *statement = image_prepare(image, "SELECT 1 FROM Elevations", err);
    if (!statement) return -ERR_INPUT;
    image_release(image, statement);
    for (int i = 0; parts_columns[i]; i++)
        if (image_has_column(image, "Elevations", parts_columns[i])) return 0;
    return err_set(err, ERR_INPUT, "no parts list: Elevations has none of the columns that one has");
}

/* opened: what opening it has said. */
static int verify(struct image *image, int opened, struct err *err)
{
    int rc = opened;
    if (rc == 0) rc = check_integrity(image, err);
    if (rc == 0) rc = check_columns(image, err);
    if (image->has_no_memory) rc = err_set(err, ERR_NOMEM, "no memory to verify the parts list");
    if (rc < 0) image->has_failed = true;
    image_close(image);
    return rc;
}

int parts_verify(const void *bytes, size_t len, struct err *err)
{
    struct image image = {0};
    return verify(&image, image_open(&image, bytes, len, err), err);
}

int parts_verify_frames(struct unframer *frames, struct err *err)
{
    struct image image = {0};
    return verify(&image, image_open_frames(&image, frames, err), err);
}
