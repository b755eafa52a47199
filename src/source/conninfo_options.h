/*-------------------------------------------------------------------------
 *
 * conninfo_options.h
 *	  Connection options while they are being gathered and checked.
 *
 * For the files of this room only; others see the finished SourceConninfo.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CONNINFO_OPTIONS_H
#define PGCOPY_CONNINFO_OPTIONS_H

/* One option libpq knows.  An array of them ends with a NULL keyword. */
typedef struct SourceOption
{
	const char *keyword;
	const char *value;			/* NULL: not given */
	bool		is_secret;		/* libpq's dispchar '*' */
	bool		is_debug;		/* libpq's dispchar 'D' */
	Oid			given_by;		/* the role whose rights the value needs */
} SourceOption;

/* All options libpq knows, none given, in the current memory context. */
extern SourceOption *pgcopy_conninfo_options_known(void);

/* The option of that name, or NULL. */
extern SourceOption *pgcopy_conninfo_options_find(SourceOption *options,
												  const char *keyword);

/* The value given for it, NULL when not given or not known. */
extern const char *pgcopy_conninfo_options_value(SourceOption *options,
												 const char *keyword);

/*
 * The options of a foreign server and of its user mapping for a role.
 * Errors: no such server, no right to use it, no user mapping, an option that
 * libpq does not know.
 */
extern SourceOption *pgcopy_conninfo_options_from_server(const char *name, Oid owner);

extern bool pgcopy_conninfo_is_one_of(const char *word, const char *const *words);

/*
 * Throw when a role gives what it may not: an option that makes this server
 * read its files (42501); and for roles that are not superusers no password
 * (2F003), a socket, several hosts, or credentials of this server (42501).
 */
extern void pgcopy_conninfo_rights_check(SourceOption *options, Oid owner);

#endif							/* PGCOPY_CONNINFO_OPTIONS_H */
