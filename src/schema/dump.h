/*-------------------------------------------------------------------------
 *
 * dump.h
 *	  The source's schema, as pg_dump writes it, one statement at a time.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_DUMP_H
#define PGCOPY_DUMP_H

#include "nodes/pg_list.h"

typedef struct DumpRequest
{
	/* parallel, NULL-terminated: pgcopy_session_options() (secret) */
	const char **keywords;
	const char **values;
	bool		needs_password; /* the owner may use no credentials of ours */
	bool		needs_string_option;	/* standard_conforming_strings is off */
	const char *snapshot;
	int			source_version; /* server_version_num */
	int			lock_wait_ms;	/* how long pg_dump may wait for a lock */
	bool		no_owner;
	bool		no_privileges;
	bool		no_comments;
	bool		no_tablespaces;
	bool		no_security_labels;
	bool		no_publications;
	bool		no_subscriptions;
} DumpRequest;

/* Settings in force at a statement's place in the dump. */
typedef struct DumpSettings
{
	char	   *default_tablespace; /* never NULL, may be "" */
	char	   *default_table_access_method;
	char	   *session_authorization;	/* NULL: the job's owner */
	bool		check_function_bodies;
	bool		row_security;
} DumpSettings;

/*
 * What the parse tree of a statement says it does, as far as the order of
 * work depends on it.
 */
typedef enum StatementClass
{
	STATEMENT_PLAIN,			/* run in dump order */
	STATEMENT_INDEX,			/* CREATE INDEX on a plain table or matview */
	STATEMENT_INDEX_CONSTRAINT, /* PRIMARY KEY or UNIQUE that can be split into
								 * CREATE UNIQUE INDEX + USING INDEX */
	STATEMENT_WHOLE_CONSTRAINT, /* EXCLUDE and what else builds its index by
								 * itself, on a plain table */
	STATEMENT_FOREIGN_KEY,
	STATEMENT_TABLE_FOLLOW_UP,	/* CLUSTER ON, REPLICA IDENTITY, SET STATISTICS
								 * of an index: same TOC entry as an index or
								 * constraint */
	STATEMENT_STATISTICS,		/* CREATE STATISTICS */
	STATEMENT_REFRESH,
	STATEMENT_ACL,				/* GRANT, REVOKE, ALTER DEFAULT PRIVILEGES */
	STATEMENT_COMMENT,			/* COMMENT ON, SECURITY LABEL */
	STATEMENT_EVENT_TRIGGER,
	STATEMENT_SUBSCRIPTION
} StatementClass;

typedef struct DumpStatement
{
	int			toc_id;			/* pg_dump's dump id of the entry */
	Oid			class_oid;		/* catalog of the object, or 0 */
	Oid			object_oid;		/* on the source, or 0 */
	int64		index_bytes;	/* there, of what it builds; the planner's */
	List	   *dependencies;	/* integer list of toc ids */
	bool		is_post_data;
	StatementClass class;
	char	   *tag;			/* command tag: "CREATE TABLE" */
	char	   *schema;			/* of the object, or NULL */
	char	   *name;			/* of the object, or NULL */
	char	   *table_schema;	/* of the table it touches, or NULL */
	char	   *table_name;
	char	   *referenced_schema;	/* foreign keys */
	char	   *referenced_name;
	bool		wants_validation;	/* a foreign key that is not NOT VALID */
	bool		has_secret;		/* CREATE USER MAPPING, SUBSCRIPTION ... */
	const char *text;			/* one statement, no trailing semicolon and no
								 * zero byte; in the dump's own memory */
	size_t		length;			/* bytes of it */
	DumpSettings *settings;		/* shared between statements */
} DumpStatement;

/* What one of the tools warned of, or said otherwise, while all went well. */
typedef struct DumpWarning
{
	char	   *message;		/* with the tool's name */
	char	   *hint;			/* or NULL */
} DumpWarning;

typedef struct SourceDump
{
	MemoryContext context;		/* of all this, and of the text */
	List	   *statements;		/* DumpStatement, in dump order, pre-data first */
	List	   *warnings;		/* DumpWarning */
} SourceDump;

/*
 * Run pg_dump and pg_restore, split, parse and classify, into the current
 * memory context.  The text is not copied: it lies in memory of its own, which
 * goes with that context.  Interruptible; no child is left behind on ERROR or
 * FATAL.
 *
 * Errors: definitions larger than pgcopy.max_definitions_size (54000), no
 * pg_dump (58P01), pg_dump older than the source (0A000), a lock not had in
 * time (55P03: the caller takes a new snapshot), any other failure of pg_dump
 * with its stderr as detail (38000, or a SQLSTATE guessed from what it says:
 * 08006, 28P01, 42501, 53200; 55000 when the snapshot is gone).
 *
 * Where a password is needed and the source does not ask for it: 2F003.
 */
extern SourceDump *pgcopy_dump_read(const DumpRequest *request);

#endif							/* PGCOPY_DUMP_H */
