/* Verifying a parts list: see verify.h. */
#include "services/parts/verify.h"

#include <string.h>

#include "services/parts/image.h"

/* Each names one column; preparing it fails with SQLite's own words when the table or the column is not there. */
static const char *const required[] = {"SELECT AutoDescription FROM Elevations",
                                       "SELECT AutoDescriptionShort FROM Elevations",
                                       "SELECT Width_Output FROM Elevations",
                                       "SELECT Width_Unit FROM Elevations",
                                       "SELECT Height_Output FROM Elevations",
                                       "SELECT Height_Unit FROM Elevations",
                                       "SELECT Weight_Output FROM Elevations",
                                       "SELECT Weight_Unit FROM Elevations",
                                       "SELECT Area_Output FROM Elevations",
                                       "SELECT Area_Unit FROM Elevations",
                                       "SELECT SystemCode FROM Elevations",
                                       "SELECT SystemName FROM Elevations",
                                       "SELECT SystemLongName FROM Elevations",
                                       "SELECT ColorBase_Long FROM Elevations",
                                       "SELECT GlassID FROM Glass",
                                       "SELECT Name FROM Glass"};

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
    sqlite3_finalize(check);
    return rc;
}

static int check_columns(struct image *image, struct err *err)
{
    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        sqlite3_stmt *statement = image_prepare(image, required[i], err);
        if (!statement) return -ERR_INPUT;
        sqlite3_finalize(statement);
    }
    return 0;
}

int parts_verify(const void *bytes, size_t len, struct err *err)
{
    struct image image;
    int rc = image_open(&image, bytes, len, err);
    if (rc == 0) rc = check_integrity(&image, err);
    if (rc == 0) rc = check_columns(&image, err);
    if (image.has_no_memory) rc = err_set(err, ERR_NOMEM, "no memory to verify the parts list");
    image_close(&image);
    return rc;
}
