/* Parts lists without memory, in SQLite and beside it: the file is not blamed, and nothing is read as missing. */
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sqlite3.h>

#include "services/parts/image.h"
#include "services/parts/read.h"
#include "services/parts/verify.h"
#include "tests/fault/fault.h"
#include "tests/support/test.h"

#define TABLES                                                                                                         \
    "CREATE TABLE Elevations (AutoDescription, AutoDescriptionShort, Width_Output, Width_Unit, Height_Output,"         \
    " Height_Unit, Weight_Output, Weight_Unit, Area_Output, Area_Unit, SystemCode, SystemName, SystemLongName,"        \
    " ColorBase_Long); CREATE TABLE Glass (GlassID, Name); CREATE TABLE Profiles (x);"                                 \
    "INSERT INTO Elevations VALUES ('long', 'short', 1200.5, 'mm', '2400,25', 'mm', NULL, 'kg', 2, 'm2', 'S1',"        \
    " 'System', 'The System', 'RAL 9010'); INSERT INTO Profiles VALUES (1), (2);"                                      \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)"                                     \
    " INSERT INTO Glass SELECT i, 'Float' FROM n;"

struct file {
    unsigned char *bytes;
    size_t len;
};

static void *take(int size)
{
    return malloc((size_t)size);
}

static void *resize(void *memory, int size)
{
    return realloc(memory, (size_t)size);
}

static int size_of(void *memory)
{
    return memory ? (int)malloc_usable_size(memory) : 0;
}

static int round_up(int size)
{
    return (size + 7) & ~7;
}

static int begin(void *arg)
{
    (void)arg;
    return SQLITE_OK;
}

static void end(void *arg)
{
    (void)arg;
}

/* SQLite's memory comes from the calls that can be made to fail; and none of it is set aside beforehand. */
static int set_up(void **state)
{
    static struct file file;
    static const struct sqlite3_mem_methods methods = {take, free, resize, size_of, round_up, begin, end, NULL};
    sqlite3 *db = NULL;
    sqlite3_int64 len = 0;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, TABLES, NULL, NULL, NULL), SQLITE_OK);
    file.bytes = sqlite3_serialize(db, "main", &len, 0);
    file.len = (size_t)len;
    sqlite3_close(db);
    *state = &file;
    return 0;
}

static int tear_down(void **state)
{
    sqlite3_free(((struct file *)*state)->bytes);
    return sqlite3_shutdown();
}

static void assert_memory_is_blamed(int rc, const struct err *err)
{
    if (rc != 0 && (rc != -ERR_NOMEM || err->code != ERR_NOMEM)) fail_msg("%d, %s", rc, err->text);
}

static int read_it(void *arg, struct err *err)
{
    const struct file *file = arg;
    struct parts_data data;
    int rc = parts_read(file->bytes, file->len, "P01", NULL, &data, err);
    if (rc == 0) {
        assert_string_equal(data.problem, "");
        assert_string_equal(data.texts[0], "long");
        assert_true(data.numbers[1].is_set && data.numbers[1].value == 2400.25);
        assert_int_equal(data.glass_count, 20);
        assert_string_equal(data.glass[19].name, "Float");
        assert_int_equal(data.parts_count, 22);
    }
    assert_memory_is_blamed(rc, err);
    parts_data_free(&data);
    image_forget();
    return rc;
}

static int verify_it(void *arg, struct err *err)
{
    const struct file *file = arg;
    int rc = parts_verify(file->bytes, file->len, err);
    assert_memory_is_blamed(rc, err);
    image_forget();
    return rc;
}

/* SQLite does without some of what it asks for, so not every failure shows; but what is read is right or refused. */
static void test_reading_without_memory(void **state)
{
    assert_true(fault_each("parts_read", FAULT_ALLOC, FAULT_SILENT, read_it, *state) > 100);
}

static void test_verifying_without_memory(void **state)
{
    assert_true(fault_each("parts_verify", FAULT_ALLOC, FAULT_SILENT, verify_it, *state) > 100);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_reading_without_memory),
    cmocka_unit_test(test_verifying_without_memory),
};
TEST_MAIN(tests, set_up, tear_down)
