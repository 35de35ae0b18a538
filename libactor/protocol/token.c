/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/protocol/token.h"

#include <errno.h>
#include <string.h>

#include "libactor/util/siphash.h"

#define TOKEN_VERSION        1
#define TOKEN_HEAD_BYTES     (1 + 8 + 1)
#define TOKEN_NAME_MAX_BYTES 255

int token_make(struct token *ret, const uint8_t key[TOKEN_KEY_BYTES], uint64_t group, const char *name)
{
	size_t len = strlen(name);
	uint8_t *p = ret->bytes;

	if (len > TOKEN_NAME_MAX_BYTES)
		return -EINVAL;
	*p++ = TOKEN_VERSION;
	for (int shift = 56; shift >= 0; shift -= 8)
		*p++ = (uint8_t)(group >> shift);
	*p++ = (uint8_t)len;
	memcpy(p, name, len);
	p += len;
	siphash128(ret->bytes, TOKEN_HEAD_BYTES + len, key, p);
	ret->size_bytes = TOKEN_HEAD_BYTES + len + TOKEN_MAC_BYTES;
	return 0;
}

int token_check(const uint8_t *bytes, size_t size_bytes, const uint8_t key[TOKEN_KEY_BYTES],
	uint64_t *ret_group, char ret_name[256])
{
	uint8_t mac[TOKEN_MAC_BYTES], differs = 0;
	uint64_t group = 0;
	size_t len;

	if (!bytes || size_bytes < TOKEN_HEAD_BYTES + TOKEN_MAC_BYTES || bytes[0] != TOKEN_VERSION)
		return -EACCES;
	len = bytes[9];
	if (size_bytes != TOKEN_HEAD_BYTES + len + TOKEN_MAC_BYTES)
		return -EACCES;
	siphash128(bytes, TOKEN_HEAD_BYTES + len, key, mac);
	for (size_t i = 0; i < sizeof(mac); i++) /* the time does not depend on where they differ */
		differs |= mac[i] ^ bytes[TOKEN_HEAD_BYTES + len + i];
	if (differs || memchr(bytes + TOKEN_HEAD_BYTES, 0, len))
		return -EACCES;
	for (int i = 1; i <= 8; i++)
		group = group << 8 | bytes[i];
	*ret_group = group;
	memcpy(ret_name, bytes + TOKEN_HEAD_BYTES, len);
	ret_name[len] = 0;
	return 0;
}

void token_to_hex(const struct token *token, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < token->size_bytes; i++) {
		*ret++ = digits[token->bytes[i] >> 4];
		*ret++ = digits[token->bytes[i] & 15];
	}
	*ret = 0;
}

static int token_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int token_from_hex(struct token *ret, const char *hex)
{
	size_t len = strlen(hex);

	if (!len || len % 2 || len / 2 > TOKEN_MAX_BYTES)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (token_digit(hex[i]) < 0)
			return -EINVAL;
	}
	for (size_t i = 0; i < len / 2; i++)
		ret->bytes[i] = (uint8_t)(token_digit(hex[2 * i]) << 4 | token_digit(hex[2 * i + 1]));
	ret->size_bytes = len / 2;
	return 0;
}
