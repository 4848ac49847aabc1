/* Bringing the database's schema up to date: the numbered files of services/store/migrations, in order, each once, each
 * in its own transaction, recorded in the table logikald_migrations. Safe when several start at once (an advisory lock
 * in each transaction makes them take turns) and on an existing database of the replaced system (everything is
 * additive). */
#ifndef LOGIKALD_SERVICES_STORE_MIGRATE_H
#define LOGIKALD_SERVICES_STORE_MIGRATE_H

#include "conf/err.h"

struct db;

/* How many files of this program the database has not seen (a database without the table: all), or negative. */
int migrate_pending(struct db *db, struct err *err);

#endif
