/* Statements that ask how the database is. */
#include "services/store/reads.h"

const struct query query_ping = {.name = "ping", .sql = "SELECT 1"};
