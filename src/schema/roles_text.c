/*-------------------------------------------------------------------------
 *
 * roles_text.c
 *	  What is known of a role, as statements.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "schema/roles.h"

char *
pgcopy_roles_attribute(const RoleFact *fact, const char *value)
{
	if (strcmp(fact->name, ROLE_CONNECTION_LIMIT) == 0)
		return psprintf("CONNECTION LIMIT %s", value);
	if (strcmp(fact->name, ROLE_VALID_UNTIL) == 0)
		return psprintf("VALID UNTIL %s", quote_literal_cstr(value));
	return psprintf("%s%s", strcmp(value, "true") == 0 ? "" : "NO", fact->name);
}

static const char *
true_or_false(char option)
{
	return option == 't' ? "TRUE" : "FALSE";
}

static char *
membership_statement(const RoleFact *fact, const char *grantor)
{
	const char *options = fact->options;
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "GRANT %s TO %s", quote_identifier(fact->name),
					 quote_identifier(fact->role));
	if (COMPAT_MEMBERSHIP_HAS_OPTIONS)
	{
		appendStringInfo(&text, " WITH ADMIN %s", true_or_false(options[0]));
		if (options[1] != '-')
			appendStringInfo(&text, ", INHERIT %s", true_or_false(options[1]));
		if (options[2] != '-')
			appendStringInfo(&text, ", SET %s", true_or_false(options[2]));
	}
	else if (options[0] == 't')
		appendStringInfoString(&text, " WITH ADMIN OPTION");
	if (grantor != NULL)
		appendStringInfo(&text, " GRANTED BY %s", quote_identifier(grantor));
	return text.data;
}

char *
pgcopy_roles_statement(const RoleFact *fact, const char *grantor)
{
	const char *role = quote_identifier(fact->role);

	if (strcmp(fact->kind, ROLE_ATTRIBUTE) == 0)
		return psprintf("ALTER ROLE %s %s", role, pgcopy_roles_attribute(fact, fact->value));
	if (strcmp(fact->kind, ROLE_PASSWORD) == 0)
		return psprintf("ALTER ROLE %s PASSWORD %s", role, quote_literal_cstr(fact->value));
	if (strcmp(fact->kind, ROLE_SETTING) == 0)
		return psprintf("ALTER ROLE %s SET %s TO %s", role, quote_identifier(fact->name),
						pgcopy_shared_quote_setting(fact->name, fact->value));
	if (strcmp(fact->kind, ROLE_COMMENT) == 0)
		return psprintf("COMMENT ON ROLE %s IS %s", role, quote_literal_cstr(fact->value));
	if (strcmp(fact->kind, ROLE_LABEL) == 0)
		return psprintf("SECURITY LABEL FOR %s ON ROLE %s IS %s", quote_identifier(fact->name),
						role, quote_literal_cstr(fact->value));
	return membership_statement(fact, grantor);
}
