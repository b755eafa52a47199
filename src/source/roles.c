/*-------------------------------------------------------------------------
 *
 * roles.c
 *	  The roles of the source's server.
 *
 * The answer becomes statements, so every attribute is checked to be what it can
 * be.  A password that is no verifier would be taken for one in clear text, and is
 * left out.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "libpq/crypt.h"
#include "miscadmin.h"

#include "base/role_facts.h"
#include "source/preflight.h"

static const char may_read_passwords_sql[] =
"SELECT pg_catalog.has_column_privilege('pg_catalog.pg_authid', 'rolpassword', 'SELECT')"
" AND pg_catalog.has_column_privilege('pg_catalog.pg_authid', 'rolname', 'SELECT')";

static const char passwords_sql[] =
"SELECT r.rolname::pg_catalog.text, r.rolpassword FROM pg_catalog.pg_authid AS r"
" WHERE r.rolpassword IS NOT NULL AND r.rolname !~ '^pg_'";

static bool
is_number(const char *value)
{
	const char *digits = value + (value[0] == '-');

	return digits[0] != '\0' && strlen(digits) <= 10 &&
		strspn(digits, "0123456789") == strlen(digits);
}

/* The name becomes a word of a statement. */
static bool
is_attribute(const char *name)
{
	static const char *const names[] = {
		"SUPERUSER", "INHERIT", "CREATEROLE", "CREATEDB", "LOGIN", "REPLICATION", "BYPASSRLS"
	};

	for (int i = 0; i < lengthof(names); i++)
	{
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

static bool
is_of_its_kind(const RoleFact *fact)
{
	if (fact->role[0] == '\0')
		return false;
	if (strcmp(fact->kind, ROLE_MEMBERSHIP) == 0)
		return strlen(fact->options) == 3 && strspn(fact->options, "tf-") == 3;
	if (strcmp(fact->kind, ROLE_ATTRIBUTE) != 0 || strcmp(fact->name, ROLE_VALID_UNTIL) == 0)
		return true;
	if (strcmp(fact->name, ROLE_CONNECTION_LIMIT) == 0)
		return is_number(fact->value);
	return is_attribute(fact->name) &&
		(strcmp(fact->value, "true") == 0 || strcmp(fact->value, "false") == 0);
}

static RoleFact *
make_fact(const char *kind, const char *role, const char *name, const char *value,
		  const char *options)
{
	RoleFact   *fact = palloc0(sizeof(RoleFact));

	fact->kind = pstrdup(kind);
	fact->role = pstrdup(role);
	fact->name = pstrdup(name);
	fact->value = pstrdup(value);
	fact->options = pstrdup(options);
	return fact;
}

static List *
read_passwords(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_query(session, passwords_sql, 2, 0, NULL);
	List	   *facts = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		const char *verifier = pgcopy_rows_get(rows, i, 1);

		CHECK_FOR_INTERRUPTS();
		if (get_password_type(verifier) != PASSWORD_TYPE_PLAINTEXT)
			facts = lappend(facts, make_fact(ROLE_PASSWORD, pgcopy_rows_get(rows, i, 0), "",
											 verifier, ""));
	}
	pgcopy_rows_free(rows);
	return facts;
}

static bool
may_read_passwords(SourceSession *session)
{
	SourceRows *rows = pgcopy_session_query_row(session, may_read_passwords_sql, 1, 0, NULL);
	bool		result = pgcopy_rows_get_bool(rows, 0, 0);

	pgcopy_rows_free(rows);
	return result;
}

List *
pgcopy_roles_read(SourceSession *session, bool *has_passwords)
{
	SourceRows *rows = pgcopy_session_query(session, ROLE_FACTS_SQL, 5, 0, NULL);
	List	   *facts = NIL;

	for (int i = 0; i < pgcopy_rows_count(rows); i++)
	{
		RoleFact   *fact = make_fact(pgcopy_rows_get(rows, i, 0), pgcopy_rows_get(rows, i, 1),
									 pgcopy_rows_get(rows, i, 2), pgcopy_rows_get(rows, i, 3),
									 pgcopy_rows_get(rows, i, 4));

		CHECK_FOR_INTERRUPTS();
		if (!is_of_its_kind(fact))
			pgcopy_rows_throw(rows, "It sent a role with an attribute that cannot be.");
		facts = lappend(facts, fact);
	}
	pgcopy_rows_free(rows);
	*has_passwords = may_read_passwords(session);
	if (*has_passwords)
		facts = list_concat(facts, read_passwords(session));
	return facts;
}
