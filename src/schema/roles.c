/*-------------------------------------------------------------------------
 *
 * roles.c
 *	  Make the roles of the source here that are missing.
 *
 * A role takes along the roles that it is a member of: its rights are theirs.  A
 * membership is made if both of its roles are here in the end and at least one of
 * them is ours; what was here before is only compared.  Memberships come after all
 * roles.
 *
 * Attributes that the current user may not give are left out.  That of another
 * grantor too, unless the user is a superuser: the user is the grantor then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/finding.h"
#include "schema/roles.h"
#include "source/names.h"
#include "source/preflight.h"

/* Sources from this version on make sure that a grantor may grant. */
#define VERSION_WITH_GRANTORS 160000

/* How many names a notice lists. */
#define SHOWN_NAMES 200

/* A plan in the making. */
typedef struct RolesDraft
{
	const RolesRequest *request;
	RolesPlan  *plan;
	RoleSet    *there;
	bool		is_superuser;
	bool		has_passwords;
	int			source_version;

	/* names for notices: char * */
	List	   *stripped;		/* "SUPERUSER of x" */
	List	   *without_password;
	List	   *joined;			/* roles that the job's role becomes a member of */
	List	   *no_group;		/* "a in b": there is no b here */
	List	   *no_right;		/* the same: the current user may not grant it */
	List	   *no_grantor;		/* "a in b (by c)" */
	List	   *no_options;		/* "a in b" */
} RolesDraft;

static bool
is_listed(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		if (strcmp(lfirst(lc), name) == 0)
			return true;
	}
	return false;
}

static bool
is_here(const char *name)
{
	return OidIsValid(get_role_oid(name, true));
}

/* Is the role here once the plan is done? */
static bool
will_be_here(const RolesDraft *draft, const char *name)
{
	Role	   *role = pgcopy_roles_find(draft->there, name);

	return (role != NULL && role->is_created) || is_here(name);
}

static void
tell(RolesDraft *draft, List *names, const char *message, const char *hint)
{
	Finding		finding = {.level = FINDING_NOTICE,.message = message,.hint = hint};

	if (names == NIL)
		return;
	finding.object = pgcopy_names_list(names, SHOWN_NAMES);
	draft->plan->findings = list_concat(draft->plan->findings, pgcopy_finding_list(&finding));
}

/* Keep a role and what it is a member of. */
static void
keep(RolesDraft *draft, const char *name)
{
	List	   *waiting = list_make1(unconstify(char *, name));

	while (waiting != NIL)
	{
		Role	   *role = pgcopy_roles_find(draft->there, llast(waiting));
		ListCell   *lc;

		waiting = list_delete_last(waiting);
		if (role == NULL || role->is_kept)
			continue;
		role->is_kept = true;
		foreach(lc, role->facts)
		{
			const RoleFact *fact = lfirst(lc);

			if (strcmp(fact->kind, ROLE_MEMBERSHIP) == 0)
				waiting = lappend(waiting, unconstify(char *, fact->name));
		}
	}
}

static void
choose_roles(RolesDraft *draft)
{
	ListCell   *lc;

	if (draft->request->all)
	{
		foreach(lc, draft->there->roles)
			((Role *) lfirst(lc))->is_kept = true;
		return;
	}
	foreach(lc, draft->request->names)
		keep(draft, lfirst(lc));
}

/* May the current user give a role this attribute? */
static bool
may_give(const RolesDraft *draft, const char *attribute)
{
	if (draft->is_superuser)
		return true;
	if (strcmp(attribute, "SUPERUSER") == 0)
		return false;
	if (strcmp(attribute, "REPLICATION") == 0)
		return pgcopy_may_give_replication();
	if (strcmp(attribute, "BYPASSRLS") == 0)
		return pgcopy_may_give_bypassrls();
	if (strcmp(attribute, "CREATEDB") == 0)
		return pgcopy_may_give_createdb();
	return true;
}

static void
add_attributes(RolesDraft *draft, const Role *role, StringInfo script)
{
	ListCell   *lc;

	appendStringInfo(script, "CREATE ROLE %s WITH", quote_identifier(role->name));
	foreach(lc, role->facts)
	{
		const RoleFact *fact = lfirst(lc);
		const char *value = fact->value;

		if (strcmp(fact->kind, ROLE_ATTRIBUTE) != 0)
			continue;
		if (strcmp(value, "true") == 0 && !may_give(draft, fact->name))
		{
			value = "false";
			draft->stripped = lappend(draft->stripped,
									  psprintf("%s of %s", fact->name,
											   quote_identifier(role->name)));
		}
		appendStringInfo(script, " %s", pgcopy_roles_attribute(fact, value));
	}
}

static bool
is_wanted(const RolesDraft *draft, const RoleFact *fact)
{
	if (strcmp(fact->kind, ROLE_COMMENT) == 0)
		return !draft->request->no_comments;
	if (strcmp(fact->kind, ROLE_LABEL) == 0)
		return !draft->request->no_labels;
	return strcmp(fact->kind, ROLE_SETTING) == 0 || strcmp(fact->kind, ROLE_PASSWORD) == 0;
}

/* Else the job's role could not give objects to the role that it has made. */
static void
add_owner(RolesDraft *draft, const Role *role, StringInfo script)
{
	if (draft->is_superuser || !is_listed(draft->request->owners, role->name))
		return;
	appendStringInfo(script, ";\nGRANT %s TO %s%s", quote_identifier(role->name),
					 quote_identifier(GetUserNameFromId(GetUserId(), false)),
					 COMPAT_MEMBERSHIP_HAS_OPTIONS ? " WITH INHERIT TRUE, SET TRUE" : "");
	draft->joined = lappend(draft->joined, pstrdup(quote_identifier(role->name)));
}

static void
note_password(RolesDraft *draft, const Role *role)
{
	const RoleFact *login = pgcopy_roles_fact(role, ROLE_ATTRIBUTE, "LOGIN");

	if (!draft->has_passwords && login != NULL && strcmp(login->value, "true") == 0)
		draft->without_password = lappend(draft->without_password,
										  pstrdup(quote_identifier(role->name)));
}

static void
plan_role(RolesDraft *draft, Role *role)
{
	StringInfoData script;
	ListCell   *lc;

	initStringInfo(&script);
	add_attributes(draft, role, &script);
	foreach(lc, role->facts)
	{
		if (is_wanted(draft, lfirst(lc)))
			appendStringInfo(&script, ";\n%s", pgcopy_roles_statement(lfirst(lc), NULL));
	}
	add_owner(draft, role, &script);
	note_password(draft, role);
	role->is_created = true;
	draft->plan->created = lappend(draft->plan->created, role->name);
	draft->plan->statements =
		lappend(draft->plan->statements,
				pgcopy_shared_statement("CREATE ROLE", role->name, script.data));
}

static void
plan_roles(RolesDraft *draft)
{
	ListCell   *lc;

	foreach(lc, draft->there->roles)
	{
		Role	   *role = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (role->is_kept && !is_here(role->name))
			plan_role(draft, role);
	}
}

/* Compare roles that are here.  Those to be made are known by now. */
static void
compare_roles(RolesDraft *draft)
{
	RoleSet    *here = pgcopy_roles_here();
	ListCell   *lc;

	foreach(lc, draft->there->roles)
	{
		Role	   *role = lfirst(lc);
		Role	   *same = pgcopy_roles_find(here, role->name);

		CHECK_FOR_INTERRUPTS();
		if (role->is_kept && same != NULL)
			draft->plan->findings =
				list_concat(draft->plan->findings,
							pgcopy_roles_compare(draft->there, role, same, draft->request));
	}
}

static char *
name_membership(const RoleFact *fact)
{
	return psprintf("%s in %s", quote_identifier(fact->role), quote_identifier(fact->name));
}

/* Return the grantor to name, or NULL for the current user. */
static const char *
choose_grantor(RolesDraft *draft, const RoleFact *fact)
{
	const char *bootstrap = GetUserNameFromId(BOOTSTRAP_SUPERUSERID, true);
	const char *wanted = fact->value[0] == '\0' ? bootstrap : fact->value;

	if (wanted == NULL || strcmp(wanted, GetUserNameFromId(GetUserId(), false)) == 0)
		return NULL;
	if (COMPAT_MEMBERSHIP_HAS_OPTIONS && draft->source_version < VERSION_WITH_GRANTORS)
		return NULL;			/* it need not have the right to grant */
	if (draft->is_superuser && will_be_here(draft, wanted))
		return wanted;
	if (fact->value[0] != '\0')
		draft->no_grantor = lappend(draft->no_grantor,
									psprintf("%s (by %s)", name_membership(fact),
											 quote_identifier(wanted)));
	return NULL;
}

/*
 * Roles that are here give their rights only to whom the current user could give
 * them on any server: before 16 CREATEROLE alone would do, for pg_* too.
 */
static bool
may_grant(const RolesDraft *draft, const Role *group, const char *name)
{
	return draft->is_superuser || (group != NULL && group->is_created) ||
		is_admin_of_role(GetUserId(), get_role_oid(name, false));
}

static void
plan_membership(RolesDraft *draft, const Role *role, const RoleFact *fact)
{
	const Role *group = pgcopy_roles_find(draft->there, fact->name);

	if (!role->is_created && (group == NULL || !group->is_created))
		return;
	if (!will_be_here(draft, role->name))
		return;
	if (!will_be_here(draft, fact->name))
	{
		draft->no_group = lappend(draft->no_group, name_membership(fact));
		return;
	}
	if (!may_grant(draft, group, fact->name))
	{
		draft->no_right = lappend(draft->no_right, name_membership(fact));
		return;
	}
	if (!COMPAT_MEMBERSHIP_HAS_OPTIONS && strchr(fact->options + 1, 'f') != NULL)
		draft->no_options = lappend(draft->no_options, name_membership(fact));
	draft->plan->statements =
		lappend(draft->plan->statements,
				pgcopy_shared_statement("GRANT ROLE", name_membership(fact),
										pgcopy_roles_statement(fact, choose_grantor(draft, fact))));
}

static void place_right(RolesDraft *draft, const Role *role, RoleFact *fact);

/* From 16 on a grantor needs the option to grant on: what gives it to him comes first. */
static void
place_right_of_grantor(RolesDraft *draft, const RoleFact *fact)
{
	const Role *grantor = pgcopy_roles_find(draft->there, fact->value);
	ListCell   *lc;

	CHECK_FOR_INTERRUPTS();
	if (grantor == NULL)
		return;
	foreach(lc, grantor->facts)
	{
		RoleFact   *right = lfirst(lc);

		if (strcmp(right->kind, ROLE_MEMBERSHIP) == 0 && right->options[0] == 't' &&
			strcmp(right->name, fact->name) == 0)
			place_right(draft, grantor, right);
	}
}

/* A membership with the option to grant on.  A source before 16 has grantors in a circle. */
static void
place_right(RolesDraft *draft, const Role *role, RoleFact *fact)
{
	if (fact->is_placed)
		return;
	check_stack_depth();
	fact->is_placed = true;
	place_right_of_grantor(draft, fact);
	plan_membership(draft, role, fact);
}

/* Those with the option to grant on come first: others may be granted by them. */
static void
plan_memberships(RolesDraft *draft, char admin)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, draft->there->roles)
	{
		const Role *role = lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		foreach(lc2, role->facts)
		{
			RoleFact   *fact = lfirst(lc2);

			if (strcmp(fact->kind, ROLE_MEMBERSHIP) != 0 || fact->options[0] != admin)
				continue;
			if (admin == 't')
				place_right(draft, role, fact);
			else
				plan_membership(draft, role, fact);
		}
	}
}

static void
check_may_create(RolesDraft *draft)
{
	int			count = list_length(draft->plan->created);
	Finding		finding = {.level = FINDING_ERROR,.sqlerrcode = ERRCODE_INSUFFICIENT_PRIVILEGE};
	const char *name = quote_identifier(GetUserNameFromId(GetUserId(), false));

	if (count == 0 || draft->is_superuser || has_createrole_privilege(GetUserId()))
		return;
	finding.message = psprintf(count == 1 ? "the job's role may not create %d role that is missing here" :
							   "the job's role may not create %d roles that are missing here", count);
	finding.detail = psprintf("Missing: %s.", pgcopy_names_list(draft->plan->created, SHOWN_NAMES));
	finding.hint = psprintf("Let a superuser create them, or run ALTER ROLE %s CREATEROLE.", name);
	draft->plan->findings = list_concat(draft->plan->findings, pgcopy_finding_list(&finding));
}

static void
tell_all(RolesDraft *draft)
{
	tell(draft, draft->there->too_long,
		 "roles of the source are left out: their names are too long in this database's encoding", NULL);
	tell(draft, draft->stripped,
		 "attributes of roles are left out: the job's role may not give them",
		 "Let a superuser give them here, with ALTER ROLE.");
	tell(draft, draft->without_password,
		 psprintf("%d roles with LOGIN arrive without a password: the source hides it from the role of the connection",
				  list_length(draft->without_password)),
		 "Connect to the source as a superuser, or give them passwords here, in psql with \\password.");
	tell(draft, draft->joined,
		 "the job's role becomes a member of roles that it creates, to give objects to them",
		 psprintf("Afterwards: REVOKE ... FROM %s.",
				  quote_identifier(GetUserNameFromId(GetUserId(), false))));
	tell(draft, draft->no_group,
		 "memberships are left out: this server has no such role", NULL);
	tell(draft, draft->no_right,
		 "memberships are left out: the job's role may not grant them",
		 psprintf("Let a superuser grant them, or grant the roles to %s WITH ADMIN OPTION before.",
				  quote_identifier(GetUserNameFromId(GetUserId(), false))));
	tell(draft, draft->no_grantor,
		 "the grantor of memberships is the job's role, not that of the source", NULL);
	tell(draft, draft->no_options,
		 "memberships without the options INHERIT or SET have them here: this server does not know these options",
		 "REVOKE them if that gives too much.");
}

RolesPlan *
pgcopy_roles_plan(SourceSession *session, const RolesRequest *request)
{
	RolesDraft	draft = {
		.request = request,
		.plan = palloc0(sizeof(RolesPlan)),
		.is_superuser = superuser(),
		.source_version = pgcopy_session_version(session)
	};

	draft.there = pgcopy_roles_collect(pgcopy_roles_read(session, &draft.has_passwords));
	choose_roles(&draft);
	plan_roles(&draft);
	compare_roles(&draft);
	plan_memberships(&draft, 't');
	plan_memberships(&draft, 'f');
	check_may_create(&draft);
	tell_all(&draft);
	return draft.plan;
}
