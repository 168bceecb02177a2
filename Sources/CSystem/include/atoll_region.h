// What mapping a stranger's file needs beside the mapping itself. Failure is -errno.
#pragma once
// Which file a descriptor is of: the same two numbers mean the same file.
int atoll_file_identity(int fd, unsigned long *device, unsigned long *inode);
// 1 if `fd` can no longer shrink, sealing it now where its maker left that open; 0 if that cannot be had (no memfd, or
// one whose seals are closed).
int atoll_seal_shrink(int fd);
