// What a check of the host's KVM asks beside KVM itself. Failure is -errno.
#pragma once
// The running kernel's release ("7.2.12+deb14-loong64") with its final zero; its length, -ENAMETOOLONG if it does not fit.
long atoll_kernel_release(char *release, unsigned long capacity);
// Starts a process of its own that signals an eventfd, `delay_ns` nanoseconds from now, and ends: its pid.
int atoll_signal_from_child(int eventfd, long delay_ns);
// Waits for its end: 0 if it has signalled, else -ECHILD.
int atoll_await_child(int pid);
