/*-------------------------------------------------------------------------
 *
 * roles_compare.c
 *	  How a role that is here already differs from that of the source.
 *
 * Nothing is changed: the differences are told, with the statements that would end
 * them.  Passwords are not compared.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "base/finding.h"
#include "schema/roles.h"

/* Bytes of all statements in a hint. */
#define STATEMENTS_SHOWN 8000

typedef struct RoleDifference
{
	const RolesRequest *request;
	const RoleSet *set;			/* of the source */
	StringInfoData words;
	StringInfoData statements;
} RoleDifference;

static void
add_words(RoleDifference *difference, const char *words)
{
	appendStringInfo(&difference->words, "%s%s", difference->words.len > 0 ? ", " : "", words);
}

static void
add_statement(RoleDifference *difference, const char *statement)
{
	if (difference->statements.len + strlen(statement) < STATEMENTS_SHOWN)
		appendStringInfo(&difference->statements, "%s%s;",
						 difference->statements.len > 0 ? " " : "", statement);
}

static bool
is_compared(const RoleDifference *difference, const RoleFact *fact)
{
	if (strcmp(fact->kind, ROLE_COMMENT) == 0)
		return !difference->request->no_comments;
	if (strcmp(fact->kind, ROLE_LABEL) == 0)
		return !difference->request->no_labels;
	if (strcmp(fact->kind, ROLE_MEMBERSHIP) == 0)
	{
		const Role *group = pgcopy_roles_find(difference->set, fact->name);

		return group == NULL || !group->is_created;
	}
	return strcmp(fact->kind, ROLE_PASSWORD) != 0;
}

static bool
is_same(const RoleFact *a, const RoleFact *b)
{
	if (strcmp(a->kind, ROLE_MEMBERSHIP) != 0)
		return strcmp(a->value, b->value) == 0;
	for (int i = 0; i < 3; i++)
	{
		if (a->options[i] != b->options[i] && a->options[i] != '-' && b->options[i] != '-')
			return false;
	}
	return true;
}

/* Name a fact, without its value. */
static char *
name_fact(const RoleFact *fact)
{
	if (strcmp(fact->kind, ROLE_SETTING) == 0)
		return psprintf("setting %s", fact->name);
	if (strcmp(fact->kind, ROLE_MEMBERSHIP) == 0)
		return psprintf("member of %s%s", quote_identifier(fact->name),
						fact->options[0] == 't' ? " with admin option" : "");
	if (strcmp(fact->kind, ROLE_LABEL) == 0)
		return psprintf("security label of provider %s", fact->name);
	if (strcmp(fact->kind, ROLE_ATTRIBUTE) == 0)
		return pgcopy_roles_attribute(fact, fact->value);
	return pstrdup(fact->kind);
}

static void
note_there(RoleDifference *difference, const RoleFact *there, const RoleFact *here)
{
	char	   *name = name_fact(there);

	if (here == NULL)
		add_words(difference, psprintf("%s only there", name));
	else if (strcmp(name, name_fact(here)) == 0)
		add_words(difference, psprintf("another %s", name));
	else
		add_words(difference, psprintf("%s there and %s here", name, name_fact(here)));
	add_statement(difference, pgcopy_roles_statement(there, NULL));
}

List *
pgcopy_roles_compare(const RoleSet *set, const Role *there, const Role *here,
					 const RolesRequest *request)
{
	RoleDifference difference = {.request = request,.set = set};
	Finding		finding = {.level = FINDING_NOTICE};
	ListCell   *lc;

	initStringInfo(&difference.words);
	initStringInfo(&difference.statements);
	foreach(lc, there->facts)
	{
		const RoleFact *fact = lfirst(lc);
		const RoleFact *same = pgcopy_roles_fact(here, fact->kind, fact->name);

		if (is_compared(&difference, fact) && (same == NULL || !is_same(fact, same)))
			note_there(&difference, fact, same);
	}
	foreach(lc, here->facts)
	{
		const RoleFact *fact = lfirst(lc);

		if (is_compared(&difference, fact) &&
			pgcopy_roles_fact(there, fact->kind, fact->name) == NULL)
			add_words(&difference, psprintf("%s only here", name_fact(fact)));
	}
	if (difference.words.len == 0)
		return NIL;
	finding.object = quote_identifier(there->name);
	finding.message = psprintf("role %s is here already and stays as it is, but differs from that of the source: %s",
							   quote_identifier(there->name), difference.words.data);
	finding.hint = difference.statements.len > 0 ? difference.statements.data : NULL;
	return pgcopy_finding_list(&finding);
}
