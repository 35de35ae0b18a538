/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "actor/actor.h"

char *actor_ref_format(actor_ref ref, char text[ACTOR_REF_TEXT_MAX])
{
	snprintf(text, ACTOR_REF_TEXT_MAX, "<%" PRIx64 ".%" PRIx64 ".%" PRIx64 ">", ref.node, ref.group,
		ref.serial);
	return text;
}

/* Reads lower-case hexadecimal without leading zeros, at most 16 digits. Returns NULL for anything else. */
static const char *ref_parse_number(const char *at, uint64_t *ret)
{
	const char *start = at;
	uint64_t v = 0;

	for (;; at++) {
		unsigned digit;

		if (*at >= '0' && *at <= '9')
			digit = (unsigned)(*at - '0');
		else if (*at >= 'a' && *at <= 'f')
			digit = (unsigned)(*at - 'a') + 10;
		else
			break;
		if (at - start == 16)
			return NULL;
		v = v << 4 | digit;
	}
	if (at == start || (*start == '0' && at - start > 1))
		return NULL;
	*ret = v;
	return at;
}

int actor_ref_parse(const char *text, actor_ref *ret)
{
	actor_ref ref;

	if (!text || *text != '<')
		return -EINVAL;
	text = ref_parse_number(text + 1, &ref.node);
	if (!text || *text != '.')
		return -EINVAL;
	text = ref_parse_number(text + 1, &ref.group);
	if (!text || *text != '.')
		return -EINVAL;
	text = ref_parse_number(text + 1, &ref.serial);
	if (!text || text[0] != '>' || text[1])
		return -EINVAL;
	*ret = ref;
	return 0;
}
