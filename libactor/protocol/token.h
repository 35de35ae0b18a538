/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token says "this is group N, called X" under the node key (docs/protocol.md §2). Every life of the broker
 * and the supervisor has the key, so each can check a token without asking anyone. A token prevents mistakes
 * among processes of one uid. The security boundary is the uid: a token is no defence against a hostile
 * process of the same uid.
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

/* -EINVAL: name too long */
int token_make(struct token *ret, const uint8_t key[TOKEN_KEY_BYTES], uint64_t group, const char *name);
/* -EACCES: not of this key, or malformed. @ret_name has room for 256. */
int token_check(const uint8_t *bytes, size_t size_bytes, const uint8_t key[TOKEN_KEY_BYTES],
	uint64_t *ret_group, char ret_name[256]);
/* Environment form; @ret has room for 2 * TOKEN_MAX_BYTES + 1. */
void token_to_hex(const struct token *token, char *ret);
int token_from_hex(struct token *ret, const char *hex); /* -EINVAL */
