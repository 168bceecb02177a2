// What the supervisor asks of the host: files, folders, memory, environment. Failure is -errno.
#pragma once
long atoll_host_memory(void);                    // bytes of RAM in this host
int atoll_is_regular_file(int fd);               // 1, 0 or -errno
// Copies a text with its final zero and returns its length; -ENAMETOOLONG if it does not fit.
long atoll_executable_path(char *path, unsigned long capacity);   // of the running program, links resolved
long atoll_environment(const char *name, char *value, unsigned long capacity);  // -ENOENT if it is not set
// Makes a folder that only this user may enter, or checks that an existing one is such a folder (-EPERM if not).
int atoll_private_folder(const char *path);
int atoll_unlink(const char *path);
// New files are for this user only; descriptors 0, 1 and 2 exist; the limit of descriptors is as high as it may be.
int atoll_prepare_supervisor(void);
