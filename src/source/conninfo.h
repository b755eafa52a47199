/*-------------------------------------------------------------------------
 *
 * conninfo.h
 *	  What the user wrote as "source", made into connection options.
 *
 * The options and their printable twin are made together; only the twin is
 * ever shown.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CONNINFO_H
#define PGCOPY_CONNINFO_H

/* One host of those that a connection string may name. */
typedef struct SourceAddress
{
	char		host[256];		/* or the directory of a socket */
	char		hostaddr[64];	/* "" with a socket */
	char		port[16];
} SourceAddress;

typedef struct SourceConninfo
{
	/* NULL-terminated, parallel; as PQconnectStartParams takes them; secret */
	const char **keywords;
	const char **values;

	/* the same without any secret, as "host=h port=5432 dbname=d user=u" */
	const char *printable;

	/* true where the owner may not use the server's own credentials */
	bool		needs_password;
} SourceConninfo;

/*
 * Resolve a connection string, a URI, or the name of a foreign server with a
 * user mapping for the role "owner".  Allocates in the current memory
 * context.  Errors, each with a hint: malformed string or unknown option
 * (08001 / ERRCODE_FDW_INVALID_OPTION_NAME), no such server, and for owners
 * that are not superusers the rules of DESIGN section 8 (42501 / 2F003).
 * Needs a transaction.
 */
extern SourceConninfo *pgcopy_conninfo_resolve(const char *source, Oid owner);

/* Lead to this one host from now on; to any of them where it has no port. */
extern void pgcopy_conninfo_pin(SourceConninfo *conninfo,
								const SourceAddress *address);

/* The value of an option, or NULL. */
extern const char *pgcopy_conninfo_get(const SourceConninfo *conninfo,
									   const char *keyword);

/*
 * A copy of a message of libpq or of the source in which the values of options
 * that are not printable, and words of them, are replaced by the option's name
 * wherever they stand in quotes: "root certificate file "<sslrootcert>" does not
 * exist".  What is written where no secret belongs may be one all the same.
 */
extern char *pgcopy_conninfo_conceal(const SourceConninfo *conninfo,
									 const char *message);

#endif							/* PGCOPY_CONNINFO_H */
