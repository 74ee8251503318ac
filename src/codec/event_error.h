/* Why an input record is not a valid event: code, name on the wire (header x-eddy-error-code), sentence. Dead letters carry
 * them. Numbers are stable: append only.
 */
#ifndef EDDY_CODEC_EVENT_ERROR_H
#define EDDY_CODEC_EVENT_ERROR_H

#define EDDY_EVENT_ERRORS(X)                                                                                     \
  X(EMPTY, -101, "empty_value", "the record has no value")                                                       \
  X(FRAMING, -102, "unknown_framing", "the value is neither Confluent-framed, nor single-object Avro, nor JSON") \
  X(SCHEMA, -103, "unknown_schema", "the writer schema is not known")                                            \
  X(SCHEMA_UNUSABLE, -104, "unusable_schema", "the writer schema cannot be read as an Event")                    \
  X(TRUNCATED, -105, "truncated", "the value ends before the record does, or a length runs past its end")        \
  X(MALFORMED, -106, "malformed", "the value is not valid under its schema")                                     \
  X(TRAILING, -107, "trailing_bytes", "bytes are left behind the record")                                        \
  X(JSON, -108, "bad_json", "the value is not valid JSON or a field has the wrong type")                         \
  X(NO_KEY, -109, "no_key", "the record has no key; the key must be the user_id")                                \
  X(KEY, -110, "key_mismatch", "the record's key is not its user_id")                                            \
  X(USER_ID, -111, "bad_user_id", "user_id must be 1-255 bytes of UTF-8 without control characters")             \
  X(TYPE, -112, "unknown_type", "there is no event type of this name")                                           \
  X(TIME, -113, "bad_time",                                                                                      \
    "event_time is missing, or no time in ms since 1970 between 2000 and 4199 (are these seconds?)")             \
  X(NUMBER, -114, "bad_number", "a number is not finite or out of its range")                                    \
  X(TEXT, -115, "bad_text", "a string is not valid UTF-8 or longer than its limit")                              \
  X(LIMIT, -116, "too_many", "more items or properties than an event may have")                                  \
  X(UNSUPPORTED, -117, "not_supported", "this type of event is not supported yet")                               \
  X(FIELD, -118, "missing_field", "a field that this type of event needs is missing")

enum eddy_event_error {
#define X(constant, code, name, sentence) EDDY_EVENT_E_##constant = (code),
  EDDY_EVENT_ERRORS(X)
#undef X
};

/* What a decoder may answer without anything being wrong with the record. */
enum {
  EDDY_DECODE_RETRY = 1, /* the schema source cannot answer now: pause and come again */
  EDDY_DECODE_FULL = 2,  /* the room is full: fold what is decoded, clear the room, come again */
};

/* Name on the wire and sentence; never NULL. */
const char *eddy_event_error_name(int error);
const char *eddy_event_error_text(int error);

#endif
