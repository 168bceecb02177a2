// Installing a seccomp program that another process compiled. Failure is -errno.
#pragma once
// `program`: an array of struct sock_filter, `bytes` long, for all threads. no_new_privs must be set. -ESRCH if a thread
// could not follow.
int atoll_seccomp_install(const void *program, unsigned long bytes);
