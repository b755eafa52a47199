/*-------------------------------------------------------------------------
 *
 * sort_template.h
 *	  A stable sort by a number of up to 64 bits; included by sort.c.
 *
 * Needs ENTRY, a type; KEY(entry), its number; SORT(name), a name of its own.
 *
 * Radix passes of at most 11 bits over the highest bits that vary, as many as
 * split the entries into groups of a few; then each group by the rest of its
 * bits.  Each level takes at least 8 bits, so recursion is at most 8 deep.
 *
 *-------------------------------------------------------------------------
 */

static void
SORT(insert)(ENTRY *entries, size_t count)
{
	for (size_t i = 1; i < count; i++)
	{
		ENTRY		entry = entries[i];
		uint64		key = KEY(entry);
		size_t		j = i;

		for (; j > 0 && KEY(entries[j - 1]) > key; j--)
			entries[j] = entries[j - 1];
		entries[j] = entry;
	}
}

static void
SORT(count_digits)(const ENTRY *entries, size_t count, uint64 least,
				   const RadixPlan *plan, uint32 *counts)
{
	uint64		mask = (UINT64CONST(1) << plan->digit) - 1;

	for (size_t i = 0; i < count; i++)
	{
		uint64		key = (KEY(entries[i]) - least) >> plan->shift;

		for (int pass = 0; pass < plan->passes; pass++)
			counts[((size_t) pass << plan->digit) + ((key >> (pass * plan->digit)) & mask)]++;
	}
}

/* Returns where the entries are now: here or there. */
static ENTRY *
SORT(distribute)(ENTRY *from, ENTRY *to, size_t count, uint64 least,
				 const RadixPlan *plan)
{
	uint32	   *counts = palloc0(sizeof(uint32) * plan->passes << plan->digit);
	uint64		mask = (UINT64CONST(1) << plan->digit) - 1;

	SORT(count_digits)(from, count, least, plan, counts);
	for (int pass = 0; pass < plan->passes; pass++)
	{
		uint32	   *places = counts + ((size_t) pass << plan->digit);
		int			shift = plan->shift + pass * plan->digit;
		ENTRY	   *swap = from;

		if (!sum_up(places, mask, count))
			continue;
		CHECK_FOR_INTERRUPTS();
		for (size_t i = 0; i < count; i++)
		{
			ENTRY		entry = from[i];

			to[places[((KEY(entry) - least) >> shift) & mask]++] = entry;
		}
		from = to;
		to = swap;
	}
	pfree(counts);
	return from;
}

/* Sort entries whose keys are from least to most; "scratch" has room for all. */
static void
SORT(radix)(ENTRY *entries, ENTRY *scratch, size_t count, uint64 least, uint64 most)
{
	RadixPlan	plan;
	ENTRY	   *sorted;

	if (count < 2 || least == most)
		return;
	if (count <= FEW_ENTRIES)
	{
		SORT(insert)(entries, count);
		return;
	}
	plan_passes(count, most - least, &plan);
	sorted = SORT(distribute)(entries, scratch, count, least, &plan);
	if (sorted != entries)
		memcpy(entries, sorted, count * sizeof(ENTRY));
	if (plan.shift == 0)
		return;
	for (size_t i = 0, next; i < count; i = next)
	{
		uint64		high = (KEY(entries[i]) - least) >> plan.shift;
		uint64		low = KEY(entries[i]);
		uint64		top = low;

		for (next = i + 1; next < count; next++)
		{
			uint64		key = KEY(entries[next]);

			if ((key - least) >> plan.shift != high)
				break;
			low = Min(low, key);
			top = Max(top, key);
		}
		if (next - i > 1)
			SORT(radix)(entries + i, scratch, next - i, low, top);
	}
}

#undef ENTRY
#undef KEY
#undef SORT
