/*-------------------------------------------------------------------------
 *
 * properties.h
 *	  The properties of the source database and of this one, compared.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_RUN_PROPERTIES_H
#define PGCOPY_RUN_PROPERTIES_H

#include "nodes/pg_list.h"

#include "base/properties.h"

/* Find the property of the same kind, role and name; NULL: there is none. */
extern const DatabaseProperty *pgcopy_properties_find(List *properties,
													  const DatabaseProperty *like);

/* Has this database what the source has?  here: that property, or NULL. */
extern bool pgcopy_properties_is_here(const DatabaseProperty *there,
									  const DatabaseProperty *here);

/* The statement that gives this database a property, or takes a privilege away. */
extern char *pgcopy_properties_statement(const DatabaseProperty *property);
extern char *pgcopy_properties_revoke(const DatabaseProperty *property);

#endif							/* PGCOPY_RUN_PROPERTIES_H */
