/*-------------------------------------------------------------------------
 *
 * conninfo_options.h
 *	  Connection options while they are gathered and checked.
 *
 * For the files of this room that make a SourceConninfo.  An error shows names
 * of options, never a value that may be a secret.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_CONNINFO_OPTIONS_H
#define PGCOPY_CONNINFO_OPTIONS_H

#include "base/compat.h"

/* One option libpq knows.  An array of them ends with a NULL keyword. */
typedef struct SourceOption
{
	const char *keyword;
	const char *value;			/* NULL: not given */
	bool		is_secret;		/* libpq's dispchar '*' */
	bool		is_debug;		/* libpq's dispchar 'D' */
	Oid			given_by;		/* the role whose rights the value needs */
} SourceOption;

/* Return all options libpq knows, without values. */
extern SourceOption *pgcopy_conninfo_options_known(void);

/* Return the option of that name, or NULL. */
extern SourceOption *pgcopy_conninfo_options_find(SourceOption *options,
												  const char *keyword);

/* Return the value given for an option, NULL if none is given or it is unknown. */
extern const char *pgcopy_conninfo_options_value(SourceOption *options,
												 const char *keyword);

/*
 * fdw.c: return the options of a foreign server and of its user mapping for a
 * role.  Throws if there is no such server or user mapping, if the role may not
 * use the server, and for an option that libpq does not know.
 */
extern SourceOption *pgcopy_conninfo_options_from_server(const char *name, Oid owner);

/* Whether a word is in a NULL-terminated array. */
extern bool pgcopy_conninfo_is_one_of(const char *word, const char *const *words);

/*
 * conninfo_rights.c: throw if an option makes this server read its own files
 * and the role that gave it may not (42501).  Unless "owner" is a superuser
 * throw as well if there is no password (2F003), and for a socket, several
 * hosts or credentials of this server (42501).
 */
extern void pgcopy_conninfo_rights_check(SourceOption *options, Oid owner);

/* Whether a text begins with "postgresql://" or "postgres://". */
extern bool pgcopy_conninfo_fault_is_uri(const char *text);

/* Whether a text may be meant as the name of a foreign server. */
extern bool pgcopy_conninfo_fault_is_word(const char *text);

/*
 * Throw if a URI has an "@" that a password without percent-encoding would
 * explain: libpq would take the rest of the password for the host, and show it.
 */
extern void pgcopy_conninfo_fault_check_uri(const char *uri);

/* Throw if an option that takes a number has something else. */
extern void pgcopy_conninfo_fault_check_numbers(SourceOption *options);

/* Throw for a string that libpq cannot parse; "known" are all options. */
extern void pgcopy_conninfo_fault_throw(const char *text,
										SourceOption *known) pg_attribute_noreturn();

#endif							/* PGCOPY_CONNINFO_OPTIONS_H */
