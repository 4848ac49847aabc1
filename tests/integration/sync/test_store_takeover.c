/* A database of the replaced system is taken over in place: nothing is lost, its statements still work, and the first
 * sync finds its rows again instead of making new ones. */
#include "tests/support/sync_truth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

SYNC_WORLD("--directories 2 --projects 2 --phases 2 --elevations 2")

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "re");
    if (!file) fail_msg("cannot open %s", path);
    struct {
        char *data;
        size_t len, cap;
    } b = {NULL, 0, 0};
    for (;;) {
        if (b.cap - b.len < 4096 && !(b.data = realloc(b.data, b.cap += 65536))) abort();
        size_t n = fread(b.data + b.len, 1, b.cap - b.len - 1, file);
        b.len += n;
        if (n == 0) break;
    }
    b.data[b.len] = '\0';
    fclose(file);
    return b.data;
}

/* psql's own commands (a backslash first) are not SQL. */
static void run_sql_file(const char *path)
{
    char *text = read_file(path);
    for (char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        bool is_command = *line == '\\';
        for (char *p = line; is_command && *p && *p != '\n'; p++) *p = ' ';
    }
    pg_exec(&world.pg, text);
    free(text);
}

static char *first_of(const char *type, const char *member)
{
    char *dump = sim_get(&world.sim, "/dump"), *rest = NULL, *text = NULL;
    for (char *line = strtok_r(dump, "\n", &rest); line && !text; line = strtok_r(NULL, "\n", &rest)) {
        cJSON *json = cJSON_Parse(line);
        const char *is = cJSON_GetStringValue(cJSON_GetObjectItem(json, "type"));
        if (is && strcmp(is, type) == 0) text = strdup(cJSON_GetStringValue(cJSON_GetObjectItem(json, member)));
        cJSON_Delete(json);
    }
    free(dump);
    return text;
}

static void fill_old_rows(void)
{
    char sql[4000];
    char *directory = first_of("directory", "id"), *project = first_of("project", "id"),
         *elevation = first_of("elevation", "id");
    snprintf(
        sql, sizeof sql,
        "INSERT INTO directories (id, logikal_id, name, level, exclude_from_sync) VALUES (70, '%s', 'old name', 0, "
        "false);"
        "INSERT INTO projects (id, logikal_id, name, directory_id, status) VALUES (71, '%s', 'old', 70, 'open');"
        "INSERT INTO phases (id, logikal_id, name, project_id, sync_status) VALUES"
        " (72, '00000000-0000-0000-0000-000000000000', 'old default', 71, 'synced'), (73, NULL, 'no identifier', 71, "
        "'x');"
        "INSERT INTO elevations (id, logikal_id, name, project_id, phase_id, sync_status, has_parts_data, parse_status,"
        " parse_retry_count, parts_db_path, thumbnail_data) VALUES"
        " (74, '%s', 'old', 71, 72, 'synced', true, 'success', 0, '/app/parts/74.db', 'data:image/png;base64,AAAA'),"
        " (75, 'gone-from-upstream', 'old', 71, 72, 'synced', false, 'pending', 0, NULL, NULL);"
        "INSERT INTO elevation_glass (elevation_id, glass_id, name) VALUES (74, 'G', 'Glass');"
        "INSERT INTO parsing_error_logs (elevation_id, error_type, error_message, retry_count) VALUES (75, 'x', 'y', "
        "1);"
        "INSERT INTO clients (client_id, client_secret_hash, name, permissions, rate_limit_per_hour, is_active,"
        " created_at, updated_at) VALUES ('erp', '$2b$x', 'ERP', '[\"projects:read\"]', 1000, true, now(), now());"
        "INSERT INTO object_sync_configs (object_type, display_name, sync_interval_minutes, is_sync_enabled,"
        " staleness_threshold_minutes, priority, cascade_sync, batch_size, max_retry_attempts, retry_delay_minutes)"
        " VALUES ('project', 'Mine', 7, true, 9, 2, false, 10, 1, 1);"
        "INSERT INTO sync_logs (sync_type, status) VALUES ('full', 'completed');"
        "SELECT setval('directories_id_seq', 100), setval('projects_id_seq', 100), setval('phases_id_seq', 100),"
        " setval('elevations_id_seq', 100)",
        directory, project, elevation);
    pg_exec(&world.pg, sql);
    free(directory);
    free(project);
    free(elevation);
}

static void migrate(void)
{
    char url[400], *output = NULL;
    snprintf(url, sizeof url, "DATABASE_URL=%s", world.pg.url);
    char *const argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), (char *)"migrate", NULL};
    char *const env[] = {url, NULL};
    if (process_run(argv, env, &output) != 0) fail_msg("migrate: %s", output);
    free(output);
}

static void take_over(const char *layout)
{
    pg_exec(&world.pg, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    run_sql_file(layout);
    pg_exec(&world.pg, "SET search_path TO public");
    fill_old_rows();

    migrate();
    migrate(); /* a second time does nothing */

    assert_int_equal(
        pg_int(&world.pg, "SELECT sync_interval_minutes FROM object_sync_configs WHERE object_type = 'project'"), 7);
    assert_int_equal(
        pg_int(&world.pg,
               "SELECT count(*) FROM object_sync_configs WHERE object_type IN ('directory', 'phase', 'elevation')"),
        3);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM clients") +
                         pg_int(&world.pg, "SELECT count(*) FROM elevation_glass"),
                     2);
    pg_exec(&world.pg, "UPDATE object_sync_configs SET cascade_sync = true");
    sync_all(&world, false);
    assert_truth(&world, true);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM directories WHERE id = 70 AND name <> 'old name'"), 1);
    assert_int_equal(
        pg_int(&world.pg, "SELECT count(*) FROM projects WHERE id = 71 AND name <> 'old' AND status = 'open'"), 1);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM phases WHERE id = 72 AND name <> 'old default'"), 1);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE id = 74 AND parse_status = 'success'"
                                       " AND thumbnail_data IS NOT NULL AND name <> 'old'"),
                     1);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE id = 75 AND deleted_at IS NOT NULL"), 1);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM parsing_error_logs"), 1);
    /* Statements of the replaced system are still accepted. */
    pg_exec(&world.pg,
            "INSERT INTO elevations (logikal_id, name, project_id, sync_status, has_parts_data, parse_status,"
            " parse_retry_count) VALUES ('new-by-old', 'x', 71, 'pending', false, 'pending', 0)");
}

/* The layout of the fixture, and of a file of your own where REPLACED_SYSTEM_SCHEMA names one. */
TEST(test_existing_database_is_taken_over)
{
    const char *path = getenv("REPLACED_SYSTEM_SCHEMA");
    take_over("tests/fixtures/replaced_system.sql");
    if (path && *path) take_over(path);
}

/* What production databases are known, or may be feared, to have: the layout is changed by sql before the rows come. */
static void odd_database(const char *what, const char *sql, const char *said)
{
    char url[400], *output = NULL;
    char *const argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), (char *)"migrate", NULL};
    char *const env[] = {url, NULL};
    snprintf(url, sizeof url, "DATABASE_URL=%s", world.pg.url);
    pg_exec(&world.pg, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    run_sql_file("tests/fixtures/replaced_system.sql");
    pg_exec(&world.pg, "SET search_path TO public");
    fill_old_rows();
    pg_exec(&world.pg, sql);

    if (process_run(argv, env, &output) != 0) fail_msg("%s: migrate: %s", what, output);

    if (!strstr(output, said)) fail_msg("%s: migrate does not say \"%s\": %s", what, said, output);
    free(output);
    migrate();
    sync_all(&world, false);
    assert_truth(&world, true);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevations WHERE id = 74 AND deleted_at IS NULL"), 1);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM elevation_glass WHERE elevation_id = 74") > 0, 1);
}

TEST(test_odd_databases_are_taken_over)
{
    static const struct {
        const char *what, *sql, *said;
    } rows[] = {
        {"a unique index of the old name",
         "DROP INDEX ix_phases_logikal_id; CREATE UNIQUE INDEX ix_phases_logikal_id ON"
         " phases (logikal_id)",
         "not unique by itself any more"},
        {"a unique constraint", "ALTER TABLE phases ADD CONSTRAINT phases_logikal_id_key UNIQUE (logikal_id)",
         "not unique by itself any more (phases_logikal_id_key)"},
        {"two of them, of other names",
         "CREATE UNIQUE INDEX odd_one ON phases (logikal_id); ALTER TABLE phases ADD UNIQUE"
         " (logikal_id)",
         "not unique by itself any more (odd_one)"},
        {"phases twice",
         "ALTER TABLE phases DROP CONSTRAINT uq_phase_logikal_project; INSERT INTO phases (id, logikal_id, name,"
         " project_id, sync_status) SELECT 80 + i, logikal_id, 'twin', project_id, 'x' FROM phases, generate_series(1, "
         "3) i WHERE"
         " id = 72; UPDATE elevations SET phase_id = 82 WHERE id = 74",
         "3 rows of phases stood there twice"},
        {"phases twice, and the index of another kind",
         "ALTER TABLE phases DROP CONSTRAINT uq_phase_logikal_project; CREATE INDEX"
         " uq_phase_logikal_project ON phases (logikal_id, project_id); INSERT INTO phases (id, logikal_id, name, "
         "project_id,"
         " sync_status) SELECT 81, logikal_id, 'twin', project_id, 'x' FROM phases WHERE id = 72",
         "1 rows of phases"},
        {"the constraint as an index",
         "ALTER TABLE phases DROP CONSTRAINT uq_phase_logikal_project; CREATE UNIQUE INDEX"
         " uq_phase_logikal_project ON phases (logikal_id, project_id)",
         "applied"},
        {"elevations twice",
         "DROP INDEX ix_elevations_logikal_id; CREATE INDEX ix_elevations_logikal_id ON elevations (logikal_id);"
         " INSERT INTO elevations (id, logikal_id, name, project_id, phase_id, sync_status, has_parts_data, "
         "parse_status,"
         " parse_retry_count) SELECT 90, logikal_id, 'twin', project_id, phase_id, 'x', false, 'pending', 0 FROM "
         "elevations WHERE"
         " id = 74; UPDATE elevation_glass SET elevation_id = 90",
         "1 rows of elevations"},
        {"projects and directories twice",
         "DROP INDEX ix_projects_logikal_id; DROP INDEX ix_directories_logikal_id; INSERT INTO"
         " directories (id, logikal_id, name, level, exclude_from_sync) SELECT 91, logikal_id, 'twin', 0, false FROM "
         "directories"
         " WHERE id = 70; INSERT INTO projects (id, logikal_id, name, directory_id, status) SELECT 92, logikal_id, "
         "'twin', 91, 'x'"
         " FROM projects WHERE id = 71; INSERT INTO phases (id, logikal_id, name, project_id, sync_status) SELECT 93, "
         "logikal_id,"
         " 'twin', 92, 'x' FROM phases WHERE id = 72; ALTER TABLE phases DROP CONSTRAINT uq_phase_logikal_project",
         "1 rows of projects"},
        {"sequences that are behind, and another unique index",
         "SELECT setval('elevations_id_seq', 73), setval('phases_id_seq', 70), setval('projects_id_seq', 70);"
         " CREATE UNIQUE INDEX odd_expression ON phases (lower(logikal_id))",
         "was behind the rows of elevations, and goes on after 75"},
        {"an id without a default, and a unique constraint with the name",
         "ALTER TABLE elevations ALTER id DROP DEFAULT; DROP SEQUENCE phases_id_seq CASCADE;"
         " ALTER TABLE phases ADD CONSTRAINT odd_pair UNIQUE (logikal_id, name)",
         "odd_pair is gone"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) odd_database(rows[i].what, rows[i].sql, rows[i].said);
}

/* Also where an administrator has given the database settings for other programs. */
TEST(test_several_migrate_at_once)
{
    struct process p[4];
    char url[400];
    snprintf(url, sizeof url, "DATABASE_URL=%s", world.pg.url);
    char *const argv[] = {(char *)(uintptr_t)support_program("logikald-roles"), (char *)"migrate", NULL};
    char *const env[] = {url, NULL};
    pg_exec(&world.pg, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    sync_world_settings(&world, true);

    for (int i = 0; i < 4; i++) process_start(&p[i], "migrate", argv, env);

    for (int i = 0; i < 4; i++) assert_int_equal(process_wait(&p[i], 60000), 0);
    assert_int_equal(pg_int(&world.pg, "SELECT count(*) FROM object_sync_configs"), 7);
    sync_all(&world, true);
    sync_world_settings(&world, false);
    assert_truth(&world, true);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(test_existing_database_is_taken_over),
    cmocka_unit_test(test_odd_databases_are_taken_over),
    cmocka_unit_test(test_several_migrate_at_once),
};
TEST_MAIN(tests, start, stop)
