/*-------------------------------------------------------------------------
 *
 * own.h
 *	  This extension on the source, and all that needs it there.
 *
 *-------------------------------------------------------------------------
 */
#ifndef PGCOPY_OWN_H
#define PGCOPY_OWN_H

#include "base/finding.h"
#include "base/object_filter.h"
#include "source/session.h"

/*
 * A recursive query "own (classid, objid)": the extension, its members, and what
 * depends on them.  What merely says DEPENDS ON EXTENSION needs nothing of it.
 */
#define PGCOPY_OWN_CTE \
"own AS (" \
"  SELECT 'pg_catalog.pg_extension'::pg_catalog.regclass::pg_catalog.oid AS classid," \
"   e.oid AS objid FROM pg_catalog.pg_extension AS e WHERE e.extname = 'pgcopydb_ext'" \
"  UNION" \
"  SELECT n.classid, n.objid FROM own AS o CROSS JOIN LATERAL (" \
"   SELECT d.classid, d.objid FROM pg_catalog.pg_depend AS d" \
"   WHERE d.refclassid = o.classid AND d.refobjid = o.objid AND d.deptype <> 'x'" \
"   UNION ALL" \
"   SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, r.ev_class" \
"   FROM pg_catalog.pg_rewrite AS r" \
"   WHERE o.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass" \
"    AND r.oid = o.objid AND r.rulename = '_RETURN') AS n" \
" )"

typedef struct SourceOwn SourceOwn;

/* Read it, in the current memory context. */
extern SourceOwn *pgcopy_own_read(SourceSession *session);

/* Say that it will be read (ahead.h). */
extern void pgcopy_own_foresee(SourceSession *session);

/* Is this object one of them? */
extern bool pgcopy_own_has(const SourceOwn *own, Oid class_oid, Oid object_oid);

/* Does one of them have this name?  schema is "" if its kind has none. */
extern bool pgcopy_own_has_name(const SourceOwn *own, const char *schema, const char *name);

/* Make a notice that names what is the user's; NIL if there is none. */
extern List *pgcopy_own_notice(const SourceOwn *own);

/* Return the name of the schema that has this extension in this database, or NULL. */
extern char *pgcopy_own_schema_here(void);

/* Find names of the source, of what is cloned, that are our own here: a Finding, or NIL. */
extern List *pgcopy_own_check_names(SourceSession *session, const ObjectFilter *filter);

#endif							/* PGCOPY_OWN_H */
