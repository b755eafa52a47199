/*-------------------------------------------------------------------------
 *
 * read.c
 *	  Read the source's objects into a graph.
 *
 * One query per kind of object, whatever their number, and each answers with
 * arrays in one row: 10,000 tables make some 100,000 of them.  Nothing here
 * locks a user's object.  Names are read of what patterns can match only.
 *
 * The system's objects are not read: they are on both sides.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_foreign_server.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_type.h"

#include "select/arrays.h"
#include "select/graph.h"

#define USER_SCHEMA(n) n ".nspname !~ '^pg_' AND " n ".nspname <> 'information_schema'"

#define CLASS(catalog) "'pg_catalog." catalog "'::pg_catalog.regclass::pg_catalog.oid"

static const char schemas_sql[] =
"SELECT " ARRAY_OF("n.oid") ", " ARRAY_OF("n.nspname::pg_catalog.text")
" FROM pg_catalog.pg_namespace AS n WHERE " USER_SCHEMA("n");

static const char relations_sql[] =
"SELECT " ARRAY_OF("c.oid") ", " ARRAY_OF("c.relnamespace") ","
" " ARRAY_OF("c.relname::pg_catalog.text") ","
" " LETTERS_OF("c.relkind::pg_catalog.text"
"  || CASE WHEN c.relispartition THEN 't' ELSE 'f' END")
" FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
" WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I', 'c')"
" AND c.relpersistence <> 't' AND " USER_SCHEMA("n");

/* Array types, multiranges and row types go with their types and tables. */
static const char support_sql[] =
"SELECT " ARRAY_OF("o.classid") ", " ARRAY_OF("o.oid") ","
" " ARRAY_OF("o.namespace")
" FROM (SELECT " CLASS("pg_type") " AS classid, t.oid, t.typnamespace AS namespace"
"  FROM pg_catalog.pg_type AS t WHERE t.oid >= 16384 AND t.typtype NOT IN ('c', 'm')"
"  AND NOT EXISTS (SELECT FROM pg_catalog.pg_type AS e WHERE e.typarray = t.oid)"
"  UNION ALL SELECT " CLASS("pg_type") ", reltype, relnamespace FROM pg_catalog.pg_class"
"   WHERE relkind = 'c'"
"  UNION ALL SELECT " CLASS("pg_proc") ", oid, pronamespace FROM pg_catalog.pg_proc"
"  UNION ALL SELECT " CLASS("pg_operator") ", oid, oprnamespace FROM pg_catalog.pg_operator"
"  UNION ALL SELECT " CLASS("pg_opclass") ", oid, opcnamespace FROM pg_catalog.pg_opclass"
"  UNION ALL SELECT " CLASS("pg_opfamily") ", oid, opfnamespace FROM pg_catalog.pg_opfamily"
"  UNION ALL SELECT " CLASS("pg_collation") ", oid, collnamespace FROM pg_catalog.pg_collation"
"  UNION ALL SELECT " CLASS("pg_conversion") ", oid, connamespace FROM pg_catalog.pg_conversion"
"  UNION ALL SELECT " CLASS("pg_ts_parser") ", oid, prsnamespace FROM pg_catalog.pg_ts_parser"
"  UNION ALL SELECT " CLASS("pg_ts_dict") ", oid, dictnamespace FROM pg_catalog.pg_ts_dict"
"  UNION ALL SELECT " CLASS("pg_ts_template") ", oid, tmplnamespace FROM pg_catalog.pg_ts_template"
"  UNION ALL SELECT " CLASS("pg_ts_config") ", oid, cfgnamespace FROM pg_catalog.pg_ts_config"
" ) AS o JOIN pg_catalog.pg_namespace AS n ON n.oid = o.namespace"
" WHERE o.oid >= 16384 AND " USER_SCHEMA("n");

/* %s: the parent of a partition's constraint.  That of a trigger goes with the trigger. */
static const char constraints_sql[] =
"SELECT " ARRAY_OF("k.oid") ", " ARRAY_OF("k.conrelid") ","
" " ARRAY_OF("k.confrelid") ", " ARRAY_OF("k.conindid") ","
" " ARRAY_OF("%s") ", " ARRAY_OF("k.contypid") ","
" " LETTERS_OF("k.contype::pg_catalog.text")
" FROM pg_catalog.pg_constraint AS k WHERE k.oid >= 16384 AND k.contype <> 't'";

/* Parts of relations, by kind: a letter of part_kinds. */
static const char parts_sql[] =
"SELECT " ARRAY_OF("o.classid") ", " ARRAY_OF("o.oid") ","
" " ARRAY_OF("o.owner") ", " ARRAY_OF("o.namespace") ","
" " LETTERS_OF("o.kind") " FROM ("
" SELECT " CLASS("pg_class") " AS classid, indexrelid AS oid, indrelid AS owner,"
"  0::pg_catalog.oid AS namespace, 'i' AS kind FROM pg_catalog.pg_index"
" UNION ALL SELECT " CLASS("pg_trigger") ", oid, tgrelid, 0, 't' FROM pg_catalog.pg_trigger"
"  WHERE NOT tgisinternal"
" UNION ALL SELECT " CLASS("pg_rewrite") ", oid, ev_class, 0, 'r' FROM pg_catalog.pg_rewrite"
"  WHERE rulename <> '_RETURN'"
" UNION ALL SELECT " CLASS("pg_policy") ", oid, polrelid, 0, 'p' FROM pg_catalog.pg_policy"
" UNION ALL SELECT " CLASS("pg_statistic_ext") ", oid, stxrelid, stxnamespace, 's'"
"  FROM pg_catalog.pg_statistic_ext"
" ) AS o WHERE o.oid >= 16384";

static const char extensions_sql[] =
"SELECT " ARRAY_OF("oid") ", " ARRAY_OF("extnamespace") ","
" " ARRAY_OF("extname::pg_catalog.text") " FROM pg_catalog.pg_extension";

static const char servers_sql[] =
"SELECT " ARRAY_OF("oid") " FROM pg_catalog.pg_foreign_server";

/* %s: members of publications that are schemas. */
static const char others_sql[] =
"SELECT " ARRAY_OF("o.classid") ", " ARRAY_OF("o.oid") ","
" " ARRAY_OF("o.owner") ", " ARRAY_OF("o.namespace")
" FROM (SELECT " CLASS("pg_cast") " AS classid, oid, 0::pg_catalog.oid AS owner,"
"   0::pg_catalog.oid AS namespace FROM pg_catalog.pg_cast"
"  UNION ALL SELECT " CLASS("pg_language") ", oid, 0, 0 FROM pg_catalog.pg_language"
"  UNION ALL SELECT " CLASS("pg_foreign_data_wrapper") ", oid, 0, 0"
"   FROM pg_catalog.pg_foreign_data_wrapper"
"  UNION ALL SELECT " CLASS("pg_event_trigger") ", oid, 0, 0 FROM pg_catalog.pg_event_trigger"
"  UNION ALL SELECT " CLASS("pg_am") ", oid, 0, 0 FROM pg_catalog.pg_am"
"  UNION ALL SELECT " CLASS("pg_transform") ", oid, 0, 0 FROM pg_catalog.pg_transform"
"  UNION ALL SELECT " CLASS("pg_default_acl") ", oid, 0, defaclnamespace"
"   FROM pg_catalog.pg_default_acl"
"  UNION ALL SELECT " CLASS("pg_publication") ", oid, 0, 0 FROM pg_catalog.pg_publication"
"  UNION ALL SELECT " CLASS("pg_publication_rel") ", oid, prpubid, 0"
"   FROM pg_catalog.pg_publication_rel"
"  %s"
" ) AS o WHERE o.oid >= 16384";

static const char publication_schemas_sql[] =
"UNION ALL SELECT " CLASS("pg_publication_namespace") ", oid, pnpubid, pnnspid"
" FROM pg_catalog.pg_publication_namespace";

static GraphNode *
find_schema(const Selection *selection, Oid oid)
{
	return OidIsValid(oid) ? pgcopy_graph_find(selection, NamespaceRelationId, oid) : NULL;
}

static GraphNode *
find_relation(const Selection *selection, Oid oid)
{
	return OidIsValid(oid) ? pgcopy_graph_find(selection, RelationRelationId, oid) : NULL;
}

static void
read_schemas(Selection *selection, SourceSession *session)
{
	ArrayColumns columns;

	pgcopy_arrays_query(&columns, session, schemas_sql, "on");
	for (int i = 0; i < columns.n; i++)
	{
		GraphNode  *node = pgcopy_graph_enter(selection, NamespaceRelationId,
												   columns.oids[0][i], NODE_SCHEMA);

		node->name = columns.names[i];
		selection->schemas = lappend(selection->schemas, node);
	}
	pgcopy_rows_free(columns.rows);
}

static NodeKind
kind_of_relation(char relkind)
{
	if (relkind == RELKIND_INDEX || relkind == RELKIND_PARTITIONED_INDEX)
		return NODE_INDEX;
	return relkind == RELKIND_COMPOSITE_TYPE ? NODE_HIDDEN : NODE_RELATION;
}

static void
read_relations(Selection *selection, SourceSession *session)
{
	ArrayColumns columns;

	pgcopy_arrays_query(&columns, session, relations_sql, "oon2");
	for (int i = 0; i < columns.n; i++)
	{
		char		relkind = columns.letters[2 * i];
		GraphNode  *node = pgcopy_graph_enter(selection, RelationRelationId, columns.oids[0][i],
								 kind_of_relation(relkind));

		node->subkind = relkind;
		node->is_partition = columns.letters[2 * i + 1] == 't';
		node->name = columns.names[i];
		node->schema = find_schema(selection, columns.oids[1][i]);
		if (node->kind == NODE_RELATION)
			selection->relations = lappend(selection->relations, node);
		else if (node->kind == NODE_INDEX)
			selection->indexes = lappend(selection->indexes, node);
	}
	pgcopy_rows_free(columns.rows);
}

static void
read_support(Selection *selection, SourceSession *session)
{
	ArrayColumns columns;

	pgcopy_arrays_query(&columns, session, support_sql, "ooo");
	for (int i = 0; i < columns.n; i++)
		pgcopy_graph_enter(selection, columns.oids[0][i], columns.oids[1][i],
						   NODE_SUPPORT)->schema = find_schema(selection, columns.oids[2][i]);
	pgcopy_rows_free(columns.rows);
}

/*
 * A check, and NOT NULL, is in the definition of its table or domain.  An index and
 * its constraint are one.
 */
static void
add_constraint_edges(Selection *selection, GraphNode *constraint, GraphNode *domain)
{
	GraphNode  *owner = constraint->owner != NULL ? constraint->owner : domain;

	if (owner != NULL)
		pgcopy_graph_add_edge(selection, constraint, owner, false);
	if (owner != NULL && constraint->kind == NODE_HIDDEN)
		pgcopy_graph_add_edge(selection, owner, constraint, false);
	if (constraint->index != NULL)
	{
		pgcopy_graph_add_edge(selection, constraint, constraint->index, false);
		pgcopy_graph_add_edge(selection, constraint->index, constraint, false);
	}
}

static void
read_constraints(Selection *selection, SourceSession *session)
{
	const char *parent = pgcopy_session_version(session) >= 110000 ?
		"k.conparentid" : "0::pg_catalog.oid";
	ArrayColumns columns;

	pgcopy_arrays_query(&columns, session, psprintf(constraints_sql, parent), "oooooo1");
	for (int i = 0; i < columns.n; i++)
	{
		char		contype = columns.letters[i];
		bool		is_part = strchr("puxf", contype) != NULL;
		GraphNode  *node = pgcopy_graph_enter(selection, ConstraintRelationId, columns.oids[0][i],
								 is_part ? NODE_CONSTRAINT : NODE_HIDDEN);

		node->kind = is_part ? NODE_CONSTRAINT : NODE_HIDDEN;
		node->subkind = contype;
		node->owner = find_relation(selection, columns.oids[1][i]);
		node->references = find_relation(selection, columns.oids[2][i]);
		node->index = strchr("pux", contype) != NULL ?
			find_relation(selection, columns.oids[3][i]) : NULL;
		node->is_partial = contype == CONSTRAINT_FOREIGN && OidIsValid(columns.oids[4][i]);
		if (node->is_partial)
		{
			node->kind = NODE_HIDDEN;
			node->parent = pgcopy_graph_enter(selection, ConstraintRelationId, columns.oids[4][i],
								 NODE_CONSTRAINT);
		}
		else
			add_constraint_edges(selection, node,
								 pgcopy_graph_find(selection, TypeRelationId, columns.oids[5][i]));
	}
	pgcopy_rows_free(columns.rows);
}

/* An index without a table would be left out. */
static void
check_indexes(const Selection *selection, const SourceRows *rows)
{
	ListCell   *lc;

	foreach(lc, selection->indexes)
	{
		if (((GraphNode *) lfirst(lc))->owner == NULL)
			pgcopy_rows_throw(rows, "It lacks an index that another answer has.");
	}
}

static void
read_parts(Selection *selection, SourceSession *session)
{
	static const struct
	{
		char		letter;
		NodeKind	kind;
	}			part_kinds[] = {
		{'i', NODE_INDEX}, {'t', NODE_TRIGGER}, {'r', NODE_RULE}, {'p', NODE_POLICY},
		{'s', NODE_STATISTICS}
	};
	ArrayColumns columns;

	pgcopy_arrays_query(&columns, session, parts_sql, "oooo1");
	for (int i = 0; i < columns.n; i++)
	{
		GraphNode  *owner = find_relation(selection, columns.oids[2][i]);

		/* of a temporary table, or of TOAST */
		if (owner == NULL)
			continue;
		for (int k = 0; k < lengthof(part_kinds); k++)
		{
			GraphNode  *node;

			if (part_kinds[k].letter != columns.letters[i])
				continue;
			node = pgcopy_graph_enter(selection, columns.oids[0][i], columns.oids[1][i],
									  part_kinds[k].kind);
			node->owner = owner;
			if (OidIsValid(columns.oids[3][i]))
				node->schema = find_schema(selection, columns.oids[3][i]);
		}
	}
	check_indexes(selection, columns.rows);
	pgcopy_rows_free(columns.rows);
}

static void
read_extensions(Selection *selection, SourceSession *session)
{
	ArrayColumns columns;

	pgcopy_arrays_query(&columns, session, extensions_sql, "oon");
	for (int i = 0; i < columns.n; i++)
	{
		GraphNode  *node = pgcopy_graph_enter(selection, ExtensionRelationId, columns.oids[0][i],
								 NODE_EXTENSION);

		node->name = columns.names[i];
		node->schema = find_schema(selection, columns.oids[1][i]);
		selection->extensions = lappend(selection->extensions, node);
	}
	pgcopy_rows_free(columns.rows);
}

static void
read_servers(Selection *selection, SourceSession *session)
{
	ArrayColumns columns;

	pgcopy_arrays_query(&columns, session, servers_sql, "o");
	for (int i = 0; i < columns.n; i++)
		(void) pgcopy_graph_enter(selection, ForeignServerRelationId, columns.oids[0][i],
								  NODE_DATABASE_WIDE);
	pgcopy_rows_free(columns.rows);
}

static void
read_others(Selection *selection, SourceSession *session)
{
	ArrayColumns columns;
	const char *schemas = pgcopy_session_version(session) >= 150000 ?
		publication_schemas_sql : "";

	pgcopy_arrays_query(&columns, session, psprintf(others_sql, schemas), "oooo");
	for (int i = 0; i < columns.n; i++)
	{
		bool		is_member = OidIsValid(columns.oids[2][i]);
		GraphNode  *node = pgcopy_graph_enter(selection, columns.oids[0][i], columns.oids[1][i],
								 is_member ? NODE_MEMBER : NODE_DATABASE_WIDE);

		node->schema = find_schema(selection, columns.oids[3][i]);
		if (is_member)
			node->owner = pgcopy_graph_enter(selection, PublicationRelationId, columns.oids[2][i],
								NODE_DATABASE_WIDE);
	}
	pgcopy_rows_free(columns.rows);
}

void
pgcopy_read_objects(Selection *selection, SourceSession *session)
{
	read_schemas(selection, session);
	read_relations(selection, session);
	read_support(selection, session);
	read_constraints(selection, session);
	read_parts(selection, session);
	read_extensions(selection, session);
	read_servers(selection, session);
	read_others(selection, session);
}
