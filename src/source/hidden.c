/*-------------------------------------------------------------------------
 *
 * hidden.c
 *	  Find definitions that the source hides from the job's role.
 *
 * A dump by a role that is not a superuser lacks two things: subscriptions,
 * and options of user mappings.  pg_user_mappings has NULL for options that are
 * hidden and for mappings without options, so the query repeats the rule by
 * which the view hides them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "base/options.h"
#include "source/ahead.h"
#include "source/names.h"
#include "source/preflight.h"

/* How many names a notice lists. */
#define SHOWN_NAMES 10

typedef struct HiddenKind
{
	int			kind;			/* EXCLUDE_*: not worth a word if that is left out */
	const char *sql;			/* class, number and name, in the order of names */
	const char *sql_before_14;	/* NULL: the same */
	const char *message_one;
	const char *message_many;
	const char *hint;
} HiddenKind;

#define IS_SUPERUSER \
	"(SELECT r.rolsuper FROM pg_catalog.pg_roles AS r" \
	"  WHERE r.rolname = current_user)"

/* An ordinary role may not read the number of a subscription before 14. */
#define SUBSCRIPTIONS(number) \
	"SELECT 'pg_catalog.pg_subscription'::pg_catalog.regclass::pg_catalog.oid, " number "," \
	" pg_catalog.format('subscription %I', u.subname)" \
	" FROM pg_catalog.pg_subscription AS u" \
	" WHERE NOT " IS_SUPERUSER \
	" AND u.subdbid = (SELECT b.oid FROM pg_catalog.pg_database AS b" \
	"  WHERE b.datname = pg_catalog.current_database())" \
	" ORDER BY 3"

static const HiddenKind kinds[] = {
	{
		EXCLUDE_USER_MAPPINGS,
		"SELECT 'pg_catalog.pg_foreign_server'::pg_catalog.regclass::pg_catalog.oid, s.oid,"
		" pg_catalog.format('user mapping for %s server %s',"
		" CASE WHEN m.umuser = 0 THEN 'public' ELSE pg_catalog.quote_ident(m.usename) END,"
		" pg_catalog.quote_ident(m.srvname))"
		" FROM pg_catalog.pg_user_mappings AS m"
		" JOIN pg_catalog.pg_foreign_server AS s ON s.oid = m.srvid"
		" WHERE m.umoptions IS NULL AND NOT " IS_SUPERUSER
		" AND NOT CASE WHEN m.umuser = 0"
		"  THEN pg_catalog.pg_has_role(s.srvowner, 'USAGE')"
		"  ELSE m.usename = current_user"
		"   AND (pg_catalog.pg_has_role(s.srvowner, 'USAGE')"
		"    OR pg_catalog.has_server_privilege(s.oid, 'USAGE')) END"
		" AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d"
		"  WHERE d.classid = 'pg_catalog.pg_foreign_server'::pg_catalog.regclass"
		"   AND d.objid = s.oid AND d.deptype = 'e')"
		" ORDER BY 3",
		NULL,
		"the source hides the options of %d user mapping from the job's role: it may arrive without user and password",
		"the source hides the options of %d user mappings from the job's role: they may arrive without user and password",
		"Connect to the source as a superuser, or add what is missing here with ALTER USER MAPPING."
	},
	{
		EXCLUDE_SUBSCRIPTIONS,
		SUBSCRIPTIONS("u.oid"),
		SUBSCRIPTIONS("NULL"),
		"%d subscription is not cloned: only superusers of the source may read it",
		"%d subscriptions are not cloned: only superusers of the source may read them",
		"Connect to the source as a superuser, or create them here with CREATE SUBSCRIPTION."
	}
};

/* Make a notice of those that are cloned; NIL if there are none. */
static List *
find_kind(const HiddenKind *kind, const SourceRows *rows, const ObjectFilter *filter)
{
	List	   *names = NIL;
	Finding		finding = {.level = FINDING_NOTICE,.hint = kind->hint};
	int			count;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		if (pgcopy_rows_is_null(rows, i, 1) ||
			pgcopy_filter_has(filter, pgcopy_rows_get_oid(rows, i, 0),
							  pgcopy_rows_get_oid(rows, i, 1)))
			names = lappend(names, pstrdup(pgcopy_rows_get(rows, i, 2)));
	}
	count = list_length(names);
	if (count == 0)
		return NIL;
	finding.object = pgcopy_names_list(names, SHOWN_NAMES);
	finding.message = psprintf(count == 1 ? kind->message_one : kind->message_many, count);
	return pgcopy_finding_list(&finding);
}

/* What to ask for one kind; NULL: nothing. */
static const char *
make_sql(const HiddenKind *kind, int version, int exclude)
{
	if ((kind->kind & exclude) != 0)
		return NULL;
	return version < 140000 && kind->sql_before_14 != NULL ? kind->sql_before_14 : kind->sql;
}

void
pgcopy_hidden_foresee(SourceSession *session, int exclude)
{
	for (int i = 0; i < lengthof(kinds); i++)
	{
		const char *sql = make_sql(&kinds[i], pgcopy_session_version(session), exclude);

		if (sql != NULL)
			pgcopy_ahead_foresee(session, sql, 3, 0, NULL);
	}
}

List *
pgcopy_hidden_find(SourceSession *session, const ObjectFilter *filter, int exclude)
{
	List	   *found = NIL;

	for (int i = 0; i < lengthof(kinds); i++)
	{
		const char *sql = make_sql(&kinds[i], pgcopy_session_version(session), exclude);
		SourceRows *rows;

		if (sql == NULL)
			continue;
		rows = pgcopy_session_query(session, sql, 3, 0, NULL);
		found = list_concat(found, find_kind(&kinds[i], rows, filter));
		pgcopy_rows_free(rows);
	}
	return found;
}
