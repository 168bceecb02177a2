// The C boundary: scalars and pointers only, no system header, no struct by value, no varargs, so that the same
// Swift compiles for a target that has no C headers at all. Every function returns what the system call returned;
// failure is -errno. Grouped by header; each header has one .c file of the same name.
#pragma once
#include "atoll_files.h"
#include "atoll_memory.h"
#include "atoll_ipc.h"
#include "atoll_threads.h"
#include "atoll_process.h"
#include "atoll_float.h"
#include "atoll_bus.h"
#include "atoll_filter.h"
#include "atoll_terminal.h"
#include "atoll_irqfd.h"
#include "atoll_host.h"
#include "atoll_functions.h"
#include "atoll_tap.h"
#include "atoll_peer.h"
#include "atoll_vhost.h"
#include "atoll_disk.h"
#include "atoll_region.h"
#include "atoll_content.h"
#include "atoll_stream.h"
#include "atoll_functions.h"
