/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/group-world.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libactor/protocol/token.h"
#include "libactor/transport/transport.h"

pid_t server_start(const char *name)
{
	return process_start((const char *const[]){"/proc/self/exe", "server", name, NULL});
}

/* Starts a group as the supervisor does: it has an id of its own, and keeps that when it comes back. */
pid_t server_start_supervised(uint64_t group, const char *name)
{
	static const uint8_t key[TOKEN_KEY_BYTES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	char hex[2 * TOKEN_MAX_BYTES + 1];
	struct token token;
	pid_t pid;

	assert_int_equal(token_make(&token, key, group, name), 0);
	token_to_hex(&token, hex);
	setenv("ACTOR_TOKEN", hex, 1);
	pid = server_start(name);
	unsetenv("ACTOR_TOKEN");
	return pid;
}

void expect_echo(actor_client *client, actor_ref to, const char *text)
{
	actor_msg *reply;
	const char *s;

	assert_int_equal(actor_client_call(client, actor_to(to), "echo", LONG_MS, &reply, "s", text), 0);
	assert_int_equal(actor_msg_unpack(reply, "s", &s), 0);
	assert_string_equal(s, text);
	actor_msg_free(reply);
}

void server_stop(actor_client *client, actor_ref ref, pid_t server)
{
	expect_echo(client, ref, "are you there?");
	kill(server, SIGSTOP);
}

void expect_down(actor_client *client, uint64_t monitor, const char *reason)
{
	struct actor_cause cause;
	actor_msg *msg;
	uint64_t id;
	actor_ref who;

	assert_int_equal(actor_client_receive(client, LONG_MS, &msg, &id, &who, &cause), 0);
	assert_null(msg);
	assert_int_equal(id, monitor);
	assert_string_equal(cause.reason, reason);
}

int64_t ask_number(actor_client *client, actor_ref to, const char *method)
{
	actor_msg *reply;
	int64_t n;

	assert_int_equal(actor_client_call(client, actor_to(to), method, LONG_MS, &reply, ""), 0);
	assert_int_equal(actor_msg_unpack(reply, "I", &n), 0);
	actor_msg_free(reply);
	return n;
}

void expect_number(actor_client *client, actor_ref to, const char *method, int64_t number)
{
	for (int tries = 0; ask_number(client, to, method) != number; tries++) {
		assert_true(tries < LONG_MS);
		usleep(1000);
	}
}

struct contact contact_begin(void)
{
	struct contact contact = {.finder = client_new(ACTOR_JOIN_DIRECT),
		.stranger = client_new(ACTOR_JOIN_DIRECT),
		.server = server_start("echo")};

	contact.to = find(contact.finder, "echo");
	return contact;
}

void contact_end(struct contact *contact)
{
	actor_client_free(contact->stranger);
	actor_client_free(contact->finder);
	if (contact->server)
		reap(contact->server, SIGTERM);
}

bool has_doors(void)
{
	return !strcmp(transport_name(), "native");
}
