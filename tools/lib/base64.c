/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/base64.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const void *data, size_t size_bytes)
{
	const uint8_t *in = data;
	char *text, *out;
	size_t left;

	if (size_bytes > SIZE_MAX / 4)
		return NULL;
	out = text = malloc((size_bytes + 2) / 3 * 4 + 1);
	if (!text)
		return NULL;
	for (left = size_bytes; left; in += 3) {
		size_t n = left < 3 ? left : 3;
		uint32_t v = (uint32_t)in[0] << 16 | (n > 1 ? (uint32_t)in[1] << 8 : 0) | (n > 2 ? in[2] : 0);

		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = n > 1 ? digits[v >> 6 & 63] : '=';
		*out++ = n > 2 ? digits[v & 63] : '=';
		left -= n;
	}
	*out = '\0';
	return text;
}

static int base64_digit(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

int base64_decode(const char *text, size_t len, uint8_t **ret_data, size_t *ret_size_bytes)
{
	uint8_t *data;
	size_t n = 0, padding = 0;

	if (len % 4)
		return -EINVAL;
	if (len)
		padding = (text[len - 1] == '=') + (text[len - 1] == '=' && text[len - 2] == '=');
	data = malloc(len / 4 * 3 + 1);
	if (!data)
		return -ENOMEM;
	for (size_t i = 0; i < len; i += 4) {
		size_t n_digits = i + 4 == len ? 4 - padding : 4;
		uint32_t v = 0;

		for (size_t k = 0; k < 4; k++) {
			int digit = k < n_digits ? base64_digit(text[i + k]) : 0;

			if (digit < 0)
				goto invalid;
			v = v << 6 | (uint32_t)digit;
		}
		if (v & (n_digits == 2 ? 0xffff : n_digits == 3 ? 0xff : 0))
			goto invalid; /* an encoder leaves these bits 0 */
		for (size_t k = 0; k + 1 < n_digits; k++)
			data[n++] = (uint8_t)(v >> (16 - 8 * k));
	}
	*ret_data = data;
	*ret_size_bytes = n;
	return 0;
invalid:
	free(data);
	return -EINVAL;
}
