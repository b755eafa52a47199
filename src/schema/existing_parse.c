/*-------------------------------------------------------------------------
 *
 * existing_parse.c
 *	  What a statement of post-data makes, apart from its name.
 *
 * Source and target write definitions by the same functions of the server, but may
 * be of different versions: so trees of the parser are compared, not texts.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/parsenodes.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "schema/apply.h"
#include "schema/classify.h"
#include "schema/constraint.h"
#include "schema/existing_private.h"

static void
set_place(ObjectDefinition *object, ObjectKind kind, const RangeVar *relation,
		  const char *name)
{
	object->kind = kind;
	object->schema = relation != NULL && relation->schemaname != NULL ?
		relation->schemaname : "";
	object->relation = relation != NULL ? relation->relname : "";
	object->name = name != NULL ? name : "";
}

/* What has no place in a definition: name, storage, whether rows are checked. */
static Node *
strip_constraint(Constraint *constraint)
{
	constraint->conname = NULL;
	constraint->options = NIL;
	constraint->indexspace = NULL;
	constraint->skip_validation = false;
	constraint->initially_valid = true;
	return (Node *) constraint;
}

static void
describe_alter_table(AlterTableStmt *alter, ObjectDefinition *object)
{
	Constraint *constraint = pgcopy_classify_added_constraint((Node *) alter);

	if (constraint == NULL || constraint->conname == NULL ||
		constraint->indexname != NULL)
		return;
	set_place(object, OBJECT_KIND_CONSTRAINT, alter->relation, constraint->conname);
	object->definition = strip_constraint(constraint);
}

static void
describe_alter_domain(AlterDomainStmt *alter, ObjectDefinition *object)
{
	Constraint *constraint = (Constraint *) alter->def;
	int			names = list_length(alter->typeName);

	if (constraint == NULL || !IsA(constraint, Constraint) ||
		constraint->conname == NULL || names < 2)
		return;
	object->kind = OBJECT_KIND_DOMAIN_CONSTRAINT;
	object->schema = strVal(list_nth(alter->typeName, names - 2));
	object->relation = strVal(llast(alter->typeName));
	object->name = constraint->conname;
	object->definition = strip_constraint(constraint);
}

/* ALTER PUBLICATION ... ADD TABLE: the table is the name. */
static void
describe_member(AlterPublicationStmt *alter, ObjectDefinition *object)
{
	const RangeVar *table = pgcopy_publication_only_table(alter);
	List	   *specs = pgcopy_publication_members(alter);

	if (list_length(specs) == 1 && pgcopy_is_schema_of_publication(linitial(specs)))
	{
		set_place(object, OBJECT_KIND_MEMBER, NULL,
				  pgcopy_publication_schema(linitial(specs)));
		object->relation = alter->pubname;
	}
	if (table == NULL)
		return;
	set_place(object, OBJECT_KIND_MEMBER, NULL,
			  quote_qualified_identifier(table->schemaname, table->relname));
	object->relation = alter->pubname;
}

static void
describe_statistics(CreateStatsStmt *stats, ObjectDefinition *object)
{
	if (list_length(stats->relations) != 1 || !IsA(linitial(stats->relations), RangeVar))
		return;
	set_place(object, OBJECT_KIND_STATISTICS, linitial(stats->relations),
			  strVal(llast(stats->defnames)));
	stats->defnames = NIL;
	object->definition = (Node *) stats;
}

static void
describe_index(IndexStmt *index, ObjectDefinition *object)
{
	set_place(object, OBJECT_KIND_INDEX, index->relation, index->idxname);
	index->idxname = NULL;
	index->tableSpace = NULL;
	object->definition = (Node *) index;
}

static void
describe_matview(CreateTableAsStmt *create, ObjectDefinition *object)
{
	if (create->objtype != OBJECT_MATVIEW)
		return;
	set_place(object, OBJECT_KIND_MATVIEW, create->into->rel, create->into->rel->relname);
	object->definition = create->query;
}

/* Name and definition of what is named by one field. */
#define DESCRIBE(type, kind, field, place) \
	case T_##type: \
		set_place(&object, kind, place, ((type *) node)->field); \
		((type *) node)->field = NULL; \
		object.definition = node; \
		break

ObjectDefinition
pgcopy_existing_parse(const char *text, size_t length)
{
	Node	   *node = pgcopy_apply_parse(pnstrdup(text, length))->stmt;
	ObjectDefinition object = {.kind = OBJECT_KIND_NONE};

	switch (nodeTag(node))
	{
			DESCRIBE(CreateTrigStmt, OBJECT_KIND_TRIGGER, trigname,
					 ((CreateTrigStmt *) node)->relation);
			DESCRIBE(RuleStmt, OBJECT_KIND_RULE, rulename, ((RuleStmt *) node)->relation);
			DESCRIBE(CreatePolicyStmt, OBJECT_KIND_POLICY, policy_name,
					 ((CreatePolicyStmt *) node)->table);
			DESCRIBE(CreateEventTrigStmt, OBJECT_KIND_EVENT_TRIGGER, trigname, NULL);
			DESCRIBE(CreatePublicationStmt, OBJECT_KIND_PUBLICATION, pubname, NULL);
		case T_CreateSubscriptionStmt:
			set_place(&object, OBJECT_KIND_SUBSCRIPTION, NULL,
					  ((CreateSubscriptionStmt *) node)->subname);
			break;
		case T_IndexStmt:
			describe_index((IndexStmt *) node, &object);
			break;
		case T_AlterTableStmt:
			describe_alter_table((AlterTableStmt *) node, &object);
			break;
		case T_AlterDomainStmt:
			describe_alter_domain((AlterDomainStmt *) node, &object);
			break;
		case T_AlterPublicationStmt:
			describe_member((AlterPublicationStmt *) node, &object);
			break;
		case T_CreateStatsStmt:
			describe_statistics((CreateStatsStmt *) node, &object);
			break;
		case T_CreateTableAsStmt:
			describe_matview((CreateTableAsStmt *) node, &object);
			break;
		default:
			break;
	}
	return object;
}

ObjectDefinition
pgcopy_existing_parse_index(const char *text, size_t length)
{
	Node	   *node = pgcopy_apply_parse(pnstrdup(text, length))->stmt;
	ObjectDefinition object = {.kind = OBJECT_KIND_NONE};

	node = pgcopy_constraint_rewrite(node, APPLY_INDEX_OF_CONSTRAINT);
	describe_index(castNode(IndexStmt, node), &object);
	return object;
}

static const char *
word_of(ObjectKind kind)
{
	switch (kind)
	{
		case OBJECT_KIND_NONE:
			break;
		case OBJECT_KIND_INDEX:
			return "index";
		case OBJECT_KIND_CONSTRAINT:
		case OBJECT_KIND_DOMAIN_CONSTRAINT:
			return "constraint";
		case OBJECT_KIND_TRIGGER:
			return "trigger";
		case OBJECT_KIND_RULE:
			return "rule";
		case OBJECT_KIND_POLICY:
			return "policy";
		case OBJECT_KIND_STATISTICS:
			return "statistics";
		case OBJECT_KIND_MATVIEW:
			return "materialized view";
		case OBJECT_KIND_EVENT_TRIGGER:
			return "event trigger";
		case OBJECT_KIND_PUBLICATION:
			return "publication";
		case OBJECT_KIND_MEMBER:
			return "publication of";
		case OBJECT_KIND_SUBSCRIPTION:
			return "subscription";
	}
	return "object";
}

char *
pgcopy_existing_parse_words(const ObjectDefinition *object)
{
	if (object->relation[0] == '\0')
		return psprintf("%s %s", word_of(object->kind), quote_identifier(object->name));
	return psprintf("%s %s on %s", word_of(object->kind), quote_identifier(object->name),
					quote_qualified_identifier(object->schema[0] != '\0' ? object->schema : NULL,
											   object->relation));
}
