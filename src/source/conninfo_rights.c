/*-------------------------------------------------------------------------
 *
 * conninfo_rights.c
 *	  Which connection options a role may give.
 *
 * A role must not use what belongs to this server's operating system user:
 * files, sockets with peer authentication, Kerberos tickets.  So a role that is
 * not a superuser logs in to one host with a password of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/varlena.h"

#include "source/conninfo_options.h"

/* Options that make this server read a file. */
static const char *const file_options[] = {
	"passfile", "service", "servicefile", "sslcert", "sslkey", "sslrootcert",
	"sslcrl", "sslcrldir", NULL
};

/* Whether a role may make this server open files and sockets. */
static bool
may_use_files(Oid role)
{
	return has_privs_of_role(role, ROLE_PG_READ_SERVER_FILES);
}

/*
 * Whether an option makes this server read a file.  sslrootcert=system (libpq
 * 16) means the operating system's certificates, which anybody may use.
 */
static bool
is_file_option(const SourceOption *option)
{
	return pgcopy_conninfo_is_one_of(option->keyword, file_options) &&
		(strcmp(option->keyword, "sslrootcert") != 0 ||
		 strcmp(option->value, "system") != 0);
}

/*
 * Throw if the role that gave a file option may not read files of this server:
 * the author of the connection string, or the owner of the foreign server.
 */
static void
check_file_options(SourceOption *options)
{
	SourceOption *option;

	for (option = options; option->keyword != NULL; option++)
	{
		if (option->value == NULL || !is_file_option(option) ||
			may_use_files(option->given_by))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set connection option \"%s\"",
						option->keyword),
				 errdetail("The option makes the server read one of its own files."),
				 errhint("Leave the option out, or become a member of pg_read_server_files.")));
	}
}

/* Throw if there is no password: PGPASSWORD and .pgpass are the server's. */
static void
check_password(SourceOption *options)
{
	const char *password = pgcopy_conninfo_options_value(options, "password");

	if (password == NULL || password[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_S_R_E_PROHIBITED_SQL_STATEMENT_ATTEMPTED),
				 errmsg("password is required"),
				 errdetail("Non-superusers must provide a password for the source."),
				 errhint("Give one in the connection string, or in the user mapping of the foreign server.")));
}

/*
 * Throw for a socket, where the source may let this server's operating system
 * user in without a password; libpq uses one if there is no host.  Throw for
 * several hosts, of which only some may ask for the password.
 */
static void
check_host(SourceOption *options, Oid owner)
{
	SourceOption *host = pgcopy_conninfo_options_find(options, "host");
	const char *address = pgcopy_conninfo_options_value(options, "hostaddr");
	const char *name = host->value != NULL ? host->value : "";
	Oid			given_by = host->value != NULL ? host->given_by : owner;
	bool		has_address = address != NULL && address[0] != '\0';

	if (strchr(name, ',') != NULL || (has_address && strchr(address, ',') != NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to use more than one host"),
				 errdetail("Non-superusers clone from one host."),
				 errhint("Name only the host to clone from.")));
	if (has_address || (name[0] != '\0' && name[0] != '/' && name[0] != '@') ||
		may_use_files(given_by))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("permission denied to connect through a Unix socket"),
			 name[0] == '\0' ? errdetail("A connection string without a host means a Unix socket.") : 0,
			 errhint("Give a host name or an address, or become a member of pg_read_server_files.")));
}

/* Throw unless each method of require_auth uses the password. */
static void
check_require_auth(SourceOption *options)
{
	static const char *const methods[] = {"password", "md5", "scram-sha-256", NULL};
	const char *value = pgcopy_conninfo_options_value(options, "require_auth");
	List	   *words;
	ListCell   *lc;

	if (value == NULL || value[0] == '\0')
		return;
	if (!SplitIdentifierString(pstrdup(value), ',', &words))
		words = list_make1("");
	foreach(lc, words)
	{
		if (!pgcopy_conninfo_is_one_of(lfirst(lc), methods))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to set connection option \"require_auth\""),
					 errdetail("Non-superusers log in with a password."),
					 errhint("Leave the option out, or use only password, md5 and scram-sha-256.")));
	}
}

/* Throw if the options ask for Kerberos: the tickets are the server's. */
static void
check_gss(SourceOption *options)
{
	static const char *const keywords[] = {"gssencmode", "gssdelegation", NULL};

	for (SourceOption *option = options; option->keyword != NULL; option++)
	{
		if (option->value == NULL || !pgcopy_conninfo_is_one_of(option->keyword, keywords) ||
			option->value[0] == '\0' || strcmp(option->value, "disable") == 0 ||
			strcmp(option->value, "0") == 0)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to set connection option \"%s\"",
						option->keyword),
				 errdetail("Non-superusers log in with a password."),
				 errhint("Leave the option out.")));
	}
}

void
pgcopy_conninfo_rights_check(SourceOption *options, Oid owner)
{
	check_file_options(options);
	if (superuser_arg(owner))
		return;
	check_password(options);
	check_host(options, owner);
	check_require_auth(options);
	check_gss(options);
}
