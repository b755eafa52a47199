/*-------------------------------------------------------------------------
 *
 * record_key.c
 *	  Keys of any width as bytes, whose order is that of the keys.
 *
 * One column after the other.  No column's bytes are the beginning of other bytes
 * of the same column; so the next one counts only among equals, and the bytes of a
 * descending column can be inverted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/socket.h>

#include "datatype/timestamp.h"
#include "utils/inet.h"

#include "index/collate.h"
#include "index/record.h"
#include "index/word.h"

/* strxfrm() may make so many bytes of one, and of a value, before we give up. */
#define TRANSFORMED_GROWTH 16
#define TRANSFORMED_LEAST 64

#define KEY_OVERHEAD 40			/* bytes at most, besides the value's own */

/* Of a numeric on disk; numeric.c */
#define NUMERIC_IS_SPECIAL(head) (((head) & 0xC000) == 0xC000)
#define NUMERIC_IS_SHORT(head) (((head) & 0x8000) != 0)
#define NUMERIC_NAN 0xC000
#define NUMERIC_MINUS_INFINITY 0xF000

/* The first byte of a numeric's key */
enum
{
	NUMERIC_KEY_MINUS_INFINITY,
	NUMERIC_KEY_NEGATIVE,
	NUMERIC_KEY_ZERO,
	NUMERIC_KEY_POSITIVE,
	NUMERIC_KEY_INFINITY,
	NUMERIC_KEY_NAN
};

static unsigned char *
put_number(unsigned char *key, uint64 number, int length)
{
	number = pg_hton64(number << (64 - 8 * length));
	memcpy(key, &number, sizeof(number));
	return key + length;
}

static unsigned char *
put_special_numeric(unsigned char *key, uint16 head)
{
	if (head == NUMERIC_MINUS_INFINITY)
		*key++ = NUMERIC_KEY_MINUS_INFINITY;
	else
		*key++ = head == NUMERIC_NAN ? NUMERIC_KEY_NAN : NUMERIC_KEY_INFINITY;
	return key;
}

/* Digits are written as digit + 1, then a zero; all inverted if negative. */
static unsigned char *
put_digits(unsigned char *key, int weight, const char *digits, int count, bool is_negative)
{
	uint16		invert = is_negative ? 0xFFFF : 0;

	key = put_number(key, (uint16) (weight + 0x8000) ^ invert, 2);
	for (int i = 0; i < count; i++)
	{
		int16		digit;

		memcpy(&digit, digits + i * sizeof(int16), sizeof(int16));
		key = put_number(key, (uint16) (digit + 1) ^ invert, 2);
	}
	return put_number(key, invert, 2);
}

/* The first and last digit of a numeric on disk are not zero. */
static bool
is_normal(const char *digits, int count)
{
	int16		first;
	int16		last;

	memcpy(&first, digits, sizeof(int16));
	memcpy(&last, digits + (count - 1) * sizeof(int16), sizeof(int16));
	return first != 0 && last != 0;
}

static unsigned char *
put_numeric(unsigned char *key, const RecordValue *value, const char **reason)
{
	const char *digits = value->data + sizeof(uint16);
	uint16		head;
	int16		weight;
	bool		is_negative;
	int			count;

	memcpy(&head, value->data, sizeof(head));
	if (NUMERIC_IS_SPECIAL(head))
		return put_special_numeric(key, head);
	if (NUMERIC_IS_SHORT(head))
	{
		is_negative = (head & 0x2000) != 0;
		weight = (head & 0x0040 ? ~0x003F : 0) | (head & 0x003F);
	}
	else
	{
		is_negative = (head & 0xC000) == 0x4000;
		memcpy(&weight, digits, sizeof(weight));
		digits += sizeof(weight);
	}
	count = (value->data + value->length - digits) / sizeof(int16);
	if (count == 0)
	{
		*key++ = NUMERIC_KEY_ZERO;
		return key;
	}
	if (unlikely(!is_normal(digits, count)))
		*reason = "numeric with leading or trailing zeros";
	*key++ = is_negative ? NUMERIC_KEY_NEGATIVE : NUMERIC_KEY_POSITIVE;
	return put_digits(key, weight, digits, count, is_negative);
}

/* As timetz_cmp_internal(): by time in UTC, then by zone. */
static unsigned char *
put_timetz(unsigned char *key, const char *value)
{
	int64		time;
	int32		zone;

	memcpy(&time, value, sizeof(time));
	memcpy(&zone, value + sizeof(time), sizeof(zone));
	time += (int64) zone * USECS_PER_SEC;
	key = put_number(key, (uint64) time ^ SIGN64, 8);
	return put_number(key, (uint32) zone ^ SIGN32, 4);
}

/* As interval_cmp_value(): a number of 128 bits. */
static unsigned char *
put_interval(unsigned char *key, const char *value)
{
	Interval	interval;
	int64		days;
	int128		span;

	memcpy(&interval, value, sizeof(interval));
	days = interval.month * INT64CONST(30) + interval.day;
	span = (int128) days * USECS_PER_DAY + interval.time;
	key = put_number(key, (uint64) (span >> 64) ^ SIGN64, 8);
	return put_number(key, (uint64) span, 8);
}

/* As network_cmp_internal(): family, network, its length, whole address. */
static unsigned char *
put_inet(unsigned char *key, const char *value)
{
	const inet_struct *inet = (const inet_struct *) value;
	int			length = inet->family == PGSQL_AF_INET ? 4 : 16;

	*key++ = inet->family;
	for (int i = 0; i < length; i++)
	{
		int			bits = Min(Max(inet->bits - i * 8, 0), 8);

		*key++ = inet->ipaddr[i] & (0xFF << (8 - bits));
	}
	*key++ = inet->bits;
	memcpy(key, inet->ipaddr, length);
	return key + length;
}

static unsigned char *
put_text(unsigned char *key, const char *data, uint32 length)
{
	memcpy(key, data, length);
	key += length;
	*key++ = 0;
	return key;
}

/* A zero is written as 0, 255; two zeros are the end. */
static unsigned char *
put_bytea(unsigned char *key, const RecordValue *value)
{
	const unsigned char *data = (const unsigned char *) value->data;

	for (uint32 i = 0; i < value->length; i++)
	{
		*key++ = data[i];
		if (data[i] == 0)
			*key++ = 0xFF;
	}
	return put_number(key, 0, 2);
}

static uint32
length_without_blanks(const RecordValue *value)
{
	uint32		length = value->length;

	while (length > 0 && value->data[length - 1] == ' ')
		length--;
	return length;
}

static inline unsigned char *
put_value(unsigned char *key, KeyKind kind, const RecordValue *value, const char **reason)
{
	WordTrouble trouble = WORD_FINE;

	switch (kind)
	{
		case KEY_UUID:
		case KEY_BYTES:
			memcpy(key, value->data, value->length);
			return key + value->length;
		case KEY_NUMERIC:
			return put_numeric(key, value, reason);
		case KEY_TIMETZ:
			return put_timetz(key, value->data);
		case KEY_INTERVAL:
			return put_interval(key, value->data);
		case KEY_TEXT:
			return put_text(key, value->data, value->length);
		case KEY_BPCHAR:
			return put_text(key, value->data, length_without_blanks(value));
		case KEY_BYTEA:
			return put_bytea(key, value);
		case KEY_INET:
			return put_inet(key, value->data);
		default:
			key = put_number(key, pgcopy_word_read(kind, value->data, &trouble),
							 value->length);
			if (trouble == WORD_ENUM)
				*reason = REASON_ENUM;
			return key;
	}
}

/* Bytes of a transformed value at most, else it is left to the server. */
static Size
transformed_room(uint32 length)
{
	return (Size) length * TRANSFORMED_GROWTH + TRANSFORMED_LEAST;
}

static unsigned char *
put_transformed(unsigned char *key, const KeyColumn *column, const RecordValue *value,
				const char **reason)
{
	uint32		length = column->kind == KEY_BPCHAR ? length_without_blanks(value) :
	value->length;
	int			written = pgcopy_collate_key(column->transformer, value->data, length, key,
											 transformed_room(value->length));

	if (written >= 0)
		return key + written;
	*reason = REASON_ORDER;
	return key;
}

Size
pgcopy_record_key_room(const KeyDescription *keys, const RecordValue *values)
{
	Size		room = 0;

	for (int i = 0; i < keys->nkeys; i++)
	{
		const KeyColumn *column = &keys->columns[i];

		if (column->transformer != NULL)
			room += KEY_OVERHEAD + transformed_room(values[i].length);
		else
			room += KEY_OVERHEAD + values[i].length * (column->kind == KEY_BYTEA ? 2 : 1);
	}
	return room;
}

unsigned char *
pgcopy_record_key_write(const KeyDescription *keys, const RecordValue *values,
						unsigned char *key, const char **reason)
{
	for (int i = 0; i < keys->nkeys; i++)
	{
		const KeyColumn *column = &keys->columns[i];
		unsigned char *start;

		/* of a single column, what is null is no record with a key */
		if (!column->not_null && keys->nkeys > 1)
		{
			*key++ = !values[i].is_null ? 1 : column->nulls_first ? 0 : 2;
			if (values[i].is_null)
				continue;
		}
		start = key;
		if (column->transformer != NULL)
			key = put_transformed(key, column, &values[i], reason);
		else
			key = put_value(key, column->kind, &values[i], reason);
		if (column->descending)
			for (; start < key; start++)
				*start = ~*start;
	}
	return key;
}
