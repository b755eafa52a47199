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
#include "source/preflight.h"

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
		properties = lappend(properties, property);
		CHECK_FOR_INTERRUPTS();
	}
	pgcopy_rows_free(rows);
	return properties;
}
