/*-------------------------------------------------------------------------
 *
 * time.c
 *	  Dates, times, timestamps and intervals of the binary wire.
 *
 * A timestamp's receive function breaks it down to see whether it can be
 * printed.  Any valid one can, except within days of the limits, where a time
 * zone may push it out: those, and columns with a precision, are left to the
 * receive function.  So are intervals with a typmod.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/date.h"
#include "utils/timestamp.h"

#include "decode/decode.h"

Datum
pgcopy_decode_date(Decoder *decoder, char *data, int length)
{
	DateADT		result;

	if (unlikely(length != 4))
		return pgcopy_decode_receive(decoder, data, length);
	result = (DateADT) pgcopy_decode_read32(data);
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
	result = (TimeADT) pgcopy_decode_read64(data);
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
	result->time = (TimeADT) pgcopy_decode_read64(data);
	result->zone = (int32) pgcopy_decode_read32(data + 8);
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
	result = (Timestamp) pgcopy_decode_read64(data);
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

	if (unlikely(length != 16 || decoder->typmod >= 0))
		return pgcopy_decode_receive(decoder, data, length);
	result = palloc(sizeof(Interval));
	result->time = (TimeOffset) pgcopy_decode_read64(data);
	result->day = (int32) pgcopy_decode_read32(data + 8);
	result->month = (int32) pgcopy_decode_read32(data + 12);
	return IntervalPGetDatum(result);
}
