/*-------------------------------------------------------------------------
 *
 * classify.c
 *	  What a statement does, from its parse tree.
 *
 * The class decides when a statement runs, so a comment on an event trigger and
 * a change of its owner have the event trigger's class.
 *
 * Names are for messages and for finding the table that a statement touches;
 * they are NULL where the tree has none.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "nodes/parsenodes.h"
#include "nodes/value.h"
#include "tcop/cmdtag.h"
#include "tcop/utility.h"

#include "base/compat.h"
#include "schema/classify.h"

/* Cases of a switch over nodeTag(node): where a statement has its name. */
#define NAME_IN(type, field) \
	case T_##type: \
		statement->name = ((type *) node)->field; \
		break
#define NAME_LIST_IN(type, field) \
	case T_##type: \
		set_name_list(statement, ((type *) node)->field); \
		break
#define RELATION_IN(type, field) \
	case T_##type: \
		set_name_relation(statement, ((type *) node)->field); \
		break
#define PART_IN(type, field, table) \
	case T_##type: \
		set_part_of_table(statement, ((type *) node)->field, ((type *) node)->table); \
		break

/* Take name and schema from the last two words of a qualified name. */
static void
set_name_list(DumpStatement *statement, List *names)
{
	int			n = list_length(names);

	if (n >= 1 && IsA(list_nth(names, n - 1), String))
		statement->name = strVal(list_nth(names, n - 1));
	if (n >= 2 && IsA(list_nth(names, n - 2), String))
		statement->schema = strVal(list_nth(names, n - 2));
}

static void
set_name_relation(DumpStatement *statement, RangeVar *relation)
{
	if (relation == NULL)
		return;
	statement->schema = relation->schemaname;
	statement->name = relation->relname;
}

static void
set_table(DumpStatement *statement, RangeVar *relation)
{
	if (relation == NULL)
		return;
	statement->table_schema = relation->schemaname;
	statement->table_name = relation->relname;
}

/* For an object that is part of a table and has no schema of its own. */
static void
set_part_of_table(DumpStatement *statement, char *name, RangeVar *relation)
{
	set_table(statement, relation);
	statement->schema = statement->table_schema;
	statement->name = name;
}

/*
 * Take the name of the object of COMMENT, SECURITY LABEL, ALTER ... OWNER and
 * the like.
 */
static void
set_name_object(DumpStatement *statement, Node *object)
{
	if (object == NULL)
		return;
	switch (nodeTag(object))
	{
		case T_String:
			statement->name = strVal(object);
			break;
		case T_List:
			set_name_list(statement, (List *) object);
			break;
		case T_RangeVar:
			set_name_relation(statement, (RangeVar *) object);
			break;
		case T_TypeName:
			set_name_list(statement, ((TypeName *) object)->names);
			break;
		case T_ObjectWithArgs:
			set_name_list(statement, ((ObjectWithArgs *) object)->objname);
			break;
		default:
			break;
	}
}

/* Take the table from "schema.table.part". */
static void
set_table_of_part(DumpStatement *statement, List *names)
{
	int			n = list_length(names);

	statement->table_name = n >= 2 ? strVal(list_nth(names, n - 2)) : NULL;
	statement->table_schema = n >= 3 ? strVal(list_nth(names, n - 3)) : NULL;
	statement->schema = statement->table_schema;
}

/* The class of a statement about an existing object: it must run after that. */
static StatementClass
class_of_object_type(ObjectType type, StatementClass otherwise)
{
	switch (type)
	{
		case OBJECT_EVENT_TRIGGER:
			return STATEMENT_EVENT_TRIGGER;
		case OBJECT_SUBSCRIPTION:
			return STATEMENT_SUBSCRIPTION;
		case OBJECT_STATISTIC_EXT:
			return otherwise == STATEMENT_PLAIN ? STATEMENT_STATISTICS : otherwise;
		default:
			return otherwise;
	}
}

/* COMMENT ON and SECURITY LABEL ON. */
static void
classify_remark(ObjectType type, Node *object, DumpStatement *statement)
{
	statement->class = class_of_object_type(type, STATEMENT_COMMENT);
	set_name_object(statement, object);
	switch (type)
	{
		case OBJECT_TABLE:
		case OBJECT_MATVIEW:
		case OBJECT_VIEW:
		case OBJECT_FOREIGN_TABLE:
			statement->table_schema = statement->schema;
			statement->table_name = statement->name;
			break;
		case OBJECT_COLUMN:
		case OBJECT_TABCONSTRAINT:
		case OBJECT_TRIGGER:
		case OBJECT_RULE:
		case OBJECT_POLICY:
			set_table_of_part(statement, castNode(List, object));
			break;
		default:
			break;
	}
}

Constraint *
pgcopy_classify_added_constraint(Node *node)
{
	AlterTableStmt *alter;
	AlterTableCmd *cmd;

	if (!IsA(node, AlterTableStmt))
		return NULL;
	alter = (AlterTableStmt *) node;
	if (list_length(alter->cmds) != 1)
		return NULL;
	cmd = linitial_node(AlterTableCmd, alter->cmds);
	if (cmd->subtype != AT_AddConstraint)
		return NULL;
	return castNode(Constraint, cmd->def);
}

static StatementClass
class_of_constraint(const Constraint *constraint)
{
	switch (constraint->contype)
	{
		case CONSTR_PRIMARY:
		case CONSTR_UNIQUE:
			if (constraint->conname == NULL || constraint->indexname != NULL ||
				pgcopy_is_without_overlaps(constraint))
				return STATEMENT_WHOLE_CONSTRAINT;
			return STATEMENT_INDEX_CONSTRAINT;
		case CONSTR_EXCLUSION:
			return STATEMENT_WHOLE_CONSTRAINT;
		case CONSTR_FOREIGN:
			return STATEMENT_FOREIGN_KEY;
		default:
			return STATEMENT_PLAIN;
	}
}

/* Note which table becomes a partition. */
static void
set_attached(DumpStatement *statement, AlterTableStmt *alter)
{
	AlterTableCmd *cmd = linitial_node(AlterTableCmd, alter->cmds);

	if (cmd->subtype != AT_AttachPartition || alter->objtype != OBJECT_TABLE)
		return;
	statement->referenced_schema = castNode(PartitionCmd, cmd->def)->name->schemaname;
	statement->referenced_name = castNode(PartitionCmd, cmd->def)->name->relname;
}

static bool
sets_replica_index(AlterTableStmt *alter)
{
	AlterTableCmd *cmd = linitial_node(AlterTableCmd, alter->cmds);

	return cmd->subtype == AT_ReplicaIdentity &&
		castNode(ReplicaIdentityStmt, cmd->def)->identity_type == REPLICA_IDENTITY_INDEX;
}

static bool
fires_on_replica(AlterTableStmt *alter)
{
	ListCell   *lc;

	foreach(lc, alter->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_EnableAlwaysTrig || cmd->subtype == AT_EnableReplicaTrig)
			return true;
	}
	return false;
}

static void
classify_alter_table(AlterTableStmt *alter, DumpStatement *statement)
{
	Constraint *constraint = pgcopy_classify_added_constraint((Node *) alter);

	if (constraint != NULL)
	{
		set_part_of_table(statement, constraint->conname, alter->relation);
		statement->class = class_of_constraint(constraint);
		statement->wants_validation = !constraint->skip_validation;
		if (constraint->pktable != NULL)
		{
			statement->referenced_schema = constraint->pktable->schemaname;
			statement->referenced_name = constraint->pktable->relname;
		}
		return;
	}
	set_name_relation(statement, alter->relation);
	set_attached(statement, alter);
	if (fires_on_replica(alter))
		statement->class = STATEMENT_REPLICA_TRIGGER;
	if (sets_replica_index(alter))
		statement->class = STATEMENT_REPLICA_IDENTITY;
	if (alter->objtype != OBJECT_INDEX && alter->objtype != OBJECT_SEQUENCE &&
		alter->objtype != OBJECT_TYPE)
		set_table(statement, alter->relation);
}

static void
classify_index(IndexStmt *index, DumpStatement *statement)
{
	set_part_of_table(statement, index->idxname, index->relation);

	/* on a partitioned table it is written ON ONLY: nothing to build */
	if (index->relation->inh)
		statement->class = STATEMENT_INDEX;
}

static void
classify_statistics(CreateStatsStmt *stats, DumpStatement *statement)
{
	set_name_list(statement, stats->defnames);
	statement->class = STATEMENT_STATISTICS;
	if (stats->relations != NIL && IsA(linitial(stats->relations), RangeVar))
		set_table(statement, linitial(stats->relations));
}

static void
classify_grant(GrantStmt *grant, DumpStatement *statement)
{
	Node	   *first;

	statement->class = STATEMENT_ACL;
	if (grant->objects == NIL)
		return;
	first = linitial(grant->objects);
	set_name_object(statement, first);
	if (grant->objtype == OBJECT_TABLE && IsA(first, RangeVar))
		set_table(statement, (RangeVar *) first);
}

/* Options of a foreign table or its columns may hold a password. */
static bool
sets_foreign_options(AlterTableStmt *alter)
{
	ListCell   *lc;

	foreach(lc, alter->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_GenericOptions ||
			cmd->subtype == AT_AlterColumnGenericOptions)
			return true;
	}
	return false;
}

static bool
has_foreign_options(CreateForeignTableStmt *create)
{
	ListCell   *lc;

	if (create->options != NIL)
		return true;
	foreach(lc, create->base.tableElts)
	{
		Node	   *element = lfirst(lc);

		if (IsA(element, ColumnDef) && ((ColumnDef *) element)->fdwoptions != NIL)
			return true;
	}
	return false;
}

/* Statements about one relation. */
static bool
classify_relation(Node *node, DumpStatement *statement)
{
	switch (nodeTag(node))
	{
		case T_CreateStmt:
			set_name_relation(statement, ((CreateStmt *) node)->relation);
			set_table(statement, ((CreateStmt *) node)->relation);
			break;
		case T_CreateForeignTableStmt:
			set_name_relation(statement,
							  ((CreateForeignTableStmt *) node)->base.relation);
			statement->has_secret =
				has_foreign_options((CreateForeignTableStmt *) node);
			break;
		case T_CreateTableAsStmt:
			set_name_relation(statement, ((CreateTableAsStmt *) node)->into->rel);
			set_table(statement, ((CreateTableAsStmt *) node)->into->rel);
			break;
		RELATION_IN(ViewStmt, view);
		RELATION_IN(CreateSeqStmt, sequence);
		RELATION_IN(AlterSeqStmt, sequence);
		RELATION_IN(CompositeTypeStmt, typevar);
		PART_IN(CreateTrigStmt, trigname, relation);
		PART_IN(RuleStmt, rulename, relation);
		PART_IN(CreatePolicyStmt, policy_name, table);
		case T_RefreshMatViewStmt:
			statement->class = STATEMENT_REFRESH;
			set_name_relation(statement, ((RefreshMatViewStmt *) node)->relation);
			set_table(statement, ((RefreshMatViewStmt *) node)->relation);
			break;
		case T_IndexStmt:
			classify_index((IndexStmt *) node, statement);
			break;
		case T_AlterTableStmt:
			classify_alter_table((AlterTableStmt *) node, statement);
			statement->has_secret = sets_foreign_options((AlterTableStmt *) node);
			break;
		case T_CreateStatsStmt:
			classify_statistics((CreateStatsStmt *) node, statement);
			break;
		case T_AlterStatsStmt:
			statement->class = STATEMENT_STATISTICS;
			set_name_object(statement, (Node *) ((AlterStatsStmt *) node)->defnames);
			break;
		default:
			return false;
	}
	return true;
}

/* Statements that may hold a password. */
static bool
classify_remote(Node *node, DumpStatement *statement)
{
	switch (nodeTag(node))
	{
		NAME_IN(CreateFdwStmt, fdwname);
		NAME_IN(CreateForeignServerStmt, servername);
		NAME_IN(CreateUserMappingStmt, servername);
		case T_CreateSubscriptionStmt:
			statement->class = STATEMENT_SUBSCRIPTION;
			statement->name = ((CreateSubscriptionStmt *) node)->subname;
			break;
		case T_AlterSubscriptionStmt:
			statement->class = STATEMENT_SUBSCRIPTION;
			statement->name = ((AlterSubscriptionStmt *) node)->subname;
			break;
		case T_AlterFdwStmt:
		case T_AlterForeignServerStmt:
		case T_AlterUserMappingStmt:
		case T_CreateRoleStmt:
		case T_AlterRoleStmt:
			break;
		default:
			return false;
	}
	statement->has_secret = true;
	return true;
}

/* Statements about an object that another statement has created. */
static bool
classify_about_object(Node *node, DumpStatement *statement)
{
	switch (nodeTag(node))
	{
		case T_CommentStmt:
			classify_remark(((CommentStmt *) node)->objtype,
							((CommentStmt *) node)->object, statement);
			break;
		case T_SecLabelStmt:
			classify_remark(((SecLabelStmt *) node)->objtype,
							((SecLabelStmt *) node)->object, statement);
			break;
		case T_GrantStmt:
			classify_grant((GrantStmt *) node, statement);
			break;
		case T_GrantRoleStmt:
		case T_AlterDefaultPrivilegesStmt:
			statement->class = STATEMENT_ACL;
			break;
		case T_AlterOwnerStmt:
			statement->class =
				class_of_object_type(((AlterOwnerStmt *) node)->objectType,
									 STATEMENT_PLAIN);
			set_name_relation(statement, ((AlterOwnerStmt *) node)->relation);
			set_name_object(statement, ((AlterOwnerStmt *) node)->object);
			break;
		case T_AlterObjectDependsStmt:
			set_name_relation(statement, ((AlterObjectDependsStmt *) node)->relation);
			set_name_object(statement, ((AlterObjectDependsStmt *) node)->object);
			break;
		case T_AlterEventTrigStmt:
			statement->class = STATEMENT_EVENT_TRIGGER;
			statement->name = ((AlterEventTrigStmt *) node)->trigname;
			break;
		NAME_IN(AlterPublicationStmt, pubname);
		default:
			return false;
	}
	return true;
}

/* All other statements that create an object. */
static void
classify_object(Node *node, DumpStatement *statement)
{
	switch (nodeTag(node))
	{
		NAME_IN(CreateSchemaStmt, schemaname);
		NAME_IN(CreateExtensionStmt, extname);
		NAME_IN(CreateAmStmt, amname);
		NAME_IN(CreatePLangStmt, plname);
		NAME_IN(CreatePublicationStmt, pubname);
		NAME_LIST_IN(CreateFunctionStmt, funcname);
		NAME_LIST_IN(DefineStmt, defnames);
		NAME_LIST_IN(CreateDomainStmt, domainname);
		NAME_LIST_IN(CreateEnumStmt, typeName);
		NAME_LIST_IN(CreateRangeStmt, typeName);
		NAME_LIST_IN(CreateOpClassStmt, opclassname);
		NAME_LIST_IN(CreateOpFamilyStmt, opfamilyname);
		NAME_LIST_IN(AlterOpFamilyStmt, opfamilyname);
		NAME_LIST_IN(CreateConversionStmt, conversion_name);
		case T_CreateEventTrigStmt:
			statement->class = STATEMENT_EVENT_TRIGGER;
			statement->name = ((CreateEventTrigStmt *) node)->trigname;
			break;
		default:
			break;
	}
}

void
pgcopy_classify_statement(Node *node, DumpStatement *statement)
{
	statement->class = STATEMENT_PLAIN;
	statement->tag = (char *) GetCommandTagName(CreateCommandTag(node));
	if (classify_relation(node, statement) ||
		classify_remote(node, statement) ||
		classify_about_object(node, statement))
		return;
	classify_object(node, statement);
}
