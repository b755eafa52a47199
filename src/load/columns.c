/*-------------------------------------------------------------------------
 *
 * columns.c
 *	  Map the source's columns to local attributes, and ask for them.
 *
 * Names are always quoted: reserved words depend on the source's version.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "load/columns.h"
#include "source/inventory.h"
#include "source/keyrange.h"

static AttrNumber
find_attribute(Relation relation, const char *name)
{
	TupleDesc	desc = RelationGetDescr(relation);
	int			i;

	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || strcmp(NameStr(att->attname), name) != 0)
			continue;
		if (att->attgenerated)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
					 errmsg("column \"%s\" of table \"%s\" is a generated column",
							name, RelationGetRelationName(relation)),
					 errdetail("Generated columns cannot be loaded.")));
		return att->attnum;
	}
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of table \"%s\" does not exist",
					name, RelationGetRelationName(relation)),
			 errdetail("The source has this column."),
			 errhint("Create the table here as it is on the source.")));
}

AttrNumber *
pgcopy_columns_map(Relation relation, List *columns)
{
	AttrNumber *map = palloc(sizeof(AttrNumber) * (list_length(columns) + 1));
	bool	   *seen = palloc0(sizeof(bool) *
							   (RelationGetNumberOfAttributes(relation) + 1));
	ListCell   *cell;
	int			i = 0;

	foreach(cell, columns)
	{
		AttrNumber	attnum = find_attribute(relation, lfirst(cell));

		if (seen[attnum])
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("column \"%s\" specified more than once",
							(char *) lfirst(cell))));
		seen[attnum] = true;
		map[i++] = attnum;
	}
	pfree(seen);
	return map;
}

static void
append_column_list(StringInfo sql, List *columns)
{
	ListCell   *cell;

	foreach(cell, columns)
		appendStringInfo(sql, "%s%s", foreach_current_index(cell) > 0 ? ", " : "",
						 pgcopy_inventory_quoted(lfirst(cell)));
}

static const char *
get_expression(const LoadTable *table, int column)
{
	return table->expressions != NIL ? list_nth(table->expressions, column) : NULL;
}

/*
 * Select a column; of one in as_text, what the type's output function returns.  A
 * cast to text may be a user's, and loses the blanks of char(n).  concat() calls the
 * output function, without its name and a right to execute it, but makes '' of NULL.
 * num_nulls() does not look into composite values.
 */
static void
append_as_text(StringInfo sql, const char *value)
{
	appendStringInfo(sql,
					 "CASE WHEN pg_catalog.num_nulls(%s) OPERATOR(pg_catalog.=) 0"
					 " THEN pg_catalog.concat(%s) END", value, value);
}

/* An expression may be volatile: evaluate it once, behind OFFSET, for its text. */
static void
append_value(StringInfo sql, const LoadTable *table, int column)
{
	const char *name = pgcopy_inventory_quoted(list_nth(table->columns, column));
	const char *expression = get_expression(table, column);
	bool		as_text = bms_is_member(column, table->as_text);

	if (expression != NULL && as_text)
	{
		appendStringInfoString(sql, "(SELECT ");
		append_as_text(sql, "pgcopy.value");
		appendStringInfo(sql, " FROM (SELECT %s AS value OFFSET 0) AS pgcopy)", expression);
	}
	else if (as_text)
		append_as_text(sql, name);
	else
		appendStringInfoString(sql, expression != NULL ? expression : name);
}

static void
append_select_list(StringInfo sql, const LoadTable *table)
{
	for (int i = 0; i < list_length(table->columns); i++)
	{
		appendStringInfoString(sql, i > 0 ? ", " : "");
		append_value(sql, table, i);
	}
}

/* Begin one more condition of the WHERE clause. */
static void
append_and(StringInfo sql, bool *has_where)
{
	appendStringInfoString(sql, *has_where ? " AND " : " WHERE ");
	*has_where = true;
}

/* Operators are qualified: the source may resolve names by search_path here. */
static void
append_key_range(StringInfo sql, const LoadTable *table, bool *has_where)
{
	const char *key = pgcopy_inventory_quoted(table->key);

	if (table->first_key != NULL)
	{
		append_and(sql, has_where);
		appendStringInfo(sql, "%s OPERATOR(pg_catalog.>=) '%s'::pg_catalog.int8",
						 key, table->first_key);
	}
	if (table->end_key != NULL)
	{
		append_and(sql, has_where);
		appendStringInfo(sql, "%s OPERATOR(pg_catalog.<) '%s'::pg_catalog.int8",
						 key, table->end_key);
	}
}

/* Of tables that are joined, system columns must be qualified. */
static void
append_block_range(StringInfo sql, const LoadTable *table, bool *has_where)
{
	append_and(sql, has_where);
	appendStringInfo(sql, "%s.ctid OPERATOR(pg_catalog.>=) '(%u,0)'::pg_catalog.tid",
					 table->source_name, table->first_block);
	if (!BlockNumberIsValid(table->end_block))
		return;
	append_and(sql, has_where);
	appendStringInfo(sql, "%s.ctid OPERATOR(pg_catalog.<) '(%u,0)'::pg_catalog.tid",
					 table->source_name, table->end_block);
}

/*
 * The user's condition, on lines of its own: it may end with a comment.  That of an
 * extension may be any end of a SELECT, so beside another it is a query of its own.
 */
static void
append_conditions(StringInfo sql, const LoadTable *table, bool *has_where)
{
	if (table->row_condition == NULL)
	{
		if (table->condition != NULL)
			appendStringInfo(sql, " %s", table->condition);
		return;
	}
	append_and(sql, has_where);
	appendStringInfo(sql, "(\n%s\n)", table->row_condition);
	if (table->condition == NULL)
		return;
	append_and(sql, has_where);
	appendStringInfo(sql, "ctid OPERATOR(pg_catalog.=) ANY"
					 " (ARRAY(SELECT ctid FROM ONLY %s %s))",
					 table->source_name, table->condition);
}

static void
append_from(StringInfo sql, const LoadTable *table)
{
	bool		has_where = false;

	appendStringInfo(sql, " FROM ONLY %s%s", table->source_name,
					 table->row_join != NULL ? table->row_join : "");
	if (table->key != NULL)
		append_key_range(sql, table, &has_where);
	else if (table->is_chunk)
		append_block_range(sql, table, &has_where);
	append_conditions(sql, table, &has_where);
}

bool
pgcopy_columns_is_subset(const LoadTable *table)
{
	return table->row_condition != NULL || table->expressions != NIL;
}

void
pgcopy_columns_use_path(SourceSession *session, const LoadTable *table)
{
	if (table->search_path == NULL)
		return;
	pgcopy_session_exec(session,
						psprintf("SELECT pg_catalog.set_config('search_path', %s, true)",
								 quote_literal_cstr(table->search_path)));
}

/*
 * Ask for a whole table by COPY t (columns): this locks only the table, where a
 * SELECT locks every index.  A table without columns has no list.
 */
static char *
copy_statement(const LoadTable *table)
{
	StringInfoData sql;

	initStringInfo(&sql);
	if (table->is_chunk || table->condition != NULL || table->as_text != NULL ||
		pgcopy_columns_is_subset(table))
	{
		appendStringInfo(&sql, "COPY (%s SELECT ",
						 table->row_with != NULL ? table->row_with : "");
		append_select_list(&sql, table);
		append_from(&sql, table);
		appendStringInfoChar(&sql, ')');
	}
	else
	{
		appendStringInfo(&sql, "COPY %s", table->source_name);
		if (table->columns != NIL)
		{
			appendStringInfoString(&sql, " (");
			append_column_list(&sql, table->columns);
			appendStringInfoChar(&sql, ')');
		}
	}
	appendStringInfo(&sql, " TO STDOUT (FORMAT %s)",
					 table->format == FORMAT_TEXT ? "text" : "binary");
	return sql.data;
}

CopyRequest *
pgcopy_columns_request(const LoadTable *table)
{
	CopyRequest *request = palloc0(sizeof(CopyRequest));

	request->path = table->search_path;
	if (table->key != NULL)
		request->settings = pgcopy_keyrange_settings();
	request->copy = copy_statement(table);
	return request;
}

/*
 * Ask for the ctid of the row with that number.  Of a table with conditions, number
 * the rows: with LIMIT the planner could read them in another order, by an index.
 */
char *
pgcopy_columns_ctid_query(const LoadTable *table, int64 row)
{
	bool		is_numbered = table->key != NULL || table->condition != NULL ||
		table->row_condition != NULL;
	StringInfoData sql;

	initStringInfo(&sql);
	if (table->row_with != NULL)
		appendStringInfo(&sql, "%s ", table->row_with);
	if (is_numbered)
		appendStringInfoString(&sql, "SELECT n.ctid FROM (SELECT r.ctid,"
							   " pg_catalog.row_number() OVER () AS number FROM (");
	appendStringInfo(&sql, "SELECT %s.ctid", table->source_name);
	append_from(&sql, table);
	if (is_numbered)
		appendStringInfo(&sql, ") AS r) AS n WHERE n.number"
						 " OPERATOR(pg_catalog.=) " INT64_FORMAT, row);
	else
		appendStringInfo(&sql, " OFFSET " INT64_FORMAT " LIMIT 1", row - 1);
	return sql.data;
}

char *
pgcopy_columns_value_statement(const LoadTable *table, int column, const char *ctid)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "COPY (SELECT ");
	append_value(&sql, table, column);
	appendStringInfo(&sql, " FROM ONLY %s WHERE ctid"
					 " OPERATOR(pg_catalog.=) %s::pg_catalog.tid) TO STDOUT (FORMAT %s)",
					 table->source_name, quote_literal_cstr(ctid),
					 table->format == FORMAT_TEXT ? "text" : "binary");
	return sql.data;
}
