/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token says "this is group N, called X" under the node key (docs/protocol.md §2). Every life of the broker
 * and of the supervisor has the key, so each of them can check a token by itself. A token prevents mistakes
 * among processes of one uid. It is no defence against a hostile process of the same uid: the security
 * boundary is the uid.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TOKEN_KEY_BYTES 16
#define TOKEN_MAC_BYTES 16
#define TOKEN_MAX_BYTES (1 + 8 + 1 + 255 + TOKEN_MAC_BYTES)

struct token {
	uint8_t bytes[TOKEN_MAX_BYTES];
	size_t size_bytes;
};

/* Returns 0; -EINVAL when the name is too long. */
int token_make(struct token *ret, const uint8_t key[TOKEN_KEY_BYTES], uint64_t group, const char *name);
/*
 * Returns 0; -EACCES when the token is malformed or was made with another key. @ret_name has room for 256
 * bytes.
 */
int token_check(const uint8_t *bytes, size_t size_bytes, const uint8_t key[TOKEN_KEY_BYTES],
	uint64_t *ret_group, char ret_name[256]);
/* The form for the environment. @ret has room for 2 * TOKEN_MAX_BYTES + 1. */
void token_to_hex(const struct token *token, char *ret);
int token_from_hex(struct token *ret, const char *hex); /* 0 or -EINVAL */
