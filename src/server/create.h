/*-------------------------------------------------------------------------
 *
 * create.h
 *	  Databases that a server clone needs and this server has not.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CREATE_H
#define PGCOPY_CREATE_H

#include "catalog/server.h"

/*
 * Create a database with the encoding, locale and tablespace of the source's.
 * Outside a transaction: commits.  Its owner is the current role, unless there
 * is a role of the name of the source's owner and with_owner is true.
 */
extern void pgcopy_create_database(const ServerDatabase *database, bool with_owner);

/*
 * Find what this server lacks for a database that is not here yet: a List of
 * Finding.  tablespace: its name here.
 */
extern List *pgcopy_create_check(const ServerDatabase *database);

#endif							/* PGCOPY_CREATE_H */
