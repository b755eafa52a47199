/*-------------------------------------------------------------------------
 *
 * here_columns.c
 *	  Whether tables that exist take the columns that are sent to them.
 *
 * Columns are matched by name, whatever their order.  One that is generated here
 * is computed here, so it is not asked for (load/load.h).  Values that are of
 * another type go through their text.  One that is generated on the source, and not
 * here, is sent as a value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "miscadmin.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "schema/here_private.h"

static char *
name_column(Oid relid, const char *column)
{
	return psprintf("%s.%s", pgcopy_here_name(relid), quote_identifier(column));
}

/* Note the source's columns that the table here has not. */
static void
note_missing(Relation relation, const SourceRelation *sender, List **missing)
{
	ListCell   *lc;

	foreach(lc, sender->columns)
	{
		if (get_attnum(RelationGetRelid(relation), lfirst(lc)) <= 0)
			pgcopy_here_note(missing, name_column(RelationGetRelid(relation), lfirst(lc)));
	}
}

static bool
is_sent(const SourceRelation *sender, const char *column)
{
	ListCell   *lc;

	foreach(lc, sender->columns)
	{
		if (strcmp(lfirst(lc), column) == 0)
			return true;
	}
	return false;
}

/* Note columns here that must have a value and get none. */
static void
note_without_value(Relation relation, const SourceRelation *sender, List **empty)
{
	TupleDesc	desc = RelationGetDescr(relation);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || att->attgenerated || !att->attnotnull ||
			is_sent(sender, NameStr(att->attname)) ||
			build_column_default(relation, att->attnum) != NULL)
			continue;
		pgcopy_here_note(empty, name_column(RelationGetRelid(relation),
											NameStr(att->attname)));
	}
}

/* COPY t (columns) refuses a generated column; an expression is all right. */
static void
send_value(SourceRelation *sender, char *name, char *type)
{
	while (list_length(sender->column_expressions) < list_length(sender->columns))
		sender->column_expressions = lappend(sender->column_expressions, NULL);
	sender->columns = lappend(sender->columns, name);
	sender->types = lappend(sender->types, type);
	sender->column_expressions = lappend(sender->column_expressions,
										 pgcopy_inventory_quoted(name));
}

static void
send_generated(Oid relid, SourceRelation *sender)
{
	ListCell   *name;
	ListCell   *type;

	forboth(name, sender->generated, type, sender->generated_types)
	{
		AttrNumber	attnum = get_attnum(relid, lfirst(name));

		if (attnum > 0 && get_attgenerated(relid, attnum) == '\0')
			send_value(sender, lfirst(name), lfirst(type));
	}
}

static void
compare_columns(const HereTarget *target, List **missing, List **empty)
{
	Relation	relation = table_open(target->relid, AccessShareLock);
	ListCell   *lc;

	foreach(lc, target->senders)
	{
		send_generated(target->relid, lfirst(lc));
		note_missing(relation, lfirst(lc), missing);
		note_without_value(relation, lfirst(lc), empty);
	}
	table_close(relation, AccessShareLock);
}

List *
pgcopy_here_columns_check(List *targets)
{
	static const Finding no_column = {
		.sqlerrcode = ERRCODE_UNDEFINED_COLUMN,
		.message = "%d columns of the source's tables do not exist here",
		.detail = "Missing",
		.hint = "Add them here, or drop them on the source."
	};
	static const Finding no_value = {
		.sqlerrcode = ERRCODE_NOT_NULL_VIOLATION,
		.message = "%d columns here are NOT NULL without a default, and the source has none of their name",
		.detail = "Columns",
		.hint = "Give them a default here, which column_values cannot: it names columns of the source."
	};
	List	   *missing = NIL;
	List	   *empty = NIL;
	ListCell   *lc;

	foreach(lc, targets)
	{
		CHECK_FOR_INTERRUPTS();
		compare_columns(lfirst(lc), &missing, &empty);
	}
	return list_concat(pgcopy_here_report(missing, &no_column,
										  "%d column of the source's tables does not exist here"),
					   pgcopy_here_report(empty, &no_value,
										  "%d column here is NOT NULL without a default, and the source has none of its name"));
}
