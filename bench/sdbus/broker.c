/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts a private dbus-broker. Its own launcher needs systemd, so this program is the launcher. The broker
 * gets one end of a socket pair (--controller). Over the other end it gets one D-Bus call, AddListener, with
 * a listening socket and a policy that allows everything to everyone. Its quotas are per user, and all roles
 * have the same user, so the quotas are raised.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "broker.h"

#define T_BATCH  "bta(btbs)a(btssssuutt)a(btssssuutt)"
#define T_POLICY "a(u(" T_BATCH "))a(buu(" T_BATCH "))a(ss)bs"

static sd_bus *controller; /* the broker ends when this is closed */

static int allow_all(sd_bus_message *m)
{
	int r;

	r = sd_bus_message_open_container(m, 'v', "(" T_POLICY ")");
	r = r < 0 ? r : sd_bus_message_open_container(m, 'r', T_POLICY);
	r = r < 0 ? r
		  : sd_bus_message_append(m, "a(u(" T_BATCH "))", 1, UINT32_MAX, 1, UINT64_C(1), /* connect */
			    /* own: any prefix */
			    1, 1, UINT64_C(1), 1, "",
			    /* send */
			    1, 1, UINT64_C(1), "", "", "", "", 0u, 0u, UINT64_C(0), UINT64_MAX,
			    /* receive */
			    1, 1, UINT64_C(1), "", "", "", "", 0u, 0u, UINT64_C(0), UINT64_MAX);
	r = r < 0 ? r : sd_bus_message_append(m, "a(buu(" T_BATCH "))", 0);
	r = r < 0 ? r : sd_bus_message_append(m, "a(ss)bs", 0, 0, "session");
	r = r < 0 ? r : sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int listener_new(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 256))
		return -errno;
	return fd;
}

int broker_start(const char *path)
{
	char *argv[] = {"/usr/bin/dbus-broker", "--controller", "3", "--machine-id",
		"0123456789abcdef0123456789abcdef", "--max-bytes", "1000000000", "--max-fds", "100000",
		"--max-matches", "1000000", "--max-objects", "1000000", NULL};
	sd_bus_error error = SD_BUS_ERROR_NULL;
	sd_bus_message *m = NULL, *reply = NULL;
	int pair[2], fd, r;

	fd = listener_new(path);
	if (fd < 0)
		return fd;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		return -errno;
	bench_daemon_exec(argv, pair[1]);
	close(pair[1]);
	r = sd_bus_new(&controller);
	r = r < 0 ? r : sd_bus_set_fd(controller, pair[0], pair[0]);
	r = r < 0 ? r : sd_bus_negotiate_fds(controller, 1);
	r = r < 0 ? r : sd_bus_start(controller);
	r = r < 0 ? r
		  : sd_bus_message_new_method_call(controller, &m, NULL, "/org/bus1/DBus/Broker",
			    "org.bus1.DBus.Broker", "AddListener");
	r = r < 0 ? r : sd_bus_message_append(m, "oh", "/org/bus1/DBus/Listener/0", fd);
	r = r < 0 ? r : allow_all(m);
	r = r < 0 ? r : sd_bus_call(controller, m, 0, &error, &reply);
	if (r < 0)
		bench_die("dbus-broker: AddListener: %s", error.message ? error.message : strerror(-r));
	sd_bus_message_unref(m);
	sd_bus_message_unref(reply);
	close(fd);
	return 0;
}
