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

#include "source/preflight.h"

/* How many names a notice lists. */
#define MOST_NAMES "10"

typedef struct HiddenKind
{
	const char *sql;			/* one row: their number, some of their names */
	const char *message_one;
	const char *message_many;
	const char *hint;
} HiddenKind;

#define IS_SUPERUSER \
	"(SELECT r.rolsuper FROM pg_catalog.pg_roles AS r" \
	"  WHERE r.rolname = current_user)"

#define COUNT_NAMES \
	"SELECT pg_catalog.count(*)," \
	" COALESCE(pg_catalog.string_agg(h.name, ', ' ORDER BY h.name)" \
	"  FILTER (WHERE h.no <= " MOST_NAMES "), '')" \
	" FROM (SELECT o.name, pg_catalog.row_number() OVER (ORDER BY o.name) AS no" \
	"  FROM ("

#define END_OF_NAMES ") AS o) AS h"

static const HiddenKind kinds[] = {
	{
		COUNT_NAMES
		"SELECT pg_catalog.format('user mapping for %s server %s',"
		" CASE WHEN m.umuser = 0 THEN 'public' ELSE pg_catalog.quote_ident(m.usename) END,"
		" pg_catalog.quote_ident(m.srvname)) AS name"
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
		END_OF_NAMES,
		"the source hides the options of %d user mapping from the job's role: it may arrive without user and password",
		"the source hides the options of %d user mappings from the job's role: they may arrive without user and password",
		"Connect to the source as a superuser, or add what is missing here with ALTER USER MAPPING."
	},
	{
		COUNT_NAMES
		"SELECT pg_catalog.format('subscription %I', u.subname) AS name"
		" FROM pg_catalog.pg_subscription AS u"
		" WHERE NOT " IS_SUPERUSER
		" AND u.subdbid = (SELECT b.oid FROM pg_catalog.pg_database AS b"
		"  WHERE b.datname = pg_catalog.current_database())"
		END_OF_NAMES,
		"%d subscription is not cloned: only superusers of the source may read it",
		"%d subscriptions are not cloned: only superusers of the source may read them",
		"Connect to the source as a superuser, or create them here with CREATE SUBSCRIPTION."
	}
};

List *
pgcopy_hidden_find(SourceSession *session)
{
	List	   *found = NIL;

	for (int i = 0; i < lengthof(kinds); i++)
	{
		SourceRows *rows = pgcopy_session_query_row(session, kinds[i].sql, 2, 0, NULL);
		int			count = (int) Min(pgcopy_rows_get_size(rows, 0, 0), PG_INT32_MAX);

		if (count > 0)
		{
			Finding		finding = {
				.level = FINDING_NOTICE,
				.object = pstrdup(pgcopy_rows_get(rows, 0, 1)),
				.message = psprintf(count == 1 ? kinds[i].message_one :
									kinds[i].message_many, count),
				.hint = kinds[i].hint
			};

			found = list_concat(found, pgcopy_finding_list(&finding));
		}
		pgcopy_rows_free(rows);
	}
	return found;
}
