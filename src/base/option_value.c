/*-------------------------------------------------------------------------
 *
 * option_value.c
 *	  Values of options that are lists or JSON objects.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"

#include "base/option_value.h"

static void
throw_invalid(const char *option, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for %s", option),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
}

static List *
add_element(List *list, const char *option, char *element, const char *hint)
{
	if (element == NULL || element[0] == '\0')
		throw_invalid(option, element == NULL ? "It has an element that is null." :
					  "It has an element that is empty.", hint);
	return lappend(list, element);
}

static List *
read_array(const char *option, const char *value, const char *hint)
{
	ArrayType  *array = DatumGetArrayTypeP(OidInputFunctionCall(F_ARRAY_IN,
																unconstify(char *, value),
																TEXTOID, -1));
	List	   *list = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			n;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &n);
	for (int i = 0; i < n; i++)
		list = add_element(list, option,
						   nulls[i] ? NULL : TextDatumGetCString(elements[i]), hint);
	return list;
}

static Jsonb *
read_json(const char *value)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(value)));
}

static char *
copy_string(const JsonbValue *value)
{
	return value->type == jbvString ?
		pnstrdup(value->val.string.val, value->val.string.len) : NULL;
}

static List *
read_json_array(const char *option, const char *value, const char *hint)
{
	Jsonb	   *json = read_json(value);
	JsonbIterator *it = JsonbIteratorInit(&json->root);
	JsonbIteratorToken token;
	JsonbValue	element;
	List	   *list = NIL;

	while ((token = JsonbIteratorNext(&it, &element, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM)
			list = add_element(list, option, copy_string(&element), hint);
	}
	return list;
}

List *
pgcopy_option_value_list(const char *option, const char *value, const char *hint)
{
	/* '[0:1]={a,b}' is the output of an array too */
	if (value[0] == '[' && (value[1] == '"' || value[1] == ']'))
		return read_json_array(option, value, hint);
	return read_array(option, value, hint);
}

static List *
read_object(const char *option, JsonbContainer *container, bool is_nested, bool is_inner,
			const char *hint)
{
	JsonbIterator *it = JsonbIteratorInit(container);
	JsonbIteratorToken token;
	JsonbValue	value;
	OptionPair *pair = NULL;
	List	   *pairs = NIL;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
		{
			pair = palloc0(sizeof(OptionPair));
			pair->key = copy_string(&value);
			pairs = lappend(pairs, pair);
			if (pair->key[0] == '\0')
				throw_invalid(option, "It has a member without a name.", hint);
		}
		else if (token == WJB_VALUE)
		{
			bool		is_object = value.type == jbvBinary &&
				JsonContainerIsObject(value.val.binary.data);

			if (is_nested && !is_inner && is_object)
				pair->pairs = read_object(option, value.val.binary.data, is_nested, true, hint);
			else if ((is_nested && !is_inner) ||
					 (value.type != jbvString && !(is_inner && value.type == jbvNull)))
				throw_invalid(option,
							  psprintf(is_nested && !is_inner ?
									   "The value of \"%s\" is not an object." :
									   "The value of \"%s\" is not a string.", pair->key),
							  hint);
			else
				pair->value = copy_string(&value);
			/* of tablespace_map "" is the database's tablespace */
			if (pair->value != NULL && pair->value[0] == '\0' &&
				strcmp(option, "tablespace_map") != 0)
				throw_invalid(option, psprintf("The value of \"%s\" is empty.", pair->key), hint);
		}
	}
	return pairs;
}

List *
pgcopy_option_value_pairs(const char *option, const char *value, bool is_nested,
						  const char *hint)
{
	Jsonb	   *json = read_json(value);

	if (!JB_ROOT_IS_OBJECT(json))
		throw_invalid(option, "It is not a JSON object.", hint);
	return read_object(option, &json->root, is_nested, false, hint);
}

void
pgcopy_option_value_append_list(StringInfo json, List *list)
{
	ListCell   *lc;

	appendStringInfoChar(json, '[');
	foreach(lc, list)
	{
		if (lc != list_head(list))
			appendStringInfoString(json, ", ");
		escape_json(json, lfirst(lc));
	}
	appendStringInfoChar(json, ']');
}

void
pgcopy_option_value_append_pairs(StringInfo json, List *pairs)
{
	ListCell   *lc;

	appendStringInfoChar(json, '{');
	foreach(lc, pairs)
	{
		const OptionPair *pair = lfirst(lc);

		if (lc != list_head(pairs))
			appendStringInfoString(json, ", ");
		escape_json(json, pair->key);
		appendStringInfoString(json, ": ");
		if (pair->pairs != NIL)
			pgcopy_option_value_append_pairs(json, pair->pairs);
		else if (pair->value != NULL)
			escape_json(json, pair->value);
		else
			appendStringInfoString(json, "null");
	}
	appendStringInfoChar(json, '}');
}
