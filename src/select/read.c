/*-------------------------------------------------------------------------
 *
 * read.c
 *	  Read the source's objects and dependencies into a graph.
 *
 * One query per kind of object, whatever their number, and each answers with
 * arrays in one row: 10,000 tables have some 100,000 dependencies.  Nothing here
 * locks a user's object.  Names are read of what patterns can match only.
 *
 * The system's objects are not read: they are on both sides.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_am.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "catalog/pg_user_mapping.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "select/arrays.h"
#include "select/graph.h"
#include "source/own.h"

#define USER_SCHEMA(n) n ".nspname !~ '^pg_' AND " n ".nspname <> 'information_schema'"

#define CLASS(catalog) "'pg_catalog." catalog "'::pg_catalog.regclass::pg_catalog.oid"

static const char schemas_sql[] =
"SELECT pg_catalog.array_agg(n.oid), pg_catalog.array_agg(n.nspname::pg_catalog.text)"
" FROM pg_catalog.pg_namespace AS n WHERE " USER_SCHEMA("n");

static const char relations_sql[] =
"SELECT pg_catalog.array_agg(c.oid), pg_catalog.array_agg(c.relnamespace),"
" pg_catalog.array_agg(c.relname::pg_catalog.text),"
" pg_catalog.string_agg(c.relkind::pg_catalog.text"
"  || CASE WHEN c.relispartition THEN 't' ELSE 'f' END, '')"
" FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
" WHERE c.oid >= 16384 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'i', 'I', 'c')"
" AND c.relpersistence <> 't' AND " USER_SCHEMA("n");

/* Array types, multiranges and row types go with their types and tables. */
static const char support_sql[] =
"SELECT pg_catalog.array_agg(o.classid), pg_catalog.array_agg(o.oid),"
" pg_catalog.array_agg(o.namespace)"
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

/* %s: the parent of a partition's constraint. */
static const char constraints_sql[] =
"SELECT pg_catalog.array_agg(k.oid), pg_catalog.array_agg(k.conrelid),"
" pg_catalog.array_agg(k.confrelid), pg_catalog.array_agg(k.conindid),"
" pg_catalog.array_agg(%s), pg_catalog.array_agg(k.contypid),"
" pg_catalog.string_agg(k.contype::pg_catalog.text, '')"
" FROM pg_catalog.pg_constraint AS k WHERE k.oid >= 16384";

/* Parts of relations, by kind: a letter of part_kinds. */
static const char parts_sql[] =
"SELECT pg_catalog.array_agg(o.classid), pg_catalog.array_agg(o.oid),"
" pg_catalog.array_agg(o.owner), pg_catalog.array_agg(o.namespace),"
" pg_catalog.string_agg(o.kind, '') FROM ("
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
"SELECT pg_catalog.array_agg(oid), pg_catalog.array_agg(extnamespace),"
" pg_catalog.array_agg(extname::pg_catalog.text) FROM pg_catalog.pg_extension";

/* %s: members of publications that are schemas. */
static const char others_sql[] =
"SELECT pg_catalog.array_agg(o.classid), pg_catalog.array_agg(o.oid),"
" pg_catalog.array_agg(o.owner), pg_catalog.array_agg(o.namespace)"
" FROM (SELECT " CLASS("pg_cast") " AS classid, oid, 0::pg_catalog.oid AS owner,"
"   0::pg_catalog.oid AS namespace FROM pg_catalog.pg_cast"
"  UNION ALL SELECT " CLASS("pg_language") ", oid, 0, 0 FROM pg_catalog.pg_language"
"  UNION ALL SELECT " CLASS("pg_foreign_data_wrapper") ", oid, 0, 0"
"   FROM pg_catalog.pg_foreign_data_wrapper"
"  UNION ALL SELECT " CLASS("pg_foreign_server") ", oid, 0, 0 FROM pg_catalog.pg_foreign_server"
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

/*
 * Schemas are known from their objects, and what constraints belong to from these.
 * DEPENDS ON EXTENSION is no need.
 */
static const char depend_sql[] =
"SELECT pg_catalog.array_agg(d.classid), pg_catalog.array_agg(d.objid),"
" pg_catalog.array_agg(d.refclassid), pg_catalog.array_agg(d.refobjid),"
" pg_catalog.string_agg(d.deptype::pg_catalog.text, '')"
" FROM pg_catalog.pg_depend AS d"
" WHERE d.objid >= 16384 AND d.refobjid >= 16384 AND d.deptype NOT IN ('p', 'x')"
" AND d.refclassid <> " CLASS("pg_namespace")
" AND NOT (d.classid = " CLASS("pg_constraint") " AND d.deptype = 'a')"
" AND NOT (d.classid = " CLASS("pg_trigger") " AND d.deptype = 'i')"
" AND NOT (d.classid = " CLASS("pg_class") " AND d.refclassid = " CLASS("pg_constraint") ")";

static const char partitions_sql[] =
"SELECT pg_catalog.array_agg(i.inhrelid), pg_catalog.array_agg(i.inhparent)"
" FROM pg_catalog.pg_inherits AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid"
" WHERE c.relispartition";

/* An answer of one row of arrays, all of the same length. */
typedef struct Columns
{
	SourceRows *rows;
	int			n;
	Oid		   *oids[6];
	char	  **names;
	const char *letters;
} Columns;

/* How the columns of a query are read: o: oid[], n: text[], 1 or 2: letters each. */
static void
read_columns(Columns *columns, SourceSession *session, const char *sql, const char *forms)
{
	int			letters = 0;

	memset(columns, 0, sizeof(Columns));
	columns->rows = pgcopy_session_query(session, sql, strlen(forms), 0, NULL);
	if (pgcopy_rows_count(columns->rows) != 1)
		pgcopy_rows_throw(columns->rows, "It does not have one row.");
	for (int i = 0; forms[i] != '\0'; i++)
	{
		int			n = columns->n;

		if (forms[i] == 'o')
			columns->oids[i] = pgcopy_arrays_oids(columns->rows, 0, i, &n);
		else if (forms[i] == 'n')
			columns->names = pgcopy_arrays_texts(columns->rows, 0, i, &n);
		else
		{
			columns->letters = pgcopy_rows_get_or_null(columns->rows, 0, i);
			letters = columns->letters != NULL ? strlen(columns->letters) : 0;
			if (letters != n * (forms[i] - '0'))
				pgcopy_rows_throw(columns->rows, "Its columns differ in length.");
		}
		if (i > 0 && n != columns->n)
			pgcopy_rows_throw(columns->rows, "Its columns differ in length.");
		columns->n = n;
	}
}

static GraphNode *
enter(Selection *selection, Oid class_oid, Oid oid, NodeKind kind)
{
	NodeKey		key = {class_oid, oid};
	bool		found;
	GraphNode	   *node = hash_search(selection->nodes, &key, HASH_ENTER, &found);

	if (!found)
	{
		memset(node, 0, sizeof(GraphNode));
		node->key = key;
		node->kind = kind;
		selection->all = lappend(selection->all, node);
	}
	return node;
}

GraphNode *
pgcopy_graph_find(const Selection *selection, Oid class_oid, Oid oid)
{
	NodeKey		key = {class_oid, oid};

	return hash_search(selection->nodes, &key, HASH_FIND, NULL);
}

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
add_edge(Selection *selection, GraphNode *from, GraphNode *to, bool is_ownership)
{
	Edge	   *edges = palloc(sizeof(Edge) * 2);

	if (from == to)
		return;
	edges[0] = (Edge){to, from->needs, is_ownership};
	edges[1] = (Edge){from, to->needed_by, is_ownership};
	from->needs = &edges[0];
	to->needed_by = &edges[1];
}

static void
read_schemas(Selection *selection, SourceSession *session)
{
	Columns		columns;

	read_columns(&columns, session, schemas_sql, "on");
	for (int i = 0; i < columns.n; i++)
	{
		GraphNode	   *node = enter(selection, NamespaceRelationId, columns.oids[0][i], NODE_SCHEMA);

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
	Columns		columns;

	read_columns(&columns, session, relations_sql, "oon2");
	for (int i = 0; i < columns.n; i++)
	{
		char		relkind = columns.letters[2 * i];
		GraphNode	   *node = enter(selection, RelationRelationId, columns.oids[0][i],
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
	Columns		columns;

	read_columns(&columns, session, support_sql, "ooo");
	for (int i = 0; i < columns.n; i++)
		enter(selection, columns.oids[0][i], columns.oids[1][i], NODE_SUPPORT)->schema =
			find_schema(selection, columns.oids[2][i]);
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
		add_edge(selection, constraint, owner, false);
	if (owner != NULL && constraint->kind == NODE_HIDDEN)
		add_edge(selection, owner, constraint, false);
	if (constraint->index != NULL)
	{
		add_edge(selection, constraint, constraint->index, false);
		add_edge(selection, constraint->index, constraint, false);
	}
}

static void
read_constraints(Selection *selection, SourceSession *session)
{
	const char *parent = pgcopy_session_version(session) >= 110000 ?
		"k.conparentid" : "0::pg_catalog.oid";
	Columns		columns;

	read_columns(&columns, session, psprintf(constraints_sql, parent), "oooooo1");
	for (int i = 0; i < columns.n; i++)
	{
		char		contype = columns.letters[i];
		bool		is_part = strchr("puxf", contype) != NULL;
		GraphNode	   *node = enter(selection, ConstraintRelationId, columns.oids[0][i],
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
			node->parent = enter(selection, ConstraintRelationId, columns.oids[4][i],
								 NODE_CONSTRAINT);
		}
		else
			add_constraint_edges(selection, node,
								 pgcopy_graph_find(selection, TypeRelationId, columns.oids[5][i]));
	}
	pgcopy_rows_free(columns.rows);
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
	Columns		columns;

	read_columns(&columns, session, parts_sql, "oooo1");
	for (int i = 0; i < columns.n; i++)
	{
		GraphNode	   *owner = find_relation(selection, columns.oids[2][i]);

		/* of a temporary table, or of TOAST */
		if (owner == NULL)
			continue;
		for (int k = 0; k < lengthof(part_kinds); k++)
		{
			GraphNode	   *node;

			if (part_kinds[k].letter != columns.letters[i])
				continue;
			node = enter(selection, columns.oids[0][i], columns.oids[1][i], part_kinds[k].kind);
			node->owner = owner;
			if (OidIsValid(columns.oids[3][i]))
				node->schema = find_schema(selection, columns.oids[3][i]);
		}
	}
	pgcopy_rows_free(columns.rows);
}

static void
read_extensions(Selection *selection, SourceSession *session)
{
	Columns		columns;

	read_columns(&columns, session, extensions_sql, "oon");
	for (int i = 0; i < columns.n; i++)
	{
		GraphNode	   *node = enter(selection, ExtensionRelationId, columns.oids[0][i],
								 NODE_EXTENSION);

		node->name = columns.names[i];
		node->schema = find_schema(selection, columns.oids[1][i]);
		selection->extensions = lappend(selection->extensions, node);
	}
	pgcopy_rows_free(columns.rows);
}

static void
read_others(Selection *selection, SourceSession *session)
{
	Columns		columns;
	const char *schemas = pgcopy_session_version(session) >= 150000 ?
		publication_schemas_sql : "";

	read_columns(&columns, session, psprintf(others_sql, schemas), "oooo");
	for (int i = 0; i < columns.n; i++)
	{
		bool		is_member = OidIsValid(columns.oids[2][i]);
		GraphNode	   *node = enter(selection, columns.oids[0][i], columns.oids[1][i],
								 is_member ? NODE_MEMBER : NODE_DATABASE_WIDE);

		node->schema = find_schema(selection, columns.oids[3][i]);
		if (is_member)
			node->owner = enter(selection, PublicationRelationId, columns.oids[2][i],
								NODE_DATABASE_WIDE);
	}
	pgcopy_rows_free(columns.rows);
}

/* The rest of pg_depend that is about objects that go with others. */
static GraphNode *
find_end(Selection *selection, Oid class_oid, Oid oid)
{
	GraphNode	   *node = pgcopy_graph_find(selection, class_oid, oid);

	if (node != NULL)
		return node->is_partial ? NULL : node;
	/* a temporary table, TOAST; a trigger of a foreign key */
	if (class_oid == RelationRelationId || class_oid == TriggerRelationId)
		return NULL;
	return enter(selection, class_oid, oid, NODE_HIDDEN);
}

/*
 * Can "to" not be without this part of it?  A view without its query, a column
 * without its default ...
 */
static bool
is_inseparable(const GraphNode *from, char deptype)
{
	if (deptype == 'i' || deptype == 'e')
		return true;
	if (from->key.class_oid == UserMappingRelationId)
		return true;
	return deptype == 'a' && from->kind == NODE_HIDDEN &&
		(from->key.class_oid == AttrDefaultRelationId ||
		 from->key.class_oid == AccessMethodOperatorRelationId ||
		 from->key.class_oid == AccessMethodProcedureRelationId);
}

static void
add_dependency(Selection *selection, GraphNode *from, GraphNode *to, char deptype)
{
	bool		is_owned = deptype == 'a' && pgcopy_node_is_sequence(from) &&
		to->kind == NODE_RELATION;

	if (deptype == 'e')
		from->extension = to;
	/* the constructor of a range type */
	if (deptype == 'i' && from->kind == NODE_SUPPORT)
		from->kind = NODE_HIDDEN;
	if (is_owned || (deptype == 'i' && pgcopy_node_is_sequence(from)))
		from->owner = to;
	add_edge(selection, from, to, is_owned);
	if (is_owned || is_inseparable(from, deptype))
		add_edge(selection, to, from, is_owned);
}

static void
read_dependencies(Selection *selection, SourceSession *session)
{
	Columns		columns;

	read_columns(&columns, session, depend_sql, "oooo1");
	for (int i = 0; i < columns.n; i++)
	{
		GraphNode	   *from = find_end(selection, columns.oids[0][i], columns.oids[1][i]);
		GraphNode	   *to = find_end(selection, columns.oids[2][i], columns.oids[3][i]);

		if (from != NULL && to != NULL)
			add_dependency(selection, from, to, columns.letters[i]);
	}
	pgcopy_rows_free(columns.rows);
}

static void
read_partitions(Selection *selection, SourceSession *session)
{
	Columns		columns;

	read_columns(&columns, session, partitions_sql, "oo");
	for (int i = 0; i < columns.n; i++)
	{
		GraphNode	   *child = find_relation(selection, columns.oids[0][i]);
		GraphNode	   *parent = find_relation(selection, columns.oids[1][i]);

		/* indexes are partitions too */
		if (child == NULL || parent == NULL || child->kind != NODE_RELATION)
			continue;
		if (child->parent != NULL)
			pgcopy_rows_throw(columns.rows, "It has a partition of two tables.");
		child->parent = parent;
		parent->partitions = lappend(parent->partitions, child);
	}
	pgcopy_rows_free(columns.rows);
}

/* Partitions of partitions are no circle, whatever the source says. */
static void
check_partitions(const Selection *selection)
{
	ListCell   *lc;

	foreach(lc, selection->relations)
	{
		const GraphNode *node = lfirst(lc);
		int			depth = 0;

		for (const GraphNode *parent = node->parent; parent != NULL; parent = parent->parent)
		{
			if (++depth > list_length(selection->relations))
				ereport(ERROR,
						(errcode(ERRCODE_PROTOCOL_VIOLATION),
						 errmsg("the source says that a table is a partition of itself")));
		}
	}
}

static void
note_own(Selection *selection, SourceSession *session)
{
	const SourceOwn *own = pgcopy_own_read(session);
	ListCell   *lc;

	foreach(lc, selection->all)
	{
		GraphNode	   *node = lfirst(lc);

		node->is_own = pgcopy_own_has(own, node->key.class_oid, node->key.oid);
	}
}

static HTAB *
make_hash(void)
{
	HASHCTL		ctl = {
		.keysize = sizeof(NodeKey),.entrysize = sizeof(GraphNode),.hcxt = CurrentMemoryContext
	};

	return hash_create("pgcopy selection", 1024, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

void
pgcopy_graph_read(Selection *selection, SourceSession *session)
{
	selection->nodes = make_hash();
	read_schemas(selection, session);
	read_relations(selection, session);
	read_support(selection, session);
	read_constraints(selection, session);
	read_parts(selection, session);
	read_extensions(selection, session);
	read_others(selection, session);
	read_dependencies(selection, session);
	read_partitions(selection, session);
	check_partitions(selection);
	note_own(selection, session);
}
