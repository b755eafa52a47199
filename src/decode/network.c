/*-------------------------------------------------------------------------
 *
 * network.c
 *	  Network addresses of the binary wire, in place.
 *
 * On the wire four bytes precede the address: family, bits, whether it is a
 * cidr (ignored, as by the server) and its length in bytes.  On disk two do:
 * family and bits.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <sys/socket.h>

#include "utils/inet.h"

#include "decode/decode.h"

#define WIRE_HEADER		4
#define DISK_HEADER		2

/* Return whether the address is as a server sends it. */
static bool
is_plain_address(const char *data, int length)
{
	int			bytes = length - WIRE_HEADER;

	if (bytes != 4 && bytes != 16)
		return false;
	return data[0] == (bytes == 4 ? PGSQL_AF_INET : PGSQL_AF_INET6) &&
		(unsigned char) data[1] <= bytes * BITS_PER_BYTE && data[3] == bytes;
}

/* Return whether a bit after the first "bits" is set. */
static bool
has_host_bits(const char *address, int bytes, int bits)
{
	int			i = bits / BITS_PER_BYTE;

	if (i < bytes && (address[i] & (0xff >> bits % BITS_PER_BYTE)) != 0)
		return true;
	for (i++; i < bytes; i++)
	{
		if (address[i] != 0)
			return true;
	}
	return false;
}

Datum
pgcopy_decode_inet(Decoder *decoder, char *data, int length)
{
	char	   *content;

	if (!is_plain_address(data, length))
		return pgcopy_decode_receive(decoder, data, length);
	content = data + WIRE_HEADER - DISK_HEADER;
	content[1] = data[1];
	content[0] = data[0];
	return pgcopy_decode_varlena(decoder, content,
								 length - WIRE_HEADER + DISK_HEADER);
}

Datum
pgcopy_decode_cidr(Decoder *decoder, char *data, int length)
{
	if (!is_plain_address(data, length) ||
		has_host_bits(data + WIRE_HEADER, length - WIRE_HEADER,
					  (unsigned char) data[1]))
		return pgcopy_decode_receive(decoder, data, length);
	return pgcopy_decode_inet(decoder, data, length);
}
