/*-------------------------------------------------------------------------
 *
 * subset_match.c
 *	  Which tables and columns the keys of row_filters and column_values mean.
 *
 * A key is a pattern.  A partitioned table stands for all its leaves, which hold its
 * rows; a parent by inheritance only for itself.  Nothing says how two conditions
 * for one table, or two values for one column, belong together: that is an error.
 *
 * What is not a table is an error only if the key means no table besides.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"

#include "base/similar.h"
#include "select/pattern.h"
#include "select/subset_private.h"
#include "select/visible.h"

#define FILTERS "row_filters"
#define VALUES "column_values"

/* What a key has met. */
typedef struct Match
{
	NamePattern *pattern;
	List	   *leaves;			/* SubsetTable *: those that are cloned */
	const SubsetTable *other;	/* no table, or NULL */
	const SubsetTable *left_out;	/* a table that is not cloned, or NULL */
	bool		has_tables;
	bool		has_roots;		/* partitioned ones among them */
} Match;

/* Are the rows cloned, as far as that is known? */
static bool
is_cloned(const Subset *subset, const SubsetTable *table)
{
	return pgcopy_selection_has_rows(subset->selection, table->oid) &&
		(subset->relations == NIL ||
		 pgcopy_inventory_find(subset->relations, table->oid) != NULL);
}

static void
add_leaf(Subset *subset, Match *match, SubsetTable *table)
{
	if (table->met_by == match)
		return;
	table->met_by = match;
	match->has_tables = true;
	if (is_cloned(subset, table))
		match->leaves = lappend(match->leaves, table);
	else
		match->left_out = table;
}

static void
add_match(Subset *subset, Match *match, SubsetTable *table)
{
	switch (table->relkind)
	{
		case RELKIND_RELATION:
			add_leaf(subset, match, table);
			break;
		case RELKIND_PARTITIONED_TABLE:
			table->met_by = match;
			match->has_tables = true;
			match->has_roots = true;
			break;
		default:
			match->other = table;
	}
}

/* Has the match met what is above a leaf?  A path has no end if the source lies. */
static bool
is_below_match(const Subset *subset, const Match *match, const SubsetTable *table)
{
	for (int i = 0; i < list_length(subset->tables) && OidIsValid(table->parent); i++)
	{
		table = pgcopy_subset_find(subset, table->parent);
		if (table == NULL)
			return false;
		if (table->met_by == match)
			return true;
	}
	return false;
}

static void
add_leaves_of_roots(Subset *subset, Match *match)
{
	ListCell   *lc;

	foreach(lc, subset->tables)
	{
		SubsetTable *table = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (table->relkind == RELKIND_RELATION && is_below_match(subset, match, table))
			add_leaf(subset, match, table);
	}
}

static VisibleRelations *
read_visible(Subset *subset, const Match *match)
{
	return pgcopy_pattern_has_schema(match->pattern) ? NULL :
		pgcopy_visible_read(subset->session);
}

static Match *
match_key(Subset *subset, const char *option, const char *key)
{
	Match	   *match = palloc0(sizeof(Match));
	VisibleRelations *visible;
	ListCell   *lc;

	match->pattern = pgcopy_pattern_parse(option, key, PATTERN_QUALIFIED);
	visible = read_visible(subset, match);
	foreach(lc, subset->tables)
	{
		SubsetTable *table = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (pgcopy_pattern_matches(match->pattern, table->schema, table->name,
								   visible != NULL && pgcopy_visible_has(visible, table->oid)))
			add_match(subset, match, table);
	}
	if (match->has_roots)
		add_leaves_of_roots(subset, match);
	return match;
}

static const char *
describe_kind(char relkind)
{
	switch (relkind)
	{
		case RELKIND_VIEW:
			return "a view";
		case RELKIND_MATVIEW:
			return "a materialized view";
		case RELKIND_FOREIGN_TABLE:
			return "a foreign table";
		default:
			return "a sequence";
	}
}

static char *
suggest_table(const Subset *subset, const char *key)
{
	List	   *names = NIL;
	bool		has_schema = strchr(key, '.') != NULL;
	ListCell   *lc;

	foreach(lc, subset->tables)
	{
		const SubsetTable *table = lfirst(lc);

		if (table->relkind != RELKIND_RELATION &&
			table->relkind != RELKIND_PARTITIONED_TABLE)
			continue;
		names = lappend(names, has_schema ? psprintf("%s.%s", table->schema, table->name) :
						pstrdup(table->name));
	}
	return pgcopy_similar_hint(key, names);
}

/* Add an error if the key means no table that is cloned. */
static void
check_match(Subset *subset, const SubsetExpression *given, const Match *match)
{
	if (match->has_tables)
	{
		if (match->leaves == NIL && match->left_out != NULL)
			pgcopy_subset_add(subset, given, &(Finding) {
				.level = FINDING_ERROR,
				.sqlerrcode = ERRCODE_INVALID_PARAMETER_VALUE,
				.message = psprintf("the rows of table %s are not cloned",
									pgcopy_subset_table_name(match->left_out)),
				.hint = "Leave this key out, or clone them."
			});
		return;
	}
	if (match->other != NULL)
		pgcopy_subset_add(subset, given, &(Finding) {
			.level = FINDING_ERROR,
			.sqlerrcode = ERRCODE_WRONG_OBJECT_TYPE,
			.message = psprintf("%s is %s, not a table",
								pgcopy_subset_table_name(match->other),
								describe_kind(match->other->relkind)),
			.hint = "Give the tables that have the rows."
		});
	else
		pgcopy_subset_add(subset, given, &(Finding) {
			.level = FINDING_ERROR,
			.sqlerrcode = ERRCODE_UNDEFINED_OBJECT,
			.message = "it matches no table",
			.hint = suggest_table(subset, given->key)
		});
}

static SubsetExpression *
make_given(Subset *subset, const char *option, const char *key, const char *column,
		   const char *text)
{
	SubsetExpression *given = palloc0(sizeof(SubsetExpression));

	given->option = option;
	given->key = key;
	given->column = column;
	if (text == NULL)
		return given;
	given->expression = pgcopy_expression_read(text,
											   pgcopy_session_version(subset->session),
											   &subset->moment);
	subset->expressions = lappend(subset->expressions, given);
	if (given->expression->problem != NULL)
		pgcopy_subset_add(subset, given, &(Finding) {
			.level = FINDING_ERROR,
			.sqlerrcode = given->expression->sqlerrcode,
			.message = given->expression->problem
		});
	return given;
}

static void
choose_table(Subset *subset, SubsetTable *table)
{
	if (!table->is_chosen)
		subset->chosen = lappend(subset->chosen, table);
	table->is_chosen = true;
}

static void
match_filter(Subset *subset, const OptionPair *pair)
{
	SubsetExpression *given = make_given(subset, FILTERS, pair->key, NULL, pair->value);
	Match	   *match = match_key(subset, FILTERS, pair->key);
	ListCell   *lc;

	check_match(subset, given, match);
	foreach(lc, match->leaves)
	{
		SubsetTable *table = lfirst(lc);

		if (table->filter != NULL)
		{
			pgcopy_subset_add(subset, given, &(Finding) {
				.level = FINDING_ERROR,
				.sqlerrcode = ERRCODE_INVALID_PARAMETER_VALUE,
				.message = psprintf("table %s has a condition by key %s already", pgcopy_subset_table_name(table), table->filter->key),
				.hint = "Give one condition to a table: join both with AND or OR."
			});
			return;
		}
		table->filter = given;
		choose_table(subset, table);
	}
}

static void
match_values(Subset *subset, const OptionPair *pair)
{
	SubsetExpression *whole = make_given(subset, VALUES, pair->key, NULL, NULL);
	Match	   *match = match_key(subset, VALUES, pair->key);
	ListCell   *inner;
	ListCell   *lc;

	check_match(subset, whole, match);
	if (pair->pairs == NIL)
		pgcopy_subset_add(subset, whole, &(Finding) {
			.level = FINDING_ERROR,
			.sqlerrcode = ERRCODE_INVALID_PARAMETER_VALUE,
			.message = "it names no column"
		});
	foreach(inner, pair->pairs)
	{
		const OptionPair *column = lfirst(inner);
		SubsetExpression *given = make_given(subset, VALUES, pair->key, column->key,
											 column->value != NULL ? column->value : "NULL");

		foreach(lc, match->leaves)
		{
			SubsetTable *table = lfirst(lc);

			table->given = lappend(table->given, given);
			choose_table(subset, table);
		}
	}
}

static SubsetColumn *
find_column(const SubsetTable *table, const char *name)
{
	ListCell   *lc;

	foreach(lc, table->columns)
	{
		SubsetColumn *column = lfirst(lc);

		if (strcmp(column->name, name) == 0)
			return column;
	}
	return NULL;
}

/* Give a value to a column; false if there is an error to stop at. */
static bool
set_value(Subset *subset, SubsetTable *table, SubsetColumn *column,
		  const SubsetExpression *given)
{
	char	   *name = pgcopy_subset_table_name(table);

	if (column->generated != NULL)
	{
		pgcopy_subset_add(subset, given, &(Finding) {
			.level = FINDING_ERROR,
			.sqlerrcode = ERRCODE_INVALID_PARAMETER_VALUE,
			.message = psprintf("column %s of table %s is %s", given->column, name, column->generated),
			.detail = "It is computed here from the other columns."
		});
		return false;
	}
	if (column->value != NULL)
	{
		pgcopy_subset_add(subset, given, &(Finding) {
			.level = FINDING_ERROR,
			.sqlerrcode = ERRCODE_INVALID_PARAMETER_VALUE,
			.message = psprintf("column %s of table %s has a value by key %s already", given->column, name, column->value->key),
			.hint = "Give one value to a column."
		});
		return false;
	}
	if (given->expression->is_null && column->is_not_null)
	{
		pgcopy_subset_add(subset, given, &(Finding) {
			.level = FINDING_ERROR,
			.sqlerrcode = ERRCODE_NOT_NULL_VIOLATION,
			.message = psprintf("column %s of table %s is NOT NULL", given->column, name),
			.hint = "Give an expression that is not null."
		});
		return false;
	}
	column->value = given;
	table->has_values = true;
	return true;
}

/* Of the tables of a pattern, some may lack the column, but not all. */
static void
place_value(Subset *subset, const SubsetExpression *given)
{
	bool		has_tables = false;
	bool		is_found = false;
	List	   *names = NIL;
	ListCell   *lc;
	ListCell   *inner;

	foreach(lc, subset->chosen)
	{
		SubsetTable *table = lfirst(lc);
		SubsetColumn *column;

		if (!list_member_ptr(table->given, given))
			continue;
		has_tables = true;
		column = find_column(table, given->column);
		if (column == NULL)
			column = pgcopy_subset_here_find(subset, table, given->column);
		if (column != NULL && !set_value(subset, table, column, given))
			return;
		is_found |= column != NULL;
		foreach(inner, table->columns)
			names = lappend(names, unconstify(char *, ((SubsetColumn *) lfirst(inner))->name));
	}
	if (has_tables && !is_found)
		pgcopy_subset_add(subset, given, &(Finding) {
			.level = FINDING_ERROR,
			.sqlerrcode = ERRCODE_UNDEFINED_COLUMN,
			.message = "no table of this key has the column",
			.hint = pgcopy_similar_hint(given->column, names)
		});
}

void
pgcopy_subset_match(Subset *subset)
{
	ListCell   *lc;

	foreach(lc, subset->options->row_filters)
		match_filter(subset, lfirst(lc));
	foreach(lc, subset->options->column_values)
		match_values(subset, lfirst(lc));
	if (subset->chosen == NIL)
		return;
	pgcopy_subset_read_columns(subset);
	pgcopy_subset_agree_columns(subset);
	foreach(lc, subset->expressions)
	{
		const SubsetExpression *given = lfirst(lc);

		if (given->column != NULL)
			place_value(subset, given);
	}
}
