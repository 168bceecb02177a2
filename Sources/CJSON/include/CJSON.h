// Reading JSON with libjansson. Opaque pointers and scalars only; no system header, no jansson header.
#pragma once

// Parses one JSON value (RFC 8259; duplicate keys and trailing bytes are errors). Returns a document to free, or null
// with a zero-terminated reason in `reason` and its line in *line.
void *atoll_json_parse(const char *bytes, unsigned long size, char *reason, unsigned long capacity, int *line);
void atoll_json_free(void *document);

// The nodes below are borrowed from their document.
enum { ATOLL_JSON_OBJECT, ATOLL_JSON_ARRAY, ATOLL_JSON_STRING, ATOLL_JSON_INTEGER, ATOLL_JSON_REAL, ATOLL_JSON_TRUE,
       ATOLL_JSON_FALSE, ATOLL_JSON_NULL };
int atoll_json_kind(const void *node);
// Member `key` (not zero-terminated) of an object; null if there is none or the node is no object.
const void *atoll_json_member(const void *object, const char *key, unsigned long key_size);
// Key number `index` of an object, in the order of the text; null past the end.
const char *atoll_json_key(const void *object, unsigned long index, unsigned long *size);
// Elements of an array; 0 for anything else.
unsigned long atoll_json_count(const void *array);
const void *atoll_json_element(const void *array, unsigned long index);
// Bytes of a string, null for anything else.
const char *atoll_json_string(const void *node, unsigned long *size);
// Value of an integer, 0 for anything else.
long atoll_json_integer(const void *node);
