/*-------------------------------------------------------------------------
 *
 * subset_check.c
 *	  Let the source check conditions and values.
 *
 * Its parser and planner take each one in the WHERE clause of a query that reads no
 * row: there, aggregates, window functions and functions that return sets are
 * refused, names, types and rights are checked, and one row gives one value.
 *
 * A value must be one that an assignment would convert to the column's type, though
 * it is converted by a cast: to the type under all domains, without a length, so that
 * nothing is cut off there.  Lengths and domains hold where the rows go.
 *
 * All is tried under an empty search_path, as definitions of the dump are, and then
 * under the source's.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/retry.h"
#include "select/subset_private.h"

/* How long a check may wait for a lock while it can be done again later. */
#define LOCK_WAIT "3s"

static void
begin_check(Subset *subset, const char *path)
{
	pgcopy_session_exec(subset->session, subset->in_transaction ?
						"SAVEPOINT pgcopy_check" :
						"BEGIN READ ONLY; SET LOCAL lock_timeout = '" LOCK_WAIT "'");
	if (path != NULL)
		pgcopy_session_exec(subset->session,
							psprintf("SELECT pg_catalog.set_config('search_path', %s, true)",
									 quote_literal_cstr(path)));
}

static void
end_check(Subset *subset)
{
	pgcopy_session_exec(subset->session, subset->in_transaction ?
						"ROLLBACK TO SAVEPOINT pgcopy_check; RELEASE SAVEPOINT pgcopy_check" :
						"ROLLBACK");
}

/* Is the error about what was asked, not about the session? */
static bool
is_answer(const ErrorData *error)
{
	return pgcopy_session_threw(error) &&
		!pgcopy_retry_ends_transaction(error->sqlerrcode) &&
		error->sqlerrcode != ERRCODE_PROTOCOL_VIOLATION &&
		ERRCODE_TO_CATEGORY(error->sqlerrcode) != ERRCODE_OPERATOR_INTERVENTION;
}

/*
 * Run a query of one statement; returns its error, or NULL, and the first value of its
 * first row in *value.
 */
static ErrorData *
try_query(Subset *subset, const char *sql, int nparams, const char *const *params,
		  char **value)
{
	static const char *const none[] = {NULL};
	MemoryContext caller = CurrentMemoryContext;
	ErrorData  *volatile error = NULL;

	*value = NULL;
	PG_TRY();
	{
		SourceRows *rows = pgcopy_session_query(subset->session, sql, 1, nparams,
												nparams > 0 ? params : none);

		if (pgcopy_rows_count(rows) > 0 && !pgcopy_rows_is_null(rows, 0, 0))
			*value = pstrdup(pgcopy_rows_get(rows, 0, 0));
		pgcopy_rows_free(rows);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		if (!is_answer(error))
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	return error;
}

static char *
quoted_table(const SubsetTable *table)
{
	return psprintf("%s.%s", pgcopy_inventory_quoted(table->schema),
					pgcopy_inventory_quoted(table->name));
}

static ErrorData *
check_filter(Subset *subset, const SubsetTable *table)
{
	char	   *value;

	return try_query(subset,
					 psprintf("SELECT 1 FROM ONLY %s WHERE (\n%s\n) LIMIT 0",
							  quoted_table(table), table->filter->expression->text),
					 0, NULL, &value);
}

/* The type under all domains of a type. */
#define BASE_OF(type) \
	"(WITH RECURSIVE b AS (SELECT t.oid, t.typtype, t.typbasetype" \
	"  FROM pg_catalog.pg_type AS t WHERE t.oid = " type \
	"  UNION ALL SELECT t.oid, t.typtype, t.typbasetype FROM b" \
	"  JOIN pg_catalog.pg_type AS t ON t.oid = b.typbasetype WHERE b.typtype = 'd')" \
	" SELECT b.oid FROM b WHERE b.typtype <> 'd')"

#define HAS_CAST(from, to) \
	"EXISTS (SELECT FROM pg_catalog.pg_cast AS k WHERE k.castsource = " from \
	"  AND k.casttarget = " to " AND k.castcontext IN ('i', 'a'))"

/*
 * Can a value of type $1 be assigned to a column of type $2, which is no domain?  As
 * the server's find_coercion_pathway(): the same, a cast, a string, elements of
 * arrays; and a row for a composite.
 */
static const char assignment_sql[] =
"SELECT CASE WHEN v.oid = c.oid OR c.typcategory = 'S'"
"  OR " HAS_CAST("v.oid", "c.oid")
"  OR (c.typtype = 'c' AND v.oid = 2249)"
"  OR (ve.oid IS NOT NULL AND ce.oid IS NOT NULL"
"   AND (ve.oid = ce.oid OR ce.typcategory = 'S'"
"    OR " HAS_CAST("ve.oid", "ce.oid") "))"
" THEN NULL ELSE pg_catalog.format('column %s is of type %s, the expression of type %s',"
"  $3::pg_catalog.text, pg_catalog.format_type(c.oid, NULL), pg_catalog.format_type(v.oid, NULL)) END"
" FROM pg_catalog.pg_type AS v CROSS JOIN pg_catalog.pg_type AS c"
" LEFT JOIN pg_catalog.pg_type AS va ON va.typarray = v.oid"
" LEFT JOIN pg_catalog.pg_type AS ca ON ca.typarray = c.oid"
" LEFT JOIN pg_catalog.pg_type AS ve ON ve.oid = " BASE_OF("va.oid")
" LEFT JOIN pg_catalog.pg_type AS ce ON ce.oid = " BASE_OF("ca.oid")
" WHERE v.oid = " BASE_OF("$1::pg_catalog.oid") " AND c.oid = $2::pg_catalog.oid";

static ErrorData *
make_type_error(char *message)
{
	ErrorData  *error = palloc0(sizeof(ErrorData));

	error->sqlerrcode = ERRCODE_DATATYPE_MISMATCH;
	error->message = message;
	error->hint = "Cast the expression to the column's type.";
	return error;
}

/* The expression's type, without a row: a join with nothing. */
static const char type_sql[] =
"SELECT pg_catalog.pg_typeof(x.value)::pg_catalog.oid"
" FROM (SELECT 1 AS one) AS d LEFT JOIN (SELECT (\n%s\n) AS value FROM ONLY %s"
"  WHERE pg_catalog.num_nulls((\n%s\n)) >= 0 LIMIT 0) AS x ON true";

/* A bare string takes the column's type, as in INSERT. */
static ErrorData *
check_value_type(Subset *subset, const SubsetTable *table, const SubsetColumn *column)
{
	const char *text = column->value->expression->text;
	const char *params[3] = {NULL, psprintf("%u", column->type), column->name};
	char	   *type;
	char	   *problem;
	ErrorData  *error;

	if (column->value->expression->is_literal || column->value->expression->is_null)
		return NULL;
	error = try_query(subset, psprintf(type_sql, text, quoted_table(table), text),
					  0, NULL, &type);
	if (error != NULL)
		return error;
	params[0] = type != NULL ? type : "0";
	error = try_query(subset, assignment_sql, lengthof(params), params, &problem);
	if (error == NULL && problem != NULL)
		error = make_type_error(problem);
	return error;
}

static ErrorData *
check_value(Subset *subset, const SubsetTable *table, const SubsetColumn *column)
{
	ErrorData  *error = check_value_type(subset, table, column);
	char	   *value;

	if (error != NULL)
		return error;
	return try_query(subset,
					 psprintf("SELECT 1 FROM ONLY %s"
							  " WHERE pg_catalog.num_nulls((\n%s\n)::%s) >= 0 LIMIT 0",
							  quoted_table(table), column->value->expression->text,
							  column->cast),
					 0, NULL, &value);
}

/* An error, and whose it is. */
typedef struct CheckError
{
	const SubsetExpression *given;
	ErrorData  *error;
} CheckError;

static List *
note_error(List *errors, const SubsetExpression *given, ErrorData *error)
{
	CheckError *entry;

	if (error == NULL)
		return errors;
	entry = palloc(sizeof(CheckError));
	entry->given = given;
	entry->error = error;
	return lappend(errors, entry);
}

/* Check all of a table under one path.  Returns CheckError *. */
static List *
check_table(Subset *subset, const SubsetTable *table, const char *path)
{
	List	   *errors = NIL;
	ListCell   *lc;

	if (table->filter != NULL)
	{
		begin_check(subset, path);
		errors = note_error(errors, table->filter, check_filter(subset, table));
		end_check(subset);
	}
	foreach(lc, table->columns)
	{
		const SubsetColumn *column = lfirst(lc);

		if (column->value == NULL)
			continue;
		begin_check(subset, path);
		errors = note_error(errors, column->value, check_value(subset, table, column));
		end_check(subset);
	}
	return errors;
}

static bool
want_names(List *errors)
{
	ListCell   *lc;

	foreach(lc, errors)
	{
		const CheckError *entry = lfirst(lc);

		if (pgcopy_retry_need(entry->error->sqlerrcode) == NEED_OBJECTS)
			return true;
	}
	return false;
}

/* Is it only that a lock was not free?  The leader checks again. */
static bool
is_put_off(const Subset *subset, const ErrorData *error)
{
	return !subset->in_transaction && error->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
}

void
pgcopy_subset_check_tables(Subset *subset)
{
	ListCell   *lc;
	ListCell   *inner;

	foreach(lc, subset->chosen)
	{
		SubsetTable *table = lfirst(lc);
		List	   *errors;

		CHECK_FOR_INTERRUPTS();
		errors = check_table(subset, table, NULL);
		if (subset->path != NULL && want_names(errors))
		{
			table->path = subset->path;
			errors = check_table(subset, table, table->path);
		}
		foreach(inner, errors)
		{
			const CheckError *entry = lfirst(inner);

			if (!is_put_off(subset, entry->error))
				pgcopy_subset_add(subset, entry->given, &(Finding) {
					.level = FINDING_ERROR,
					.sqlerrcode = entry->error->sqlerrcode,
					.message = entry->error->message,
					.detail = entry->error->detail,
					.hint = entry->error->hint
				});
		}
	}
}
