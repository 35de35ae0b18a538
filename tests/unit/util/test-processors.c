/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "libactor/util/processors.h"
#include "tests/fact.h"

/* A pretended mount with the cgroups /a and /a/b, and the file that says where the process is. */
static char dir[64], self[96];

static void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	char path[128];

	strcpy(dir, "/tmp/actor-processors-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/a/b", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(self, sizeof(self), "%s/self", dir);
	write_file("self", "1:name=systemd:/elsewhere\n0::/a/b\n");
	write_file("a/cpu.max", "max 100000\n");
	write_file("a/b/cpu.max", "max 100000\n");
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static int teardown(void **state)
{
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void test_max_at_every_level_is_no_quota(void **state)
{
	assert_false(processors_have_quota(self, dir));
}

static void test_a_quota_of_the_own_cgroup_counts(void **state)
{
	write_file("a/b/cpu.max", "150000 100000\n");
	assert_true(processors_have_quota(self, dir));
}

static void test_a_quota_of_a_cgroup_above_counts(void **state)
{
	write_file("a/cpu.max", "50000 100000\n");
	assert_true(processors_have_quota(self, dir));
}

static void test_a_quota_of_the_mount_counts_as_in_a_container(void **state)
{
	write_file("self", "0::/\n");
	assert_false(processors_have_quota(self, dir));
	write_file("cpu.max", "50000 100000\n");
	assert_true(processors_have_quota(self, dir));
}

static void test_what_cannot_be_read_limits_nothing(void **state)
{
	write_file("a/b/cpu.max", "");
	assert_false(processors_have_quota(self, dir));
	write_file("self", "0::/gone\n");
	assert_false(processors_have_quota(self, dir));
	write_file("self", "4:cpu:/a\n");
	assert_false(processors_have_quota(self, dir));
	assert_false(processors_have_quota("/nowhere", dir));
}

static void test_a_process_that_is_pinned_to_one_processor_has_not_plenty(void **state)
{
	cpu_set_t before, one;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_false(processors_are_plenty());
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_max_at_every_level_is_no_quota, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_quota_of_the_own_cgroup_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_quota_of_a_cgroup_above_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_quota_of_the_mount_counts_as_in_a_container, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_cannot_be_read_limits_nothing, setup, teardown),
		cmocka_unit_test(test_a_process_that_is_pinned_to_one_processor_has_not_plenty),
	};

	return run_facts(tests);
}
