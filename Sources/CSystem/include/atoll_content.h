// The file with a flash's content, written at a position. Failure is -errno.
#pragma once
// All of `count` bytes at `offset`, inside a file that has them; 0 or -errno.
int atoll_content_write(int fd, const void *bytes, unsigned long count, long offset);
