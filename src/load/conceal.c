/*-------------------------------------------------------------------------
 *
 * conceal.c
 *	  Errors of the source that may tell what must not leave it.
 *
 * A condition or an expression that fails says so with the value it failed with,
 * "invalid input syntax for type integer", and that value may be the one to mask.  The
 * statement has constants that the user may want in no log.  What is known without
 * either is the SQLSTATE, the row and the column.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "load/columns.h"
#include "load/conceal.h"
#include "source/session.h"

bool
pgcopy_conceal_applies(const LoadTable *table, const ErrorData *error)
{
	if (!pgcopy_columns_is_subset(table) || !pgcopy_session_threw(error))
		return false;
	switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
	{
		case ERRCODE_CONNECTION_EXCEPTION:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
			return false;
	}
	/* of an encoding there are the bytes of one character */
	return error->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE &&
		error->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE &&
		error->sqlerrcode != ERRCODE_UNTRANSLATABLE_CHARACTER &&
		error->sqlerrcode != ERRCODE_CHARACTER_NOT_IN_REPERTOIRE;
}

/* Keep the lines of the context from the last "where" on. */
static void
cut_context(ErrorData *error, const char *where)
{
	char	   *kept = NULL;
	char	   *at = error->context;

	while (at != NULL && (at = strstr(at, where)) != NULL)
		kept = at++;
	error->context = kept;
}

void
pgcopy_conceal_error(const LoadTable *table, ErrorData *error, const char *where,
					 const char *column)
{
	cut_context(error, where);
	if (!pgcopy_conceal_applies(table, error))
		return;
	error->message = psprintf("the source could not evaluate %s of table %s",
							  column != NULL ?
							  psprintf("the value for column \"%s\"", column) :
							  table->expressions == NIL ? "the condition for rows" :
							  table->row_condition == NULL ? "the values for columns" :
							  "the condition for rows or the values for columns",
							  table->source_name);
	error->detail = psprintf("The SQLSTATE is %s. Its message may have a value that is not to be copied, so it is left out here.",
							 unpack_sql_state(error->sqlerrcode));
	error->hint = "The source's log has the message. Change row_filters or column_values so that they hold for all rows.";
}
