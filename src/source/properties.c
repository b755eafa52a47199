/*-------------------------------------------------------------------------
 *
 * properties.c
 *	  The properties of the source database: settings, privileges, locale.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/properties.h"
#include "source/ahead.h"
#include "source/preflight.h"

/* A privilege, and a limit, becomes a word of a statement. */
static void
check_property(const SourceRows *rows, const DatabaseProperty *property)
{
	if (strcmp(property->kind, PROPERTY_PRIVILEGE) == 0 &&
		strcmp(property->name, "CREATE") != 0 && strcmp(property->name, "CONNECT") != 0 &&
		strcmp(property->name, "TEMPORARY") != 0)
		pgcopy_rows_throw(rows, "It sent a privilege on a database that there is not.");
	if (strcmp(property->kind, PROPERTY_LIMIT) == 0 &&
		(property->value[strspn(property->value, "-0123456789")] != '\0' ||
		 strtoll(property->value, NULL, 10) < -1 ||
		 strtoll(property->value, NULL, 10) > PG_INT32_MAX))
		pgcopy_rows_throw(rows, "It sent a connection limit that cannot be.");
}

void
pgcopy_properties_foresee(SourceSession *session)
{
	pgcopy_ahead_foresee(session, PROPERTIES_SQL, 4, 0, NULL);
}

List *
pgcopy_properties_read(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_query(session, PROPERTIES_SQL, 4, 0, NULL);
	List	   *properties = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		DatabaseProperty *property = palloc(sizeof(DatabaseProperty));

		property->kind = pstrdup(pgcopy_rows_get(rows, i, 0));
		property->role = pstrdup(pgcopy_rows_get(rows, i, 1));
		property->name = pstrdup(pgcopy_rows_get(rows, i, 2));
		property->value = pstrdup(pgcopy_rows_get(rows, i, 3));
		check_property(rows, property);
		properties = lappend(properties, property);
		CHECK_FOR_INTERRUPTS();
	}
	pgcopy_rows_free(rows);
	return properties;
}
