/*-------------------------------------------------------------------------
 *
 * needs_private.h
 *	  Shared by needs.c and the files that look at one side of a statement each.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_NEEDS_PRIVATE_H
#define PGCOPY_NEEDS_PRIVATE_H

#include "base/attempt.h"
#include "nodes/parsenodes.h"
#include "utils/hsearch.h"

#include "schema/dump.h"
#include "schema/needs.h"

/* What is not met; needs_report.c has a message for each. */
typedef enum NeedKind
{
	NEED_EXTENSION_REQUIRED,
	NEED_EXTENSION_SUPERUSER,
	NEED_ROLE,
	NEED_MEMBERSHIP,
	NEED_OWNER_CREATE,
	NEED_OWNER_SUPERUSER,
	NEED_GRANTOR,
	NEED_GRANT_ON_MEMBER,
	NEED_OWNERSHIP,
	NEED_SUPERUSER,
	NEED_DATABASE_CREATE,
	NEED_SCHEMA,
	NEED_SCHEMA_CREATE,
	NEED_TABLESPACE,
	NEED_TABLESPACE_CREATE,
	NEED_ACCESS_METHOD,
	NEED_LANGUAGE,
	NEED_LANGUAGE_USAGE,
	NEED_WRAPPER_USAGE,
	NEED_LIBRARY,
	NEED_INTERNAL_FUNCTION,
	NEED_SETTING,
	NEED_DICTIONARY,
	NEED_COLLATION,
	NEED_LABEL_PROVIDER,
	NEED_KINDS
} NeedKind;

struct Needs
{
	MemoryContext context;		/* owns everything */
	Oid			role;
	const char *role_name;
	const char *database;
	bool		is_superuser;
	bool		creates_extension;	/* one that is not here yet: it may bring
									 * languages, access methods, libraries */
	bool		owns_members;	/* one whose members will be the role's */
	bool		creates_roles;	/* those that are missing */
	List	   *named_roles;	/* char * */
	List	   *owners;			/* char *: roles to act as */
	HTAB	   *created;		/* objects that the dump creates: CreatedObject */
	HTAB	   *seen;			/* keys of what has been looked at */
	List	   *names[NEED_KINDS];	/* char * */
};

#define NEEDS_KEY_SIZE 192

typedef struct CreatedObject
{
	char		key[NEEDS_KEY_SIZE];
	Oid			owner;
	bool		is_here;		/* a schema that is not created */
	const char *wrapper;		/* of a server, else NULL */
} CreatedObject;

/*
 * needs_report.c: note that something is not met, once for each name; both are
 * copied.  Return whether "name" is looked at for the first time for this kind.
 */
extern void pgcopy_needs_report_add(Needs *needs, NeedKind kind, const char *name);
extern bool pgcopy_needs_report_is_first(Needs *needs, NeedKind kind, const char *name);

/*
 * needs_here.c: ask this server.  The query has text parameters and returns one
 * boolean, or one text; no row is false, or NULL.
 */
extern bool pgcopy_needs_here_is(const char *sql, const char *param, const char *param2);
extern char *pgcopy_needs_here_text(const char *sql, const char *param, const char *param2);

/* needs_created.c: objects of the dump, by class and qualified name. */
extern CreatedObject *pgcopy_needs_created_find(Needs *needs, char class,
												const char *schema, const char *name);
extern CreatedObject *pgcopy_needs_created_schema(Needs *needs, const char *name);
extern bool pgcopy_needs_created_is_no_change(Needs *needs, const AlterOwnerStmt *alter);
extern void pgcopy_needs_created_note(Needs *needs, Node *node,
									  const DumpStatement *statement);
extern bool pgcopy_needs_created_has_type(Needs *needs, TypeName *type);
extern bool pgcopy_needs_created_has_function(Needs *needs, ObjectWithArgs *function);

/* Whether the job's role may act as another, and give objects to it. */
extern bool pgcopy_needs_roles_can_act_as(const Needs *needs, Oid role);

/* Whether a role may create objects in a schema before privileges are granted. */
extern bool pgcopy_needs_roles_may_create_in(Needs *needs, Oid role, const char *schema);

/* The files that look at statements. */
extern void pgcopy_needs_roles_note(Needs *needs, Node *node,
									const DumpStatement *statement);
extern void pgcopy_needs_rights_note(Needs *needs, Node *node,
									 const DumpStatement *statement);
extern void pgcopy_needs_server_note(Needs *needs, Node *node,
									 const DumpStatement *statement);
extern void pgcopy_needs_extension_note(Needs *needs, Node *node);

/* "event trigger x", from the command tag and names of a statement. */
extern char *pgcopy_needs_report_label(const DumpStatement *statement);

/* needs_functions.c: CREATE FUNCTION and PROCEDURE. */
extern void pgcopy_needs_functions_note(Needs *needs, CreateFunctionStmt *create,
										const DumpStatement *statement);

/*
 * needs_here.c: run a check of the server that throws.  Returns its message, or
 * NULL; *sqlerrcode: its SQLSTATE or 0.  What it did is rolled back.
 */
extern char *pgcopy_needs_here_rehearse(AttemptWork rehearse, void *arg,
										int *sqlerrcode);

#endif							/* PGCOPY_NEEDS_PRIVATE_H */
