/* SPDX-License-Identifier: Apache-2.0 */
/* The input is read as a hello, as an answer to one, and as a token. */
#include <string.h>

#include "libactor/protocol/hello.h"
#include "libactor/util/utf8.h"
#include "tests/fuzz/fuzz.h"

static void hello_check(const struct hello *hello)
{
	static const uint8_t key[TOKEN_KEY_BYTES] = "fuzz";
	struct hello again;
	struct buf b = BUF_INIT;

	FUZZ_CHECK(hello->version_min <= hello->version_max && hello->name.len <= WIRE_NAME_MAX_BYTES);
	FUZZ_CHECK(utf8_is_plain(hello->name.s, hello->name.len));
	if (hello->token) {
		char name[256];
		uint64_t group;

		token_check(hello->token, hello->token_bytes, key, &group, name);
	}
	hello_put(&b, hello);
	FUZZ_CHECK(hello_parse(b.data, b.size_bytes, &again) == 0);
	FUZZ_CHECK(again.pid == hello->pid && again.name.len == hello->name.len &&
		   again.token_bytes == hello->token_bytes);
	buf_deinit(&b);
}

static void answer_check(const struct hello_answer *answer)
{
	struct hello_answer again;
	struct buf b = BUF_INIT;

	FUZZ_CHECK(answer->error.s || (answer->url.len > 6 && !memcmp(answer->url.s, "ipc://", 6)));
	hello_answer_put(&b, answer);
	FUZZ_CHECK(hello_answer_parse(b.data, b.size_bytes, &again) == 0);
	FUZZ_CHECK(again.node == answer->node || answer->error.s);
	FUZZ_CHECK(!again.error.s == !answer->error.s);
	buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	static const uint8_t key[TOKEN_KEY_BYTES] = {0};
	struct hello_answer answer;
	struct hello hello;
	char name[256];
	uint64_t group;

	if (hello_parse(data, size_bytes, &hello) == 0)
		hello_check(&hello);
	if (hello_answer_parse(data, size_bytes, &answer) == 0)
		answer_check(&answer);
	FUZZ_CHECK(token_check(data, size_bytes, key, &group, name) != 0 || strlen(name) <= 255);
	return 0;
}
