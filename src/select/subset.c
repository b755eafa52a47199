/*-------------------------------------------------------------------------
 *
 * subset.c
 *	  Which rows are copied, and what instead of some columns.
 *
 * Keys are matched with the source's tables (subset_match.c), texts are read here
 * (expression.c) and checked there (subset_check.c).  What is left is SQL for COPY,
 * kept with each relation; nothing reads the options again, a resumed job neither.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"

#include "base/path.h"
#include "select/subset_private.h"

const char *
pgcopy_subset_describe(const SubsetExpression *given)
{
	if (given->column == NULL)
		return psprintf("%s of %s", given->option, given->key);
	return psprintf("%s of %s, column %s", given->option, given->key, given->column);
}

/* Is an error about the text of an expression? */
static bool
is_of_text(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_SYNTAX_ERROR || sqlerrcode == ERRCODE_FEATURE_NOT_SUPPORTED;
}

void
pgcopy_subset_add(Subset *subset, const SubsetExpression *given, const Finding *finding)
{
	Finding		named = *finding;

	if (finding->level == FINDING_ERROR)
	{
		named.message = psprintf("%s: %s", pgcopy_subset_describe(given), finding->message);
		if (named.hint == NULL && is_of_text(finding->sqlerrcode))
			named.hint = "Give one SQL expression of the row's own columns.";
	}
	else
		named.object = pgcopy_subset_describe(given);
	subset->findings = list_concat(subset->findings, pgcopy_finding_list(&named));
}

char *
pgcopy_subset_table_name(const SubsetTable *table)
{
	return psprintf("%s.%s", table->schema, table->name);
}

SubsetTable *
pgcopy_subset_find(const Subset *subset, Oid oid)
{
	int			first = 0;
	int			end = list_length(subset->tables);

	while (first < end)
	{
		int			middle = first + (end - first) / 2;
		SubsetTable *table = list_nth(subset->tables, middle);

		if (table->oid == oid)
			return table;
		if (table->oid < oid)
			first = middle + 1;
		else
			end = middle;
	}
	return NULL;
}

static const char *
choose_path(SourceSession *session, const JobOptions *options)
{
	const char *path = options->search_path[0] != '\0' ? options->search_path :
		pgcopy_session_search_path(session);

	return path[0] != '\0' ? pgcopy_path_make_safe(path) : NULL;
}

static bool
is_same_function(const CalledFunction *called, const CalledFunction *known)
{
	return strcmp(called->name, known->name) == 0 &&
		(called->schema == NULL || strcmp(called->schema, known->schema) == 0);
}

/* Find a function that is both called and volatile; NULL if there is none. */
static const CalledFunction *
find_called(const SubsetExpression *given, List *functions)
{
	ListCell   *lc;
	ListCell   *inner;

	foreach(lc, given->expression->functions)
	{
		foreach(inner, functions)
		{
			if (is_same_function(lfirst(lc), lfirst(inner)))
				return lfirst(inner);
		}
	}
	return NULL;
}

/*
 * Where foreign keys are followed, a condition is evaluated for its own table and for
 * each that refers to it, and has to say the same.
 */
static void
refuse_volatile(Subset *subset)
{
	List	   *functions = pgcopy_subset_read_volatile(subset);
	ListCell   *lc;

	foreach(lc, subset->expressions)
	{
		const SubsetExpression *given = lfirst(lc);
		const CalledFunction *called = given->column == NULL ?
			find_called(given, functions) : NULL;

		if (called != NULL)
			pgcopy_subset_add(subset, given, &(Finding) {
				.level = FINDING_ERROR,
				.sqlerrcode = ERRCODE_FEATURE_NOT_SUPPORTED,
				.message = psprintf("function %s.%s is volatile", called->schema, called->name),
				.detail = "With referential => 'follow' a condition is evaluated more than once.",
				.hint = "Use a function of the row's own values, such as hashtext(id::text)."
			});
	}
}

/*
 * Where changes are followed, a condition is evaluated for each of them as well, and has
 * to say the same then.
 */
static void
refuse_times(Subset *subset)
{
	ListCell   *lc;

	foreach(lc, subset->expressions)
	{
		const SubsetExpression *given = lfirst(lc);

		if (given->expression->has_moment || given->expression->has_moving_literal)
			pgcopy_subset_add(subset, given, &(Finding) {
				.level = FINDING_ERROR,
				.sqlerrcode = ERRCODE_FEATURE_NOT_SUPPORTED,
				.message = "the time in it goes on while changes are followed",
				.hint = "Write the time as a constant, or clone without follow."
			});
	}
}

static bool
is_wanted(const JobOptions *options)
{
	return options->row_filters != NIL || options->column_values != NIL;
}

static Subset *
make_subset(SourceSession *session, const JobOptions *options,
			const Selection *selection, List *relations)
{
	Subset	   *subset = palloc0(sizeof(Subset));

	subset->session = session;
	subset->options = options;
	subset->selection = selection;
	subset->relations = relations;
	subset->in_transaction = relations != NIL;
	subset->path = choose_path(session, options);
	pgcopy_subset_read_moment(subset);
	pgcopy_subset_read_tables(subset);
	pgcopy_subset_agree_tables(subset);
	pgcopy_subset_match(subset);
	if (subset->findings == NIL)
		pgcopy_subset_check_tables(subset);
	if (subset->findings == NIL && options->referential == REFERENTIAL_FOLLOW)
		refuse_volatile(subset);
	if (subset->findings == NIL && options->follow)
		refuse_times(subset);
	return subset;
}

void
pgcopy_subset_check(SourceSession *session, const JobOptions *options,
					const Selection *selection)
{
	if (is_wanted(options))
		pgcopy_finding_throw(make_subset(session, options, selection, NIL)->findings);
}

/* What is copied in place of a column, as the final SQL. */
static char *
make_value(const SubsetColumn *column)
{
	return psprintf("(\n%s\n)::%s", column->value->expression->text, column->cast);
}

/* The values parallel to what COPY sends. */
static List *
make_values(const SubsetTable *table, const SourceRelation *relation)
{
	List	   *values = NIL;
	ListCell   *lc;
	ListCell   *inner;

	foreach(lc, relation->columns)
	{
		char	   *value = NULL;

		foreach(inner, table->columns)
		{
			const SubsetColumn *column = lfirst(inner);

			if (column->value != NULL && strcmp(column->name, lfirst(lc)) == 0)
				value = make_value(column);
		}
		values = lappend(values, value);
	}
	return values;
}

/* Columns that only this database has follow those of the source. */
static void
add_columns(const SubsetTable *table, SourceRelation *relation)
{
	ListCell   *lc;

	foreach(lc, table->columns)
	{
		const SubsetColumn *column = lfirst(lc);

		if (!column->is_only_here)
			continue;
		relation->columns = lappend(relation->columns, pstrdup(column->name));
		relation->types = lappend(relation->types, pstrdup("pg_catalog.text"));
	}
}

static void
set_relation(const SubsetTable *table, SourceRelation *relation)
{
	add_columns(table, relation);
	if (table->filter != NULL)
		relation->row_condition = table->filter->expression->text;
	if (table->has_values)
		relation->column_expressions = make_values(table, relation);
	relation->expression_path = unconstify(char *, table->path);
}

static void
add_notice(Subset *subset, const SubsetExpression *given, char *message, const char *hint)
{
	pgcopy_subset_add(subset, given, &(Finding) {
		.level = FINDING_NOTICE,
		.message = message,
		.hint = hint
	});
}

static void
tell_time(Subset *subset, const SubsetExpression *given)
{
	if (given->expression->has_moment)
		add_notice(subset, given,
				   psprintf("the time in it is that of the source's snapshot for all rows, %s",
							subset->moment.timestamptz), NULL);
	if (given->expression->has_moving_literal)
		add_notice(subset, given,
				   "a string such as 'now' or 'today' in it may be another time for each part of a table",
				   "Use now() or CURRENT_DATE: these are one time for all rows.");
}

static void
tell_volatile(Subset *subset, const SubsetExpression *given, List *functions)
{
	ListCell   *lc;
	ListCell   *inner;

	foreach(lc, given->expression->functions)
	{
		foreach(inner, functions)
		{
			const CalledFunction *known = lfirst(inner);

			if (!is_same_function(lfirst(lc), known))
				continue;
			add_notice(subset, given,
					   psprintf("function %s.%s is volatile: what is read again, after an error or a cancel, may come out otherwise",
								known->schema, known->name),
					   "Use a function of the row's own values, such as md5(id::text).");
			break;
		}
	}
}

static void
tell(Subset *subset)
{
	List	   *functions = pgcopy_subset_read_volatile(subset);
	ListCell   *lc;

	foreach(lc, subset->expressions)
	{
		tell_time(subset, lfirst(lc));
		tell_volatile(subset, lfirst(lc), functions);
	}
}

/* Rows whose partition key is another now go through their root. */
static void
mark_moving(Subset *subset)
{
	ListCell   *lc;

	foreach(lc, pgcopy_subset_read_moving(subset))
	{
		SourceRelation *relation = pgcopy_inventory_find(subset->relations, lfirst_oid(lc));

		if (relation != NULL && relation->relkind == RELKIND_PARTITIONED_TABLE)
			relation->through_root = true;
	}
}

List *
pgcopy_subset_apply(SourceSession *session, const JobOptions *options,
					const Selection *selection, List *relations)
{
	Subset	   *subset;
	ListCell   *lc;

	if (!is_wanted(options) || relations == NIL)
		return NIL;
	subset = make_subset(session, options, selection, relations);
	if (subset->findings != NIL)
		return subset->findings;
	foreach(lc, subset->chosen)
	{
		const SubsetTable *table = lfirst(lc);

		set_relation(table, pgcopy_inventory_find(relations, table->oid));
	}
	mark_moving(subset);
	tell(subset);
	return subset->findings;
}
