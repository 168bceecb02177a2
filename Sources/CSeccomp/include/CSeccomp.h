// libseccomp, as far as building one allow-list and writing it out as BPF. Failure is -errno.
#pragma once

// A filter whose default action ends the process, or makes the call fail with errno `refusal` if that is not 0, or (log_only)
// lets the call happen and logs it. Null: out of memory.
void *atoll_filter_create(int log_only, int refusal);
void atoll_filter_free(void *filter);
// Allows a system call when every condition holds: argument[i] & mask[i] == value[i]. At most 6 conditions.
// Calls that this architecture does not have are skipped; -ENOENT if no architecture has the name.
int atoll_filter_allow(void *filter, const char *name, int conditions, const unsigned *arguments,
                       const unsigned long long *masks, const unsigned long long *values);
// Makes a system call return -error.
int atoll_filter_refuse(void *filter, const char *name, int error);
// Writes the program, an array of struct sock_filter, to fd.
int atoll_filter_write(void *filter, int fd);
