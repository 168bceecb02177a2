#include "CJSON.h"
#include <jansson.h>
#include <string.h>

void *atoll_json_parse(const char *bytes, unsigned long size, char *reason, unsigned long capacity, int *line) {
  json_error_t error;
  json_t *root = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, &error);
  if (root) return root;
  *line = error.line;
  if (capacity > 0) {
    strncpy(reason, error.text, capacity - 1);
    reason[capacity - 1] = 0;
  }
  return 0;
}
void atoll_json_free(void *document) { json_decref(document); }
int atoll_json_kind(const void *node) { return (int)json_typeof((const json_t *)node); }
const void *atoll_json_member(const void *object, const char *key, unsigned long key_size) {
  char name[64];
  if (key_size >= sizeof name) return 0;
  memcpy(name, key, key_size);
  name[key_size] = 0;
  return json_object_get((const json_t *)object, name);
}
const char *atoll_json_key(const void *object, unsigned long index, unsigned long *size) {
  json_t *node = (json_t *)object;
  for (void *at = json_object_iter(node); at; at = json_object_iter_next(node, at)) {
    if (index-- > 0) continue;
    const char *key = json_object_iter_key(at);
    *size = strlen(key);
    return key;
  }
  return 0;
}
unsigned long atoll_json_count(const void *array) { return json_array_size((const json_t *)array); }
const void *atoll_json_element(const void *array, unsigned long index) {
  return json_array_get((const json_t *)array, index);
}
const char *atoll_json_string(const void *node, unsigned long *size) {
  *size = json_string_length((const json_t *)node);
  return json_string_value((const json_t *)node);
}
long atoll_json_integer(const void *node) { return (long)json_integer_value((const json_t *)node); }
