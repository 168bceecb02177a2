// The root directory of a new process; see atoll_process.c. Failure is -errno.
#pragma once
#include "atoll_process.h"

enum { ATOLL_ROOT_ENTRIES = 32 };

// Opens what the root's entries show of the host, with the rights of the user who started us: the process' own user may not
// even get as far as there.
int atoll_root_open(const struct atoll_spawn_request *request, int trees[ATOLL_ROOT_ENTRIES]);
// Changes to a new root directory with these entries and nothing else.
int atoll_root_enter(const struct atoll_spawn_request *request, const int trees[ATOLL_ROOT_ENTRIES]);
