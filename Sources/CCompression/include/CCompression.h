// Decompression of a whole buffer into a bounded one. No system header: see CSystem.h.
#pragma once
#define ATOLL_UNPACKED 0
#define ATOLL_UNPACK_DAMAGED (-1)   // not this format, or a checksum is wrong
#define ATOLL_UNPACK_TRUNCATED (-2) // the input ends in the middle
#define ATOLL_UNPACK_TOO_LARGE (-3) // the output does not fit in `capacity`
#define ATOLL_UNPACK_NO_MEMORY (-4)
// Each writes at most `capacity` bytes to `out`, and how many it wrote to *produced.
int atoll_unpack_zstd(const void *in, unsigned long size, void *out, unsigned long capacity, unsigned long *produced);
int atoll_unpack_gzip(const void *in, unsigned long size, void *out, unsigned long capacity, unsigned long *produced);
