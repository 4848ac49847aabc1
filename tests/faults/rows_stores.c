/* Faults of PostgreSQL and Redis. */
#include "tests/faults/rows.h"

/* ---- PostgreSQL: nobody is heard while it is away ---- */

static struct fault postgres[] = {
    {.what = "PostgreSQL killed",
     .stage = "postgres: kill",
     .remove = "postgres: start",
     .state = "wrong",
     .part = "PostgreSQL",
     .says = "PostgreSQL: ",
     .within_s = 5},
    {.what = "PostgreSQL stopped (SIGSTOP): it takes connections and says nothing",
     .stage = "postgres: freeze",
     .remove = "postgres: thaw",
     .state = "wrong",
     .part = "PostgreSQL",
     .says = "PostgreSQL: ",
     .within_s = 15},
    {.what = "PostgreSQL refuses the login",
     .stage = "sql: ALTER ROLE app NOLOGIN\n" APP_ENDS,
     .remove = "sql: ALTER ROLE app LOGIN",
     .state = "wrong",
     .part = "PostgreSQL",
     .says = "not permitted to log in",
     .within_s = 5},
    {.what = "PostgreSQL has no connection left for the role",
     .stage = "sql: ALTER ROLE app CONNECTION LIMIT 0\n" APP_ENDS,
     .remove = "sql: ALTER ROLE app CONNECTION LIMIT -1",
     .state = "wrong",
     .part = "PostgreSQL",
     .says = "too many connections for role",
     .within_s = 5},
    {.what = "PostgreSQL only reads (default_transaction_read_only)",
     .stage = "sql: ALTER ROLE app SET default_transaction_read_only = on\n" APP_ENDS,
     .remove = "sql: ALTER ROLE app RESET default_transaction_read_only\n" APP_ENDS,
     .state = "wrong",
     .part = "PostgreSQL",
     .says = "it only reads",
     .within_s = 10},
    {.what = "a migration of this version is missing",
     .stage = "sql: UPDATE logikald_migrations SET name = '9999_of_later' WHERE name ="
              " (SELECT max(name) FROM logikald_migrations)\n" APP_ENDS,
     .remove = "sql: DELETE FROM logikald_migrations WHERE name = '9999_of_later'\nctl: restart migrate",
     .state = "wrong",
     .part = "PostgreSQL",
     .says = "migration",
     .within_s = 15},
    {.what = "a table that is not as it was made (another program's, or a column renamed)",
     .stage = "sql: ALTER TABLE elevation_thumbnails RENAME COLUMN tries TO attempts\nctl: restart web",
     .remove = "sql: ALTER TABLE elevation_thumbnails RENAME COLUMN attempts TO tries",
     .state = "wrong",
     .part = "PostgreSQL",
     .says = "the table elevation_thumbnails is not ours, or not whole: it lacks tries",
     .within_s = 15},
};

/* ---- Redis ---- */

#define REDIS_SHOWS(which)                                                                                             \
    "redis: config set tls-cert-file {certificates}/" which ".pem tls-key-file {certificates}/" which                  \
    ".key\nredis: client kill type normal skipme yes"

static struct fault redis_away[] = {
    {.what = "Redis killed",
     .stage = "redis-server: kill",
     .remove = "redis-server: start",
     .state = "wrong",
     .part = "Redis",
     .says = "Redis: ",
     .within_s = 5},
    {.what = "Redis stopped (SIGSTOP)",
     .stage = "redis-server: freeze",
     .remove = "redis-server: thaw",
     .state = "wrong",
     .part = "Redis",
     .says = "Redis: ",
     .within_s = 15},
    {.what = "Redis is full (noeviction)",
     .stage = "redis: config set maxmemory 1",
     .remove = "redis: config set maxmemory 0",
     .state = "wrong",
     .part = "Redis",
     .says = "takes no writes",
     .within_s = 10},
    {.what = "Redis is a replica that only reads",
     .stage = "redis: replicaof 127.0.0.1 1",
     .remove = "redis: replicaof no one",
     .state = "wrong",
     .part = "Redis",
     .says = "Redis: ",
     .within_s = 10},
    {.what = "Redis lacks the replicas that it demands for writes",
     .stage = "redis: config set min-replicas-to-write 1",
     .remove = "redis: config set min-replicas-to-write 0",
     .state = "wrong",
     .part = "Redis",
     .says = "NOREPLICAS",
     .within_s = 10},
    {.what = "Redis wants a password",
     .stage = "redis: config set requirepass secret\nredis: -a secret client kill type normal skipme yes",
     .remove = "redis: -a secret config set requirepass ''",
     .state = "wrong",
     .part = "Redis",
     .says = "Redis: ",
     .within_s = 10},
    {.what = "Redis does not let us run scripts (ACL)",
     .stage = "redis: acl setuser default -@scripting\nredis: client kill type normal skipme yes",
     .remove = "redis: acl setuser default +@scripting",
     .state = "wrong",
     .part = "Redis",
     .says = "EVAL",
     .within_s = 10},
    {.what = "Redis's certificate ends in ten days",
     .stage = REDIS_SHOWS("ten-days"),
     .remove = REDIS_SHOWS("good"),
     .state = "look",
     .part = "certificate",
     .says = "The certificate of Redis ends in 10 d",
     .within_s = 10},
};

static struct fault redis_kept[] = {
    {.what = "Redis throws keys away when it is full (maxmemory-policy)",
     .stage = "redis: config set maxmemory 100mb\nredis: config set maxmemory-policy allkeys-lru",
     .remove = "redis: config set maxmemory 0\nredis: config set maxmemory-policy noeviction",
     .state = "look",
     .part = "Redis",
     .says = "throws keys away",
     .within_s = 10},
    {.what = "Redis keeps nothing on disk (neither append-only file nor snapshots)",
     .stage = "redis: config set appendonly no",
     .remove = "redis: config set appendonly yes",
     .state = "look",
     .part = "Redis",
     .says = "keeps nothing",
     .within_s = 10},
};

/* ---- certificates ---- */

#define PG_SHOWS(which)                                                                                                \
    "sql: ALTER SYSTEM SET ssl_cert_file = '{certificates}/" which ".pem'\n"                                           \
    "sql: ALTER SYSTEM SET ssl_key_file = '{certificates}/" which ".key'\n"                                            \
    "sql: ALTER SYSTEM SET ssl = on\nsql: SELECT pg_reload_conf(); SELECT pg_sleep(0.2)\n" APP_ENDS
#define PG_PLAIN "sql: ALTER SYSTEM SET ssl = off\nsql: SELECT pg_reload_conf(); SELECT pg_sleep(0.2)\n" APP_ENDS

static struct fault certificates[] = {
    {.what = "PostgreSQL's certificate ends in ten days",
     .stage = PG_SHOWS("ten-days"),
     .remove = PG_PLAIN,
     .state = "look",
     .part = "certificate",
     .says = "The certificate of PostgreSQL ends in 10 d",
     .within_s = 10},
    {.what = "PostgreSQL's certificate ends in two days",
     .stage = PG_SHOWS("two-days"),
     .remove = PG_PLAIN,
     .state = "wrong",
     .part = "certificate",
     .says = "The certificate of PostgreSQL ends in 2 d",
     .within_s = 10},
};

struct lane lane_postgres = {"PostgreSQL", postgres, COUNT(postgres), true};
struct lane lane_redis = {"Redis", redis_kept, COUNT(redis_kept), false};
struct lane lane_redis_away = {"Redis away", redis_away, COUNT(redis_away), true};
struct lane lane_certificates = {"certificates", certificates, COUNT(certificates), false};
