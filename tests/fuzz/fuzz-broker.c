/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups do anything at any time to a broker: the input chooses what. See tests/unit/broker/broker-script.h.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/unit/broker/broker-script.h"

struct input {
	const uint8_t *at, *end;
};

static uint32_t next(void *arg, uint32_t n)
{
	struct input *input = arg;
	uint32_t value = 0;

	for (uint32_t left = n - 1; left && input->at < input->end; left >>= 8)
		value = value << 8 | *input->at++;
	return value % n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
	struct quota_limits small = {.max = {2, 2, 3, 2, 2, 4, 40, 2000}, .unread_bytes = 20000, .groups = 8};
	struct input input = {data, data + size_bytes};
	struct script script;
	struct world w;
	uint32_t mode = next(&input, 4);

	world_init(&w, mode & 1 ? 1000 : 0, mode & 2 ? &small : NULL);
	script_init(&script, &w, next, &input);
	while (input.at < input.end)
		script_step(&script);
	script_finish(&script);
	world_deinit(&w);
	return 0;
}
