/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules for the directories of a node. The program that starts a node and the programs that join it apply
 * the same rules, so they find the same directories. This file uses libc only, and no heap.
 */
#pragma once

#define RUNTIME_DIR_PATH_SIZE 4096

/*
 * The directory of the sockets: @said if it is not NULL, else $ACTOR_RUNTIME_DIR, else the usual place. The
 * usual place is $XDG_RUNTIME_DIR/actor, else /run/actor (root), else /run/user/$UID/actor if the session
 * manager made /run/user/$UID, else /tmp/actor-$UID. Returns 0 or -ENAMETOOLONG.
 */
int runtime_dir_resolve(const char *said, char ret_path[RUNTIME_DIR_PATH_SIZE]);

/*
 * The directory of the logs of the node in @runtime_dir (as runtime_dir_resolve() gave it): @said, else
 * $ACTOR_LOG_DIR, else the usual place. The usual place is $XDG_STATE_HOME/actor, else /var/log/actor (root,
 * or without $HOME), else ~/.local/state/actor. The node in the usual runtime directory has its logs directly
 * there. Another node has them in nodes/NAME below it, with NAME made of the path of its runtime directory.
 * Returns 0 or -ENAMETOOLONG.
 */
int log_dir_resolve(const char *said, const char *runtime_dir, char ret_path[RUNTIME_DIR_PATH_SIZE]);
