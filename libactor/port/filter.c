/* SPDX-License-Identifier: Apache-2.0 */
#include "libactor/port/filter.h"

#include <string.h>

#include "libactor/protocol/mp.h"

#define CONDITIONS_MAX 16u
#define STEPS_MAX      16u

struct value {
	const uint8_t *data;
	size_t bytes;
};

static struct mp_reader value_reader(struct value value)
{
	return mp_reader(value.data, value.bytes);
}

/* The value of @key in the filter's map. False: the map does not have the key. */
static bool filter_part(struct value filter, const char *key, struct mp_reader *ret)
{
	struct mp_reader r = value_reader(filter);
	const char *s;
	size_t length;
	uint32_t n;

	if (!filter.bytes || mp_read_map(&r, &n) < 0)
		return false;
	while (n--) {
		if (mp_read_str(&r, &s, &length) < 0)
			return false;
		if (mp_str_is(s, length, key)) {
			*ret = r;
			return true;
		}
		if (mp_skip(&r) < 0)
			return false;
	}
	return false;
}

/* ---- paths ---- */

static bool step_into_array(struct mp_reader *r, uint64_t index, struct value *ret)
{
	uint32_t n;

	if (mp_read_array(r, &n) < 0 || index >= n)
		return false;
	while (index--)
		if (mp_skip(r) < 0)
			return false;
	return mp_read_raw(r, &ret->data, &ret->bytes) == 0;
}

static bool step_into_map(struct mp_reader *r, const char *key, size_t key_bytes, struct value *ret)
{
	const char *s;
	size_t length;
	uint32_t n;

	if (mp_read_map(r, &n) < 0)
		return false;
	while (n--) {
		/* keys of other types are no steps of paths */
		bool is_it = mp_peek(r) == MP_STR && mp_read_str(r, &s, &length) == 0
				     ? length == key_bytes && !memcmp(s, key, length)
				     : mp_skip(r) < 0;

		if (is_it)
			return mp_read_raw(r, &ret->data, &ret->bytes) == 0;
		if (mp_skip(r) < 0)
			return false;
	}
	return false;
}

static bool value_step(struct value *value, struct mp_reader *step)
{
	struct mp_reader r = value_reader(*value);
	const char *key;
	uint64_t index;
	size_t length;

	if (mp_peek(step) == MP_STR)
		return mp_read_str(step, &key, &length) == 0 && step_into_map(&r, key, length, value);
	return mp_read_uint(step, &index) == 0 && step_into_array(&r, index, value);
}

/* Reads a path: one step, or an array of steps. */
static bool value_at(struct value args, struct mp_reader *path, struct value *ret)
{
	struct value path_value;
	struct mp_reader steps;
	uint32_t n = 1;

	*ret = args;
	if (mp_read_raw(path, &path_value.data, &path_value.bytes) < 0)
		return false;
	steps = value_reader(path_value);
	if (mp_peek(&steps) == MP_ARRAY && mp_read_array(&steps, &n) < 0)
		return false;
	while (n--)
		if (!value_step(ret, &steps))
			return false;
	return true;
}

/* ---- comparing ---- */

static bool value_str(struct value value, const uint8_t **ret, size_t *ret_bytes)
{
	struct mp_reader r = value_reader(value);
	const char *s;

	if (mp_peek(&r) == MP_BIN)
		return mp_read_bin(&r, ret, ret_bytes) == 0;
	if (mp_read_str(&r, &s, ret_bytes) < 0)
		return false;
	*ret = (const uint8_t *)s;
	return true;
}

/* *ret is < 0, 0 or > 0. False: the two values have no order. */
static bool values_compare(struct value a, struct value b, int *ret)
{
	struct mp_reader ra = value_reader(a), rb = value_reader(b);
	const uint8_t *sa, *sb;
	size_t na, nb;
	int64_t ia, ib;
	uint64_t ua, ub;
	double da, db;

	if (mp_read_int(&ra, &ia) == 0 && mp_read_int(&rb, &ib) == 0) {
		*ret = (ia > ib) - (ia < ib);
		return true;
	}
	ra = value_reader(a);
	rb = value_reader(b);
	if (mp_read_uint(&ra, &ua) == 0 && mp_read_uint(&rb, &ub) == 0) {
		*ret = (ua > ub) - (ua < ub);
		return true;
	}
	ra = value_reader(a);
	rb = value_reader(b);
	if (mp_read_double(&ra, &da) == 0 && mp_read_double(&rb, &db) == 0) {
		*ret = (da > db) - (da < db);
		return da == da && db == db;
	}
	if (value_str(a, &sa, &na) && value_str(b, &sb, &nb)) {
		*ret = memcmp(sa, sb, na < nb ? na : nb);
		if (!*ret)
			*ret = (na > nb) - (na < nb);
		return true;
	}
	return false;
}

static bool values_are_equal(struct value a, struct value b)
{
	int order;

	if (values_compare(a, b, &order))
		return order == 0;
	return a.bytes == b.bytes && !memcmp(a.data, b.data, a.bytes);
}

static bool value_begins_with(struct value value, struct value with)
{
	const uint8_t *s, *w;
	size_t n, n_with;

	return value_str(value, &s, &n) && value_str(with, &w, &n_with) && n >= n_with &&
	       !memcmp(s, w, n_with);
}

enum operation { EQUAL, NOT_EQUAL, LESS, AT_MOST, MORE, AT_LEAST, PREFIX, HAS, N_OPERATIONS };
static const char *const operations[N_OPERATIONS] = {"=", "!=", "<", "<=", ">", ">=", "prefix", "has"};

static enum operation operation_of(const char *s, size_t length)
{
	enum operation operation = EQUAL;

	while (operation < N_OPERATIONS && !mp_str_is(s, length, operations[operation]))
		operation++;
	return operation;
}

static bool value_fits(bool is_there, struct value value, enum operation operation, struct value with)
{
	struct mp_reader r = value_reader(with);
	bool wanted = true;
	int order;

	switch (operation) {
	case HAS:
		(void)mp_read_bool(&r, &wanted);
		return is_there == wanted;
	case NOT_EQUAL:
		return !is_there || !values_are_equal(value, with);
	case EQUAL:
		return is_there && values_are_equal(value, with);
	case PREFIX:
		return is_there && value_begins_with(value, with);
	default:
		if (!is_there || !values_compare(value, with, &order))
			return false;
		return operation == LESS      ? order < 0
		       : operation == AT_MOST ? order <= 0
		       : operation == MORE    ? order > 0
					      : order >= 0;
	}
}

static bool condition_holds(struct mp_reader *r, struct value args)
{
	struct value value, with;
	const char *operation;
	bool is_there;
	size_t length;
	uint32_t n;

	if (mp_read_array(r, &n) < 0)
		return false;
	is_there = value_at(args, r, &value);
	return mp_read_str(r, &operation, &length) == 0 && mp_read_raw(r, &with.data, &with.bytes) == 0 &&
	       value_fits(is_there, value, operation_of(operation, length), with);
}

bool filter_matches(const void *filter, size_t filter_bytes, const void *args, size_t args_bytes)
{
	struct mp_reader r;
	uint32_t n;

	if (!filter_part((struct value){filter, filter_bytes}, "where", &r) || mp_read_array(&r, &n) < 0)
		return true;
	while (n--) {
		struct mp_reader condition = r;

		if (!condition_holds(&condition, (struct value){args, args_bytes}) || mp_skip(&r) < 0)
			return false;
	}
	return true;
}

bool filter_picks(const void *filter, size_t filter_bytes)
{
	struct mp_reader r;

	return filter_part((struct value){filter, filter_bytes}, "pick", &r);
}

void filter_pick(
	struct buf *out, const void *filter, size_t filter_bytes, const void *args, size_t args_bytes)
{
	struct value value;
	struct mp_reader r;
	uint32_t n;

	if (!filter_part((struct value){filter, filter_bytes}, "pick", &r) || mp_read_array(&r, &n) < 0)
		return;
	mp_put_array(out, n);
	while (n--) {
		if (value_at((struct value){args, args_bytes}, &r, &value))
			mp_put_raw(out, value.data, value.bytes);
		else
			mp_put_nil(out);
	}
}

/* ---- checking ---- */

static bool path_is_valid(struct mp_reader *r)
{
	uint64_t index;
	const char *s;
	size_t length;
	uint32_t n = 1;

	if (mp_peek(r) == MP_ARRAY && (mp_read_array(r, &n) < 0 || n > STEPS_MAX))
		return false;
	while (n--)
		if (mp_read_uint(r, &index) < 0 && mp_read_str(r, &s, &length) < 0)
			return false;
	return true;
}

static bool condition_is_valid(struct mp_reader *r)
{
	const char *s;
	size_t length;
	uint32_t n;

	return mp_read_array(r, &n) == 0 && n == 3 && path_is_valid(r) && mp_read_str(r, &s, &length) == 0 &&
	       operation_of(s, length) < N_OPERATIONS && mp_skip(r) == 0;
}

static const char *list_check(
	struct mp_reader *r, bool (*is_valid)(struct mp_reader *), const char *complaint)
{
	uint32_t n;

	if (mp_read_array(r, &n) < 0 || n > CONDITIONS_MAX)
		return complaint;
	while (n--)
		if (!is_valid(r))
			return complaint;
	return NULL;
}

const char *filter_check(const void *filter, size_t filter_bytes)
{
	struct mp_reader r = mp_reader(filter, filter_bytes);
	const char *key, *complaint;
	size_t length;
	uint32_t n;

	if (mp_read_map(&r, &n) < 0)
		return "a filter is a map of `where` and `pick`";
	while (n--) {
		if (mp_read_str(&r, &key, &length) < 0)
			return "a filter is a map of `where` and `pick`";
		if (mp_str_is(key, length, "where"))
			complaint = list_check(&r, condition_is_valid,
				"`where` is an array of at most 16 [path, operation, value]");
		else if (mp_str_is(key, length, "pick"))
			complaint = list_check(&r, path_is_valid, "`pick` is an array of at most 16 paths");
		else
			complaint = "a filter has `where` and `pick`, and nothing else";
		if (complaint)
			return complaint;
	}
	return r.at == r.end ? NULL : "a filter is one value";
}
