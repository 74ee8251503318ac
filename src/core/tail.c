/* The tail's bytes:
 *
 *   folded size  u16
 *   folded       sections (u8, a bit for each one present), floor, carts + lines, changes, settled, armed + times, consent,
 *                viewed, attributes
 *   published    count, marks
 *
 * Counts are varints; times are varints relative to the time written before, starting from the floor, so that most take one to
 * four bytes. The published section starts anew: its bytes do not depend on folded ones.
 */
#include "core/tail.h"

#include <string.h>

#include "base/bytes.h"

enum section {
  SECTION_FLOOR = 1,
  SECTION_CARTS = 2,
  SECTION_CHANGES = 4,
  SECTION_SETTLED = 8,
  SECTION_ARMED = 16,
  SECTION_CONSENT = 32,
  SECTION_VIEWED = 64,
  SECTION_ATTRIBUTES = 128,
};
enum { FOLDED_SIZE_BYTES = 2 };
enum cart_flag { CART_BASE_TIME = 1, CART_BASE_RESET = 2, CART_FILLED = 4, CART_FLAGS = 7 };
enum line_flag {
  LINE_NAME = 1,
  LINE_CATEGORY = 2,
  LINE_PRICE = 4,
  LINE_CURRENCY = 8,
  LINE_SAME_CURRENCY = 16,
  LINE_KIND_SHIFT = 5
};
enum time_flag { TIME_ARMS = 1, TIME_ID = 2, TIME_TYPE_SHIFT = 2 };
enum mark_flag { MARK_FIRED = 4, MARK_SUBJECT = 8, MARK_STEP = 3 };
enum consent_flag { CONSENT_UNSUBSCRIBED = 1, CONSENT_SUBSCRIBED = 2, CONSENT_FLAGS = 3 };

/* Small things
 * ---------------------------------------------------------------------------------------------------------------*/

/* Only the counts: the arrays are 200 KB. */
void eddy_tail_clear(struct eddy_tail *tail) {
  tail->floor = EDDY_TIME_NONE;
  tail->cart_count = tail->line_count = tail->change_count = tail->settled_count = 0;
  tail->armed_count = tail->time_count = tail->consent_count = 0;
  tail->viewed_count = tail->attribute_count = tail->mark_count = 0;
  tail->unsubscribed_at = tail->subscribed_at = EDDY_TIME_NONE;
}

static bool folded_empty(const struct eddy_tail *tail) {
  return tail->cart_count == 0 && tail->line_count == 0 && tail->change_count == 0 && tail->settled_count == 0 &&
         tail->armed_count == 0 && tail->consent_count == 0 && tail->unsubscribed_at == EDDY_TIME_NONE &&
         tail->subscribed_at == EDDY_TIME_NONE && tail->viewed_count == 0 && tail->attribute_count == 0;
}

bool eddy_tail_empty(const struct eddy_tail *tail) {
  return folded_empty(tail) && tail->mark_count == 0;
}

int64_t eddy_time_add(int64_t a, int64_t b) {
  int64_t sum;
  if (!__builtin_add_overflow(a, b, &sum)) {
    return sum;
  }
  return b > 0 ? INT64_MAX : INT64_MIN;
}

int64_t eddy_time_sub(int64_t a, int64_t b) {
  int64_t difference;
  if (!__builtin_sub_overflow(a, b, &difference)) {
    return difference;
  }
  return b < 0 ? INT64_MAX : INT64_MIN;
}

int64_t eddy_tail_raise_floor(struct eddy_tail *tail, const struct eddy_spec *spec, int64_t newest) {
  int64_t floor = eddy_time_sub(newest, spec->allowed_lateness_ms);
  if (floor > tail->floor) {
    tail->floor = floor;
  }
  return tail->floor;
}

int eddy_tail_compare(struct eddy_str a, struct eddy_str b) {
  if (a.data == NULL || b.data == NULL) {
    return (a.data != NULL) - (b.data != NULL);
  }
  uint32_t shared = a.len < b.len ? a.len : b.len;
  int order = shared > 0 ? memcmp(a.data, b.data, shared) : 0;
  return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

struct eddy_str eddy_tail_cut(struct eddy_str str, uint32_t max) {
  if (str.len <= max) {
    return str;
  }
  while (max > 0 && ((uint8_t)str.data[max] & 0xc0) == 0x80) {
    max--;
  }
  return (struct eddy_str){str.data, max};
}

/* Writing
 * --------------------------------------------------------------------------------------------------------------------*/

struct encoder {
  struct eddy_writer writer;
  int64_t time;             /* written last */
  struct eddy_str currency; /* written last */
};

/* Differences wrap, so that any two times have one. */
static void put_time(struct encoder *encoder, int64_t time) {
  eddy_write_varint(&encoder->writer, (int64_t)((uint64_t)time - (uint64_t)encoder->time));
  encoder->time = time;
}

static void put_line(struct encoder *encoder, const struct eddy_cart_change *line) {
  bool has_currency = line->currency.data != NULL;
  bool same = has_currency && eddy_tail_compare(line->currency, encoder->currency) == 0;
  struct eddy_writer *writer = &encoder->writer;
  eddy_write_u8(writer,
                (uint8_t)((line->name.data != NULL ? LINE_NAME : 0) | (line->category.data != NULL ? LINE_CATEGORY : 0) |
                          (line->has_price ? LINE_PRICE : 0) | (has_currency && !same ? LINE_CURRENCY : 0) |
                          (same ? LINE_SAME_CURRENCY : 0) | line->kind << LINE_KIND_SHIFT));
  eddy_write_u8(writer, line->cart);
  put_time(encoder, line->time);
  if (line->kind == EDDY_CART_RESET) {
    return;
  }
  eddy_write_string(writer, line->product_id);
  eddy_write_varint(writer, line->quantity);
  if (line->name.data != NULL) {
    eddy_write_string(writer, line->name);
  }
  if (line->category.data != NULL) {
    eddy_write_string(writer, line->category);
  }
  if (line->has_price) {
    eddy_write_varint(writer, line->price);
  }
  if (has_currency && !same) {
    eddy_write_string(writer, line->currency);
    encoder->currency = line->currency;
  }
}

static void put_lines(struct encoder *encoder, const struct eddy_cart_change *lines, uint16_t count) {
  eddy_write_varint(&encoder->writer, count);
  for (uint16_t i = 0; i < count; i++) {
    put_line(encoder, &lines[i]);
  }
}

static void put_carts(struct encoder *encoder, const struct eddy_tail *tail) {
  eddy_write_varint(&encoder->writer, tail->cart_count);
  for (uint16_t i = 0; i < tail->cart_count; i++) {
    const struct eddy_cart *cart = &tail->carts[i];
    eddy_write_string(&encoder->writer, cart->cart_id);
    eddy_write_u8(&encoder->writer,
                  (uint8_t)((cart->base_time != EDDY_TIME_NONE ? CART_BASE_TIME : 0) |
                            (cart->base_reset != EDDY_TIME_NONE ? CART_BASE_RESET : 0) | (cart->filled ? CART_FILLED : 0)));
    if (cart->base_time != EDDY_TIME_NONE) {
      put_time(encoder, cart->base_time);
    }
    if (cart->base_reset != EDDY_TIME_NONE) {
      put_time(encoder, cart->base_reset);
    }
  }
  put_lines(encoder, tail->lines, tail->line_count);
}

static void put_settled(struct encoder *encoder, const struct eddy_tail *tail) {
  eddy_write_varint(&encoder->writer, tail->settled_count);
  for (uint16_t i = 0; i < tail->settled_count; i++) {
    put_time(encoder, tail->settled[i]);
  }
}

static void put_armed_time(struct encoder *encoder, const struct eddy_armed_time *time) {
  bool has_id = time->event_id.data != NULL;
  eddy_write_u8(&encoder->writer,
                (uint8_t)((time->arms ? TIME_ARMS : 0) | (has_id ? TIME_ID : 0) | time->type << TIME_TYPE_SHIFT));
  put_time(encoder, time->time);
  if (has_id) {
    eddy_write_string(&encoder->writer, time->event_id);
  }
}

static void put_armed(struct encoder *encoder, const struct eddy_tail *tail) {
  eddy_write_varint(&encoder->writer, tail->armed_count);
  for (uint16_t i = 0; i < tail->armed_count; i++) {
    const struct eddy_armed *pair = &tail->armed[i];
    eddy_write_u8(&encoder->writer, (uint8_t)(pair->trigger << 1 | (pair->subject.data == NULL)));
    if (pair->subject.data != NULL) {
      eddy_write_string(&encoder->writer, pair->subject);
    }
    eddy_write_varint(&encoder->writer, pair->time_count);
    for (uint16_t j = 0; j < pair->time_count; j++) {
      put_armed_time(encoder, &tail->times[pair->first_time + j]);
    }
  }
}

static bool has_consent(const struct eddy_tail *tail) {
  return tail->consent_count > 0 || tail->unsubscribed_at != EDDY_TIME_NONE || tail->subscribed_at != EDDY_TIME_NONE;
}

static void put_consent(struct encoder *encoder, const struct eddy_tail *tail) {
  eddy_write_u8(&encoder->writer, (uint8_t)((tail->unsubscribed_at != EDDY_TIME_NONE ? CONSENT_UNSUBSCRIBED : 0) |
                                            (tail->subscribed_at != EDDY_TIME_NONE ? CONSENT_SUBSCRIBED : 0)));
  if (tail->unsubscribed_at != EDDY_TIME_NONE) {
    put_time(encoder, tail->unsubscribed_at);
  }
  if (tail->subscribed_at != EDDY_TIME_NONE) {
    put_time(encoder, tail->subscribed_at);
  }
  eddy_write_varint(&encoder->writer, tail->consent_count);
  for (uint16_t i = 0; i < tail->consent_count; i++) {
    eddy_write_u8(&encoder->writer, tail->consent[i].subscribed);
    put_time(encoder, tail->consent[i].time);
  }
}

static void put_viewed(struct encoder *encoder, const struct eddy_tail *tail) {
  eddy_write_varint(&encoder->writer, tail->viewed_count);
  for (uint16_t i = 0; i < tail->viewed_count; i++) {
    eddy_write_string(&encoder->writer, tail->viewed[i].product_id);
    put_time(encoder, tail->viewed[i].time);
  }
}

static void put_attributes(struct encoder *encoder, const struct eddy_tail *tail) {
  eddy_write_varint(&encoder->writer, tail->attribute_count);
  for (uint16_t i = 0; i < tail->attribute_count; i++) {
    eddy_write_string(&encoder->writer, tail->attributes[i].key);
    eddy_write_string(&encoder->writer, tail->attributes[i].value);
    put_time(encoder, tail->attributes[i].time);
  }
}

static unsigned sections_of(const struct eddy_tail *tail) {
  if (folded_empty(tail)) {
    return 0;
  }
  return (tail->floor != EDDY_TIME_NONE ? SECTION_FLOOR : 0u) | (tail->cart_count > 0 ? SECTION_CARTS : 0u) |
         (tail->change_count > 0 ? SECTION_CHANGES : 0u) | (tail->settled_count > 0 ? SECTION_SETTLED : 0u) |
         (tail->armed_count > 0 ? SECTION_ARMED : 0u) | (has_consent(tail) ? SECTION_CONSENT : 0u) |
         (tail->viewed_count > 0 ? SECTION_VIEWED : 0u) | (tail->attribute_count > 0 ? SECTION_ATTRIBUTES : 0u);
}

static void put_folded(struct encoder *encoder, const struct eddy_tail *tail) {
  unsigned sections = sections_of(tail);
  eddy_write_u8(&encoder->writer, (uint8_t)sections);
  if (sections & SECTION_FLOOR) {
    put_time(encoder, tail->floor);
  }
  if (sections & SECTION_CARTS) {
    put_carts(encoder, tail);
  }
  if (sections & SECTION_CHANGES) {
    put_lines(encoder, tail->changes, tail->change_count);
  }
  if (sections & SECTION_SETTLED) {
    put_settled(encoder, tail);
  }
  if (sections & SECTION_ARMED) {
    put_armed(encoder, tail);
  }
  if (sections & SECTION_CONSENT) {
    put_consent(encoder, tail);
  }
  if (sections & SECTION_VIEWED) {
    put_viewed(encoder, tail);
  }
  if (sections & SECTION_ATTRIBUTES) {
    put_attributes(encoder, tail);
  }
}

static void put_published(struct encoder *encoder, const struct eddy_tail *tail) {
  encoder->time = 0;
  eddy_write_varint(&encoder->writer, tail->mark_count);
  for (uint16_t i = 0; i < tail->mark_count; i++) {
    const struct eddy_fired_mark *mark = &tail->marks[i];
    eddy_write_u8(&encoder->writer, (uint8_t)((mark->step & MARK_STEP) | (mark->fired ? MARK_FIRED : 0) |
                                              (mark->subject_hash != 0 ? MARK_SUBJECT : 0)));
    eddy_write_u32(&encoder->writer, mark->trigger_hash);
    if (mark->subject_hash != 0) {
      eddy_write_u64(&encoder->writer, mark->subject_hash);
    }
    put_time(encoder, mark->due);
  }
}

size_t eddy_tail_encode(const struct eddy_tail *tail, void *buffer, size_t capacity) {
  if (eddy_tail_empty(tail)) {
    return 0;
  }
  struct encoder encoder = {0};
  eddy_writer_init(&encoder.writer, buffer, capacity);
  eddy_write_u16(&encoder.writer, 0);
  put_folded(&encoder, tail);
  size_t folded = eddy_writer_size(&encoder.writer) - FOLDED_SIZE_BYTES;
  put_published(&encoder, tail);
  if (encoder.writer.overflow || folded > UINT16_MAX) {
    return SIZE_MAX;
  }
  encoder.writer.begin[0] = (uint8_t)folded;
  encoder.writer.begin[1] = (uint8_t)(folded >> 8);
  return eddy_writer_size(&encoder.writer);
}

size_t eddy_tail_folded_size(const void *bytes, size_t size) {
  const uint8_t *at = bytes;
  return size >= FOLDED_SIZE_BYTES ? (size_t)at[0] | (size_t)at[1] << 8 : size == 0 ? 0 : SIZE_MAX;
}

/* Reading: every count, length, index and order is checked, because what relies on them does not look again.
 * ------------------*/

struct decoder {
  struct eddy_reader reader;
  int64_t time;
  struct eddy_str currency;
};

static void require(struct decoder *decoder, bool condition) {
  if (!condition) {
    decoder->reader.failed = true;
    decoder->reader.at = decoder->reader.end;
  }
}

static int64_t take_time(struct decoder *decoder) {
  decoder->time = (int64_t)((uint64_t)decoder->time + (uint64_t)eddy_read_varint(&decoder->reader));
  return decoder->time;
}

static uint16_t take_count(struct decoder *decoder, uint16_t max) {
  int64_t count = eddy_read_varint(&decoder->reader);
  require(decoder, count >= 0 && count <= max);
  return decoder->reader.failed ? 0 : (uint16_t)count;
}

static struct eddy_str take_text(struct decoder *decoder, uint32_t min, uint32_t max) {
  struct eddy_str text = eddy_read_string(&decoder->reader);
  require(decoder, text.len >= min && text.len <= max);
  return text;
}

static void take_line(struct decoder *decoder, struct eddy_cart_change *line, uint16_t cart_count) {
  uint8_t flags = eddy_read_u8(&decoder->reader);
  *line = (struct eddy_cart_change){.kind = (uint8_t)(flags >> LINE_KIND_SHIFT), .cart = eddy_read_u8(&decoder->reader)};
  line->time = take_time(decoder);
  require(decoder, line->kind <= EDDY_CART_REMOVE && line->cart < cart_count);
  if (line->kind == EDDY_CART_RESET) {
    return;
  }
  line->product_id = take_text(decoder, 1, EDDY_TAIL_ID_MAX);
  int64_t quantity = eddy_read_varint(&decoder->reader);
  require(decoder, quantity > INT32_MIN && quantity <= INT32_MAX);
  line->quantity = decoder->reader.failed ? 0 : (int32_t)quantity;
  if (flags & LINE_NAME) {
    line->name = take_text(decoder, 0, EDDY_TAIL_TEXT_MAX);
  }
  if (flags & LINE_CATEGORY) {
    line->category = take_text(decoder, 0, EDDY_TAIL_TEXT_MAX);
  }
  line->has_price = (flags & LINE_PRICE) != 0;
  line->price = line->has_price ? eddy_read_varint(&decoder->reader) : 0;
  if (flags & LINE_CURRENCY) {
    decoder->currency = take_text(decoder, 0, EDDY_TAIL_CURRENCY_MAX);
  }
  if (flags & (LINE_CURRENCY | LINE_SAME_CURRENCY)) {
    line->currency = decoder->currency;
  }
}

static void take_carts(struct decoder *decoder, struct eddy_tail *tail) {
  uint16_t count = take_count(decoder, EDDY_TAIL_CARTS_MAX);
  for (uint16_t i = 0; i < count && !decoder->reader.failed; i++) {
    struct eddy_cart *cart = &tail->carts[i];
    cart->cart_id = take_text(decoder, 0, EDDY_TAIL_ID_MAX);
    require(decoder, i == 0 || eddy_tail_compare(cart[-1].cart_id, cart->cart_id) < 0);
    uint8_t flags = eddy_read_u8(&decoder->reader);
    require(decoder, flags <= CART_FLAGS);
    cart->base_time = flags & CART_BASE_TIME ? take_time(decoder) : EDDY_TIME_NONE;
    cart->base_reset = flags & CART_BASE_RESET ? take_time(decoder) : EDDY_TIME_NONE;
    cart->filled = (flags & CART_FILLED) != 0;
  }
  tail->cart_count = count;
  uint16_t lines = take_count(decoder, EDDY_TAIL_LINES_MAX);
  for (uint16_t i = 0; i < lines && !decoder->reader.failed; i++) {
    take_line(decoder, &tail->lines[i], count);
    require(decoder, tail->lines[i].kind == EDDY_CART_ADD);
  }
  tail->line_count = lines;
}

static void take_changes(struct decoder *decoder, struct eddy_tail *tail) {
  uint16_t count = take_count(decoder, (uint16_t)(EDDY_TAIL_LINES_MAX - tail->line_count));
  for (uint16_t i = 0; i < count && !decoder->reader.failed; i++) {
    take_line(decoder, &tail->changes[i], tail->cart_count);
    require(decoder, i == 0 || tail->changes[i - 1].time <= tail->changes[i].time);
  }
  tail->change_count = count;
}

static void take_settled(struct decoder *decoder, struct eddy_tail *tail) {
  uint16_t count = take_count(decoder, EDDY_TAIL_SETTLED_MAX);
  for (uint16_t i = 0; i < count; i++) {
    tail->settled[i] = take_time(decoder);
    require(decoder, i == 0 || tail->settled[i - 1] < tail->settled[i]);
  }
  tail->settled_count = count;
}

static void take_armed_time(struct decoder *decoder, struct eddy_armed_time *time) {
  uint8_t flags = eddy_read_u8(&decoder->reader);
  *time = (struct eddy_armed_time){.type = (uint8_t)(flags >> TIME_TYPE_SHIFT), .arms = (flags & TIME_ARMS) != 0};
  require(decoder, time->type < EDDY_EVENT_TYPE_COUNT);
  time->time = take_time(decoder);
  if (flags & TIME_ID) {
    time->event_id = take_text(decoder, 0, EDDY_TAIL_EVENT_ID_MAX);
  }
}

static int compare_pairs(const struct eddy_armed *a, const struct eddy_armed *b) {
  return a->trigger != b->trigger ? (a->trigger > b->trigger) - (a->trigger < b->trigger)
                                  : eddy_tail_compare(a->subject, b->subject);
}

static void take_armed(struct decoder *decoder, struct eddy_tail *tail) {
  uint16_t count = take_count(decoder, EDDY_TAIL_ARMED_MAX);
  for (uint16_t i = 0; i < count && !decoder->reader.failed; i++) {
    struct eddy_armed *pair = &tail->armed[i];
    uint8_t head = eddy_read_u8(&decoder->reader);
    *pair = (struct eddy_armed){.trigger = head >> 1, .first_time = tail->time_count};
    if (!(head & 1)) {
      pair->subject = take_text(decoder, 0, EDDY_TAIL_ID_MAX);
    }
    require(decoder, pair->trigger < EDDY_TRIGGERS_MAX && (i == 0 || compare_pairs(pair - 1, pair) < 0));
    pair->time_count = take_count(decoder, EDDY_TAIL_TIMES_MAX);
    require(decoder, pair->time_count > 0);
    struct eddy_armed_time *times = &tail->times[pair->first_time];
    for (uint16_t j = 0; j < pair->time_count && !decoder->reader.failed; j++) {
      take_armed_time(decoder, &times[j]);
      require(decoder, j == 0 || times[j - 1].time <= times[j].time);
    }
    tail->time_count = (uint16_t)(tail->time_count + pair->time_count);
  }
  tail->armed_count = count;
}

static void take_consent(struct decoder *decoder, struct eddy_tail *tail) {
  uint8_t flags = eddy_read_u8(&decoder->reader);
  require(decoder, flags <= CONSENT_FLAGS);
  tail->unsubscribed_at = flags & CONSENT_UNSUBSCRIBED ? take_time(decoder) : EDDY_TIME_NONE;
  tail->subscribed_at = flags & CONSENT_SUBSCRIBED ? take_time(decoder) : EDDY_TIME_NONE;
  uint16_t count = take_count(decoder, EDDY_TAIL_CONSENT_MAX);
  for (uint16_t i = 0; i < count; i++) {
    uint8_t subscribed = eddy_read_u8(&decoder->reader);
    tail->consent[i] = (struct eddy_consent_time){.time = take_time(decoder), .subscribed = subscribed == 1};
    require(decoder, subscribed <= 1 && (i == 0 || tail->consent[i - 1].time <= tail->consent[i].time));
  }
  tail->consent_count = count;
}

static void take_viewed(struct decoder *decoder, struct eddy_tail *tail) {
  uint16_t count = take_count(decoder, EDDY_TAIL_VIEWED_MAX);
  for (uint16_t i = 0; i < count; i++) {
    tail->viewed[i].product_id = eddy_read_string(&decoder->reader);
    tail->viewed[i].time = take_time(decoder);
  }
  tail->viewed_count = count;
}

static void take_attributes(struct decoder *decoder, struct eddy_tail *tail) {
  uint16_t count = take_count(decoder, EDDY_TAIL_ATTRIBUTES_MAX);
  for (uint16_t i = 0; i < count; i++) {
    tail->attributes[i].key = eddy_read_string(&decoder->reader);
    tail->attributes[i].value = eddy_read_string(&decoder->reader);
    tail->attributes[i].time = take_time(decoder);
  }
  tail->attribute_count = count;
}

static void take_folded(struct decoder *decoder, struct eddy_tail *tail) {
  uint8_t sections = eddy_read_u8(&decoder->reader);
  if (sections & SECTION_FLOOR) {
    tail->floor = take_time(decoder);
  }
  if (sections & SECTION_CARTS) {
    take_carts(decoder, tail);
  }
  if (sections & SECTION_CHANGES) {
    take_changes(decoder, tail);
  }
  if (sections & SECTION_SETTLED) {
    take_settled(decoder, tail);
  }
  if (sections & SECTION_ARMED) {
    take_armed(decoder, tail);
  }
  if (sections & SECTION_CONSENT) {
    take_consent(decoder, tail);
  }
  if (sections & SECTION_VIEWED) {
    take_viewed(decoder, tail);
  }
  if (sections & SECTION_ATTRIBUTES) {
    take_attributes(decoder, tail);
  }
  require(decoder, eddy_reader_left(&decoder->reader) == 0);
}

static void take_published(struct decoder *decoder, struct eddy_tail *tail) {
  uint16_t count = take_count(decoder, EDDY_TAIL_MARKS_MAX);
  for (uint16_t i = 0; i < count && !decoder->reader.failed; i++) {
    uint8_t flags = eddy_read_u8(&decoder->reader);
    require(decoder, flags <= (MARK_STEP | MARK_FIRED | MARK_SUBJECT));
    struct eddy_fired_mark *mark = &tail->marks[i];
    *mark = (struct eddy_fired_mark){.step = flags & MARK_STEP, .fired = (flags & MARK_FIRED) != 0};
    mark->trigger_hash = eddy_read_u32(&decoder->reader);
    if (flags & MARK_SUBJECT) {
      mark->subject_hash = eddy_read_u64(&decoder->reader);
    }
    mark->due = take_time(decoder);
  }
  tail->mark_count = count;
  require(decoder, eddy_reader_left(&decoder->reader) == 0);
}

int eddy_tail_decode(struct eddy_tail *tail, const void *bytes, size_t size) {
  eddy_tail_clear(tail);
  if (size == 0) {
    return 0;
  }
  struct eddy_reader whole;
  eddy_reader_init(&whole, bytes, size);
  size_t folded_size = eddy_read_u16(&whole);
  const uint8_t *folded = eddy_read_bytes(&whole, folded_size);
  if (folded == NULL) {
    return EDDY_E_CORRUPT;
  }
  struct decoder decoder = {0};
  eddy_reader_init(&decoder.reader, folded, folded_size);
  take_folded(&decoder, tail);
  bool failed = decoder.reader.failed;
  decoder = (struct decoder){.reader = whole};
  take_published(&decoder, tail);
  if (failed || decoder.reader.failed) {
    eddy_tail_clear(tail);
    return EDDY_E_CORRUPT;
  }
  return 0;
}
