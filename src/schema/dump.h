/*-------------------------------------------------------------------------
 *
 * dump.h
 *	  The source's schema as pg_dump writes it, statement by statement.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_DUMP_H
#define PGCOPY_DUMP_H

#include "nodes/pg_list.h"

#include "schema/child.h"

struct JobOptions;				/* base/options.h */
struct ObjectFilter;			/* base/object_filter.h */
struct SourceOwn;				/* source/own.h */

typedef struct DumpRequest
{
	/* parallel, NULL-terminated: pgcopy_session_options(); secret */
	const char **keywords;
	const char **values;
	bool		needs_password; /* the source must ask for one; see login.c */
	bool		needs_settings;	/* those of the source would change the text */
	const char *snapshot;
	int			source_version; /* server_version_num */
	int			lock_wait_ms;	/* pg_dump's --lock-wait-timeout; 0: none */
	bool		no_owner;
	bool		no_privileges;
	bool		no_comments;
	bool		no_tablespaces;
	int			exclude;		/* EXCLUDE_* of base/options.h, where pg_dump has a switch */
	List	   *filter;			/* char *: switches, see dump_filter.h */
	Meanwhile	meanwhile;		/* called while pg_dump runs */
} DumpRequest;

/* Settings in force at a statement's place in the dump. */
typedef struct DumpSettings
{
	char	   *default_tablespace; /* "": the database's */
	char	   *default_table_access_method;
	char	   *session_authorization;	/* NULL: the job's owner */
	bool		check_function_bodies;
	bool		row_security;
	const char *search_path;	/* what it evaluates runs under; NULL: empty */
} DumpSettings;

/* What a statement does, as far as the order of work depends on it. */
typedef enum StatementClass
{
	STATEMENT_PLAIN,			/* run in dump order */
	STATEMENT_INDEX,			/* CREATE INDEX on a plain table or matview */
	STATEMENT_INDEX_CONSTRAINT, /* PRIMARY KEY or UNIQUE, see constraint.c */
	STATEMENT_WHOLE_CONSTRAINT, /* EXCLUDE and others that cannot be split */
	STATEMENT_FOREIGN_KEY,
	STATEMENT_TABLE_FOLLOW_UP,	/* a later statement of an index's or of such a
								 * constraint's TOC entry: CLUSTER ON ... */
	STATEMENT_REPLICA_IDENTITY, /* USING INDEX, which wants NOT NULL in place */
	STATEMENT_STATISTICS,		/* CREATE STATISTICS, and later ones of its entry */
	STATEMENT_REPLICA_TRIGGER,	/* ENABLE ALWAYS or REPLICA TRIGGER: a replica fires it */
	STATEMENT_REFRESH,
	STATEMENT_ACL,				/* GRANT, REVOKE, ALTER DEFAULT PRIVILEGES */
	STATEMENT_COMMENT,			/* COMMENT ON, SECURITY LABEL */
	STATEMENT_EVENT_TRIGGER,
	STATEMENT_SUBSCRIPTION
} StatementClass;

/* Whether what a statement makes is here already, by definition; see existing.c. */
typedef enum StatementPresence
{
	NOT_HERE,
	IS_HERE,
	IS_HERE_NOT_VALID,			/* a foreign key that the statement would validate */
	INDEX_IS_HERE				/* that a constraint is to use */
} StatementPresence;

typedef struct DumpStatement
{
	int			toc_id;			/* pg_dump's dump id of the entry */
	Oid			class_oid;		/* catalog of the object, or InvalidOid */
	Oid			object_oid;		/* on the source, or InvalidOid */
	int64		index_bytes;	/* size on the source of what it builds; set by plan/ */
	List	   *dependencies;	/* integer list of toc ids */
	bool		is_post_data;
	StatementPresence presence;
	StatementClass class;
	char	   *tag;			/* command tag: "CREATE TABLE" */
	char	   *schema;			/* of the object, or NULL */
	char	   *name;			/* of the object, or NULL */
	char	   *table_schema;	/* of the table it touches, or NULL */
	char	   *table_name;
	char	   *referenced_schema;	/* foreign keys; partitions that are attached */
	char	   *referenced_name;
	bool		wants_validation;	/* a foreign key without NOT VALID */
	bool		has_secret;		/* CREATE USER MAPPING, SUBSCRIPTION ... */
	const char *text;			/* without semicolon, not terminated; mapped */
	size_t		length;
	DumpSettings *settings;		/* shared between statements */
} DumpStatement;

/* A warning of pg_dump or pg_restore. */
typedef struct DumpWarning
{
	char	   *message;		/* begins with the tool's name */
	char	   *hint;			/* or NULL */
} DumpWarning;

typedef struct SourceDump
{
	MemoryContext context;		/* owns everything, the text too */
	List	   *statements;		/* DumpStatement, in dump order, pre-data first */
	List	   *warnings;		/* DumpWarning */
} SourceDump;

/*
 * Run pg_dump and pg_restore, split, parse and classify, into the current
 * memory context.  Interruptible; leaves no child behind on ERROR or FATAL.
 *
 * Throws 54000 (definitions larger than pgcopy.max_definitions_size), 58P01 (no
 * pg_dump), 0A000 (pg_dump older than the source), 55P03 (no lock in time: the
 * caller takes a new snapshot), 2F003 (the source does not ask for a password
 * that is needed).  Other failures of pg_dump have its stderr as detail and a
 * SQLSTATE guessed from it: 08006 (connection or snapshot lost), 28P01, 42501,
 * 53200; else 38000.
 */
extern SourceDump *pgcopy_dump_read(const DumpRequest *request);

/*
 * postpone.c: move the statements of pre-data that need something of post-data
 * there.  The current memory context is that of the dump.
 */
extern void pgcopy_postpone_run(SourceDump *dump);

/* What is left out of a dump. */
typedef struct LeaveOut
{
	const struct SourceOwn *own;	/* what needs this extension on the source */
	const char *schema_here;	/* that this extension has in this database */
	const struct ObjectFilter *filter;	/* what is cloned; NULL: all */
	int			exclude;		/* EXCLUDE_* of base/options.h */
	List	   *unknown;		/* ListedObject *: what is not cloned and the dump may
								 * know by name only (source/listing.h) */
} LeaveOut;

/*
 * leave_out.c: return the statements that are cloned, in a new list.  Notes in
 * *notices (List of Finding *) what goes with what it depends on, unless the filter
 * has chosen that.  Throws if something would be left dangling.
 */
extern List *pgcopy_dump_leave_out(List *statements, const LeaveOut *what, List **notices);

/*
 * map.c: change the statements to what schema_map and tablespace_map say: their text,
 * names and settings.  New texts are made in the current memory context.  Returns
 * the list, with a CREATE SCHEMA for each target that the dump does not create.
 *
 * *findings gets what cannot be changed with certainty: errors, or notices if the
 * job goes on after errors, in which case it is left as it is.
 */
extern List *pgcopy_map_statements(List *statements, const struct JobOptions *options,
								   List **findings);

#endif							/* PGCOPY_DUMP_H */
