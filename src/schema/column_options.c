/*-------------------------------------------------------------------------
 *
 * column_options.c
 *	  Options of columns that this server does not know.
 *
 * Some minor releases number the versions of each column by an option of their own,
 * pg_attver, that ALTER TABLE shows nobody.  The pg_dump of another release writes
 * it out, and another server refuses the statement.  So of
 *
 *		ALTER TABLE ONLY public.t ALTER COLUMN a SET (n_distinct=5, pg_attver=7)
 *
 * only what this server knows is run.  An option named pg_ is the source's own
 * business, even if this server has it as well; any other that is left out is told.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "schema/column_options.h"

/* How many options are told by name. */
#define SHOWN_OPTIONS	50

#define LISTED(name) name,

static const char *const known_options[] = {
	COMPAT_COLUMN_OPTIONS(LISTED)
};

static bool
is_known(const DefElem *option)
{
	if (option->defnamespace != NULL)
		return false;
	for (int i = 0; i < lengthof(known_options); i++)
		if (strcmp(option->defname, known_options[i]) == 0)
			return true;
	return false;
}

static bool
is_internal(const DefElem *option)
{
	return strncmp(option->defname, "pg_", 3) == 0;
}

/* The command of an ALTER TABLE that does nothing but set options of a column; or NULL. */
static const AlterTableCmd *
find_command(const Node *node)
{
	const AlterTableStmt *alter = (const AlterTableStmt *) node;
	const AlterTableCmd *command;

	if (!IsA(node, AlterTableStmt) || list_length(alter->cmds) != 1)
		return NULL;
	command = linitial_node(AlterTableCmd, alter->cmds);
	return command->subtype == AT_SetOptions ? command : NULL;
}

/* Put "options" in the place of all in the text, whose last part is their list. */
static void
write_options(DumpStatement *statement, const List *options, int location)
{
	StringInfoData text;
	ListCell   *lc;

	initStringInfo(&text);
	appendBinaryStringInfo(&text, statement->text, location);
	foreach(lc, options)
	{
		DefElem    *option = lfirst(lc);

		appendStringInfo(&text, "%s%s", lc == list_head(options) ? "" : ", ",
						 quote_identifier(option->defname));
		if (option->arg != NULL)
			appendStringInfo(&text, " = %s", quote_literal_cstr(defGetString(option)));
	}
	appendStringInfoChar(&text, ')');
	statement->text = text.data;
	statement->length = text.len;
}

static void
note_left_out(ColumnOptions *left_out, const DumpStatement *statement,
			  const AlterTableCmd *command, const DefElem *option)
{
	if (left_out->count++ >= SHOWN_OPTIONS)
		return;
	left_out->shown = lappend(left_out->shown,
							  psprintf("%s of %s.%s", quote_identifier(option->defname),
									   quote_qualified_identifier(statement->table_schema,
																  statement->table_name),
									   quote_identifier(command->name)));
}

bool
pgcopy_column_options_keep(ColumnOptions *left_out, const Node *node, size_t length,
						   DumpStatement *statement)
{
	const AlterTableCmd *command = find_command(node);
	List	   *all = command != NULL ? castNode(List, command->def) : NIL;
	List	   *known = NIL;
	ListCell   *lc;

	if (all == NIL || length != statement->length)
		return true;
	foreach(lc, all)
	{
		DefElem    *option = lfirst(lc);

		if (is_known(option))
			known = lappend(known, option);
		else if (!is_internal(option))
			note_left_out(left_out, statement, command, option);
	}
	if (known != NIL && list_length(known) < list_length(all))
		write_options(statement, known, linitial_node(DefElem, all)->location);
	return known != NIL;
}

void
pgcopy_column_options_tell(const ColumnOptions *left_out, SourceDump *dump)
{
	DumpWarning *warning;
	StringInfoData message;
	ListCell   *lc;

	if (left_out->count == 0)
		return;
	initStringInfo(&message);
	appendStringInfo(&message, left_out->count == 1 ?
					 "%d option of a column is not known to this server and left out: " :
					 "%d options of columns are not known to this server and left out: ",
					 left_out->count);
	foreach(lc, left_out->shown)
		appendStringInfo(&message, "%s%s", lc == list_head(left_out->shown) ? "" : ", ",
						 (char *) lfirst(lc));
	if (left_out->count > list_length(left_out->shown))
		appendStringInfoString(&message, ", ...");
	warning = palloc0(sizeof(DumpWarning));
	warning->message = message.data;
	warning->hint = "If the option changes what the column means, set what takes its place here.";
	dump->warnings = lappend(dump->warnings, warning);
}
