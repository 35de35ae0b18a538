/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SDBUS_BROKER_H
#define SDBUS_BROKER_H

#include "../driver/bench.h"

/* Starts a private dbus-broker that listens at `path`. 0 or -errno. */
int broker_start(const char *path);

#endif
