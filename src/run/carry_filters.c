/*-------------------------------------------------------------------------
 *
 * carry_filters.c
 *	  Row filters of a job that follows: whether the stream can keep to them.
 *
 * The publication has the condition that the copy has, so an UPDATE that moves a row
 * into it or out of it arrives as an INSERT or a DELETE.  For that the source wants all
 * its columns in the replica identity.  And such an INSERT has large values that the
 * UPDATE did not touch only if they are in the identity as well: PostgreSQL sends the
 * others as "unchanged", and the subscriber takes them for NULL, without a word.
 * REPLICA IDENTITY FULL does for both; a table without is one whose updates cannot be
 * carried.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "run/carry.h"
#include "select/subset.h"
#include "source/inventory.h"
#include "stream/publication.h"

static TableIdentity *
find_identity(List *identities, Oid oid)
{
	ListCell   *lc;

	foreach(lc, identities)
	{
		TableIdentity *identity = lfirst(lc);

		if (identity->oid == oid)
			return identity;
	}
	return NULL;
}

static List *
add_refusal(List *findings, const SourceRelation *relation, const ErrorData *error)
{
	Finding		finding = {
		.level = FINDING_ERROR,
		.sqlerrcode = error->sqlerrcode,
		.message = psprintf("row_filters of %s: changes cannot be filtered by it: %s",
							quote_qualified_identifier(relation->schema, relation->name),
							error->message),
		.detail = error->detail,
		.hint = "Use built-in immutable functions and operators of the row's own columns, or clone without follow."
	};

	return list_concat(findings, pgcopy_finding_list(&finding));
}

/* What is wrong with an identity that would be fine without the filter? */
static IdentityFault
find_fault(const PublishedPart *part, const TableIdentity *identity)
{
	if (identity->replident == REPLICA_IDENTITY_FULL)
		return IDENTITY_FINE;
	if (!part->is_in_identity)
		return IDENTITY_LACKS_FILTER;
	return part->has_large_values ? IDENTITY_LACKS_LARGE : IDENTITY_FINE;
}

static List *
check_filter(SourceSession *session, SourceRelation *relation, TableIdentity *identity)
{
	PublishedTable table = {
		.oid = relation->oid,
		.schema = relation->schema,
		.name = relation->name,
		.row_filter = relation->row_condition
	};
	PublishedPart part;

	pgcopy_publication_try_part(session, &table, relation->expression_path, &part);
	if (part.error != NULL)
		return add_refusal(NIL, relation, part.error);
	relation->row_condition = unconstify(char *, part.row_filter);
	relation->expression_path = NULL;
	if (identity->fault == IDENTITY_FINE)
		identity->fault = find_fault(&part, identity);
	return NIL;
}

/* May the table be published?  Others are copied again, by any condition. */
static bool
may_be_published(const SourceRelation *relation, const TableIdentity *identity,
				 WithoutIdentityOption choice)
{
	if (!relation->has_data_of_its_own || relation->config_condition != NULL ||
		relation->through_root || identity == NULL || identity->fault == IDENTITY_UNLOGGED)
		return false;
	return identity->fault == IDENTITY_FINE || choice == WITHOUT_IDENTITY_SET ||
		choice == WITHOUT_IDENTITY_INSERTS;
}

List *
pgcopy_carry_filters_check(Leader *leader, List *relations, List *identities)
{
	SourceSession *session = pgcopy_link_session(leader->link);
	List	   *findings = NIL;
	ListCell   *lc;

	foreach(lc, relations)
	{
		SourceRelation *relation = lfirst(lc);
		TableIdentity *identity = relation->row_condition == NULL ? NULL :
			find_identity(identities, relation->oid);

		CHECK_FOR_INTERRUPTS();
		if (may_be_published(relation, identity, leader->job->options.without_identity))
			findings = list_concat(findings, check_filter(session, relation, identity));
	}
	return findings;
}

void
pgcopy_carry_filters_keep(List *before, List *identities)
{
	ListCell   *lc;

	foreach(lc, before)
	{
		const TableIdentity *old = lfirst(lc);
		TableIdentity *now = pgcopy_identity_lacks_part(old->fault) ?
			find_identity(identities, old->oid) : NULL;

		if (now != NULL && now->fault == IDENTITY_FINE &&
			now->replident != REPLICA_IDENTITY_FULL)
			now->fault = old->fault;
	}
}
