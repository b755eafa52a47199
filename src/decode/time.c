/*-------------------------------------------------------------------------
 *
 * time.c
 *	  Dates, times, timestamps and intervals of the binary wire.
 *
 * The receive function of a timestamp breaks it down to see whether it could
 * be printed.  What lies in the range of valid timestamps can be, except at
 * its rims, where a time zone may push it out: there the receive function is
 * asked.  Precision in the typmod is left to the receive function too, unless
 * the value already fits it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bswap.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#include "decode/decode.h"

static inline int64
read_int64(const char *data)
{
	uint64		value;

	memcpy(&value, data, 8);
	return (int64) pg_ntoh64(value);
}

static inline int32
read_int32(const char *data)
{
	uint32		value;

	memcpy(&value, data, 4);
	return (int32) pg_ntoh32(value);
}

Datum
pgcopy_decode_date(Decoder *decoder, char *data, int length)
{
	DateADT		result;

	if (unlikely(length != 4))
		return pgcopy_decode_receive(decoder, data, length);
	result = read_int32(data);
	if (!DATE_NOT_FINITE(result) && !IS_VALID_DATE(result))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("date out of range")));
	return DateADTGetDatum(result);
}

Datum
pgcopy_decode_time(Decoder *decoder, char *data, int length)
{
	TimeADT		result;

	if (unlikely(length != 8))
		return pgcopy_decode_receive(decoder, data, length);
	result = read_int64(data);
	if (result < INT64CONST(0) || result > USECS_PER_DAY)
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("time out of range")));
	AdjustTimeForTypmod(&result, decoder->typmod);
	return TimeADTGetDatum(result);
}

Datum
pgcopy_decode_timetz(Decoder *decoder, char *data, int length)
{
	TimeTzADT  *result;

	if (unlikely(length != 12))
		return pgcopy_decode_receive(decoder, data, length);
	result = palloc(sizeof(TimeTzADT));
	result->time = read_int64(data);
	result->zone = read_int32(data + 8);
	if (result->time < INT64CONST(0) || result->time > USECS_PER_DAY ||
		result->zone <= -TZDISP_LIMIT || result->zone >= TZDISP_LIMIT)
		return pgcopy_decode_receive(decoder, data, length);
	AdjustTimeForTypmod(&result->time, decoder->typmod);
	return TimeTzADTPGetDatum(result);
}

Datum
pgcopy_decode_timestamp(Decoder *decoder, char *data, int length)
{
	Timestamp	result;

	if (unlikely(length != 8))
		return pgcopy_decode_receive(decoder, data, length);
	result = read_int64(data);
	if (decoder->typmod >= 0 ||
		result < MIN_TIMESTAMP + 2 * USECS_PER_DAY ||
		result >= END_TIMESTAMP - 2 * USECS_PER_DAY)
		return pgcopy_decode_receive(decoder, data, length);
	return TimestampGetDatum(result);
}

Datum
pgcopy_decode_interval(Decoder *decoder, char *data, int length)
{
	Interval   *result;

	if (unlikely(length != 16))
		return pgcopy_decode_receive(decoder, data, length);
	if (decoder->typmod >= 0)
		return pgcopy_decode_receive(decoder, data, length);
	result = palloc(sizeof(Interval));
	result->time = read_int64(data);
	result->day = read_int32(data + 8);
	result->month = read_int32(data + 12);
	return IntervalPGetDatum(result);
}
