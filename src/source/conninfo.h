/*-------------------------------------------------------------------------
 *
 * conninfo.h
 *	  Turn what the user gave as "source" into connection options.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CONNINFO_H
#define PGCOPY_CONNINFO_H

/* One of the hosts that a connection string may name. */
typedef struct SourceAddress
{
	char		host[256];		/* or the directory of a socket */
	char		hostaddr[64];	/* "" with a socket */
	char		port[16];
} SourceAddress;

typedef struct SourceConninfo
{
	/* parallel, NULL-terminated, for PQconnectStartParams(); secret */
	const char **keywords;
	const char **values;

	/* without secrets, to be shown: "host=h port=5432 dbname=d user=u" */
	const char *printable;

	/* the owner must log in with a password of his own */
	bool		needs_password;
} SourceConninfo;

/*
 * Resolve a connection string, a URI, or the name of a foreign server with a
 * user mapping for the role "owner".  Allocates in the current memory context.
 * Throws for a malformed string (08001), an unknown option (HV00D), an unknown
 * server (42704), and what conninfo_rights.c refuses the owner (42501, 2F003).
 * Needs a transaction.
 */
extern SourceConninfo *pgcopy_conninfo_resolve(const char *source, Oid owner);

/* Keep to this host; no change if the address has no port. */
extern void pgcopy_conninfo_pin(SourceConninfo *conninfo,
								const SourceAddress *address);

/* Copy the options, for a session that speaks the replication protocol. */
extern SourceConninfo *pgcopy_conninfo_for_replication(const SourceConninfo *conninfo);

/* Return the value of an option, or NULL. */
extern const char *pgcopy_conninfo_get(const SourceConninfo *conninfo,
									   const char *keyword);

/*
 * conninfo_string.c: make a connection string without a database, and add one.
 * In the current memory context; secret.
 */
extern char *pgcopy_conninfo_string_make(const SourceConninfo *conninfo);
extern char *pgcopy_conninfo_string_add_database(const char *string,
												 const char *database);

/*
 * Return a copy of a message in which quoted values of options that are not
 * shown, and quoted words of them, are replaced by the option's name: 'root
 * certificate file "<sslrootcert>" does not exist'.  Users put passwords into
 * the wrong option too.
 */
extern char *pgcopy_conninfo_conceal(const SourceConninfo *conninfo,
									 const char *message);

#endif							/* PGCOPY_CONNINFO_H */
