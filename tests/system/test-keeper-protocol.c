/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper and its supervisors: what they say to each other, and who comes after one that died. */
#include "tests/system/keeper-world.h"

/* ---- the protocol ---- */
static void test_a_spawn_is_idempotent_by_its_cookie(void **state)
{
	struct keeper_spec spec = {.argv = (const char *const[]){"sleep", "1000", NULL}};
	struct child *child;
	unsigned n_reports;
	pid_t pid;

	node_start();
	spawn_with(1, node.next_group_id, &spec, (struct keeper_spawn){0});
	child = hear_running(1);
	pid = child->slot.pid;
	n_reports = child->n_reports;
	spawn_with(1, node.next_group_id, &spec, (struct keeper_spawn){0});
	while (child->n_reports == n_reports)
		hear();
	assert_int_equal(child->slot.pid, pid);
	assert_int_equal(count_children(node.pid), 2); /* the supervisor and the child */
	send_kill_tree(1);
	hear_final(1);
	round_trip(); /* after this the slot is free */

	spawn_with(1, node.next_group_id, &spec, (struct keeper_spawn){0});
	while (!node.refused.error)
		hear();
	assert_int_equal(node.refused.error, -ESTALE);
	assert_int_equal(node.refused.cookie, 1);
	assert_int_equal(count_children(node.pid), 1);
}

static void test_ids_that_were_not_reserved_are_refused(void **state)
{
	struct keeper_spec spec = {.argv = (const char *const[]){"true", NULL}};

	node_start();
	spawn_with(1, node.end_group_id, &spec, (struct keeper_spawn){0});
	while (!node.refused.error)
		hear();
	assert_int_equal(node.refused.error, -EINVAL);
	round_trip();
	assert_true(node.reserved.first_group_id == node.end_group_id);
	spawn_with(2, node.reserved.first_group_id, &spec, (struct keeper_spawn){0});
	hear_final(2);
}

static void test_a_supervisor_that_breaks_the_protocol_is_replaced(void **state)
{
	uint64_t node_id, last_id;

	node_start();
	node_id = node.hello.node_id;
	last_id = node.end_group_id;
	spawn_argv(1, (const char *const[]){"sleep", "1000", NULL});
	hear_running(1);
	assert_int_equal(send(node.socket_fd, "nonsense", 8, 0), 8);
	while (hear() == 1)
		;
	supervisor_forget();
	supervisor_accept();
	assert_true(node.hello.node_id == node_id);
	assert_true(node.hello.first_group_id >= last_id);
	assert_int_equal(node.hello.n_deaths, 1);
	assert_int_equal(node.hello.last_code, CLD_KILLED);
	assert_int_equal(node.hello.n_slots, 1);
	log_expect("breaks the protocol");
}

static void test_state_goes_to_the_next_supervisor(void **state)
{
	union keeper_record record;
	char text[8] = "";
	int fd = memfd_create("state", MFD_CLOEXEC), older = memfd_create("older", MFD_CLOEXEC);

	node_start();
	assert_false(node.hello.flags & KEEPER_HELLO_STATE);
	assert_int_equal(write(fd, "kept", 4), 4);
	keeper_record_init(&record, KEEPER_STATE);
	send_record(&record, &older, 1);
	send_record(&record, &fd, 1);
	close(older);
	close(fd);
	supervisor_kill(); /* directly after that: what was sent before the death counts */
	supervisor_accept();
	assert_true(node.hello.flags & KEEPER_HELLO_STATE);
	assert_int_equal(pread(node.state_fd, text, 4, 0), 4);
	assert_string_equal(text, "kept");
}

static void test_after_five_quick_deaths_by_its_own_fault_the_state_is_set_aside(void **state)
{
	union keeper_record record;
	int fd = memfd_create("state", MFD_CLOEXEC), i;

	node_start();
	keeper_record_init(&record, KEEPER_STATE);
	send_record(&record, &fd, 1);
	for (i = 1; i <= 5; i++) {
		assert_int_equal(!!(node.hello.flags & KEEPER_HELLO_STATE), i > 1);
		supervisor_fail();
		supervisor_accept();
		assert_int_equal(node.hello.n_deaths, i);
	}
	assert_int_equal(node.hello.flags, KEEPER_HELLO_STATE_ASIDE);
	/* This supervisor dies before it has a state of its own; the next one must be told the same. */
	supervisor_kill();
	supervisor_accept();
	assert_int_equal(node.hello.flags, KEEPER_HELLO_STATE_ASIDE);
	keeper_record_init(&record, KEEPER_STATE);
	send_record(&record, &fd, 1); /* a new state is kept again */
	close(fd);
	supervisor_kill();
	supervisor_accept();
	assert_int_equal(node.hello.flags, KEEPER_HELLO_STATE);
}

static void test_ten_deaths_by_its_own_fault_end_no_node_that_has_served(void **state)
{
	union keeper_record record;
	int i;

	node_start();
	spawn_shell(1, "exec sleep 1000");
	hear_running(1);
	keeper_record_init(&record, KEEPER_READY);
	send_record(&record, NULL, 0);
	for (i = 1; i <= 10; i++) { /* the last pause is 5 s */
		supervisor_fail();
		supervisor_accept();
		assert_int_equal(node.hello.n_deaths, i);
	}
	assert_int_equal(node.hello.n_slots, 1);
	assert_int_equal(hear_running(1)->slot.stage, KEEPER_RUNNING);
}

static void test_kills_from_outside_never_set_the_state_aside(void **state)
{
	union keeper_record record;
	int fd = memfd_create("state", MFD_CLOEXEC), i;

	node_start();
	keeper_record_init(&record, KEEPER_STATE);
	send_record(&record, &fd, 1);
	close(fd);
	for (i = 1; i <= 12; i++) {
		keeper_record_init(&record, KEEPER_READY);
		send_record(&record, NULL, 0);
		round_trip();
		supervisor_kill();
		supervisor_accept();
		assert_int_equal(node.hello.n_deaths, i);
		assert_int_equal(node.hello.flags, KEEPER_HELLO_STATE);
	}
}

static void test_an_upgrade_is_no_death(void **state)
{
	union keeper_record record;

	node_start();
	keeper_record_init(&record, KEEPER_PROGRAM);
	strcpy(record.program.path, getenv("FAKE_SUPERVISOR"));
	send_record(&record, NULL, 0);
	round_trip();
	assert_int_equal(write(node.control_fd, "\0", 1), 1); /* says: exit with 0 */
	supervisor_forget();
	supervisor_accept();
	assert_int_equal(node.hello.n_deaths, 0);
}

static void test_the_next_supervisor_is_told_the_whole_table(void **state)
{
	struct child *child;
	char text[64];
	uint64_t running_group;
	int lasting;

	node_start();
	node.ack = false;
	running_group = spawn_shell(1, "echo one; sleep 1000");
	spawn_shell(2, "echo two; exit 3");
	/* $0 is sh, which is no file: the child dies while no supervisor listens. */
	spawn_shell(3, "echo three; read x <\"$0\"; kill -USR1 $$");
	spawn_argv(4, (const char *const[]){"/nonexistent/program", NULL});
	hear_running(1);
	hear_final(2);
	child = child_of(1);
	lasting = child->slot.pid;

	supervisor_kill();
	supervisor_accept();
	assert_int_equal(node.hello.n_slots, 4);
	hear_synced();
	assert_int_equal(node.n_children, 4); /* all came before SYNCED */
	child = child_of(1);
	assert_int_equal(child->slot.stage, KEEPER_RUNNING);
	assert_int_equal(child->slot.pid, lasting);
	assert_true(child->slot.group_id == running_group);
	assert_string_equal(child->slot.name, "child-1");
	read_lines(child->fds[0], 1, text, sizeof(text));
	assert_string_equal(text, "one\n"); /* the old supervisor had not read it */
	child = hear_final(2);
	assert_int_equal(child->slot.status, 3);
	read_lines(child->fds[0], 0, text, sizeof(text));
	assert_string_equal(text, "two\n");
	child = hear_final(3);
	assert_int_equal(child->slot.code, CLD_KILLED);
	assert_int_equal(child->slot.status, SIGUSR1);
	child = hear_final(4);
	assert_int_equal(child->slot.stage, KEEPER_FAILED);
	assert_int_equal(child->slot.error, ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KEEPER_TEST(test_a_spawn_is_idempotent_by_its_cookie),
		KEEPER_TEST(test_ids_that_were_not_reserved_are_refused),
		KEEPER_TEST(test_a_supervisor_that_breaks_the_protocol_is_replaced),
		KEEPER_TEST(test_state_goes_to_the_next_supervisor),
		KEEPER_TEST(test_after_five_quick_deaths_by_its_own_fault_the_state_is_set_aside),
		KEEPER_TEST(test_ten_deaths_by_its_own_fault_end_no_node_that_has_served),
		KEEPER_TEST(test_kills_from_outside_never_set_the_state_aside),
		KEEPER_TEST(test_an_upgrade_is_no_death),
		KEEPER_TEST(test_the_next_supervisor_is_told_the_whole_table),
	};

	return run_facts(tests);
}
