/* Names that other products give to our event types. One row per name, sorted by its bytes (a test checks that), case-sensitive
 * as the products' own names are. Sources: Segment's e-commerce (v2), e-mail and common specifications, Braze's recommended
 * events and Currents, Klaviyo's metrics, the event webhooks of SendGrid, Amazon SES, Mailgun and Postmark.
 */
#include <string.h>

#include "codec/event_aliases.h"
#include "codec/event_decoder.h"

const struct eddy_event_alias eddy_event_aliases[] = {
    {"Added to Cart", EDDY_PRODUCT_ADDED},
    {"Bounce", EDDY_EMAIL_BOUNCED},
    {"Bounced Email", EDDY_EMAIL_BOUNCED},
    {"Cart Updated", EDDY_CART_UPDATED},
    {"Cart Viewed", EDDY_CART_VIEWED},
    {"Checkout Started", EDDY_CHECKOUT_STARTED},
    {"Click", EDDY_EMAIL_CLICKED},
    {"Clicked Email", EDDY_EMAIL_CLICKED},
    {"Complaint", EDDY_EMAIL_COMPLAINED},
    {"Coupon Applied", EDDY_COUPON_APPLIED},
    {"Delivery", EDDY_EMAIL_DELIVERED},
    {"Email Bounced", EDDY_EMAIL_BOUNCED},
    {"Email Delivered", EDDY_EMAIL_DELIVERED},
    {"Email Link Clicked", EDDY_EMAIL_CLICKED},
    {"Email Marked as Spam", EDDY_EMAIL_COMPLAINED},
    {"Email Opened", EDDY_EMAIL_OPENED},
    {"Email Sent", EDDY_EMAIL_SENT},
    {"Email Subscribed", EDDY_EMAIL_SUBSCRIBED},
    {"Email Unsubscribed", EDDY_EMAIL_UNSUBSCRIBED},
    {"Marked Email as Spam", EDDY_EMAIL_COMPLAINED},
    {"Open", EDDY_EMAIL_OPENED},
    {"Opened Email", EDDY_EMAIL_OPENED},
    {"Order Cancelled", EDDY_ORDER_CANCELLED},
    {"Order Completed", EDDY_ORDER_COMPLETED},
    {"Order Refunded", EDDY_ORDER_REFUNDED},
    {"Order Updated", EDDY_ORDER_UPDATED},
    {"Page Viewed", EDDY_PAGE_VIEWED},
    {"Placed Order", EDDY_ORDER_COMPLETED},
    {"Product Added", EDDY_PRODUCT_ADDED},
    {"Product Added to Wishlist", EDDY_WISHLIST_ADDED},
    {"Product List Viewed", EDDY_PRODUCT_LIST_VIEWED},
    {"Product Removed", EDDY_PRODUCT_REMOVED},
    {"Product Viewed", EDDY_PRODUCT_VIEWED},
    {"Products Searched", EDDY_PRODUCTS_SEARCHED},
    {"Received Email", EDDY_EMAIL_DELIVERED},
    {"Send", EDDY_EMAIL_SENT},
    {"Session Started", EDDY_SESSION_STARTED},
    {"SpamComplaint", EDDY_EMAIL_COMPLAINED},
    {"Started Checkout", EDDY_CHECKOUT_STARTED},
    {"Unsubscribed from Email", EDDY_EMAIL_UNSUBSCRIBED},
    {"Viewed Product", EDDY_PRODUCT_VIEWED},
    {"bounce", EDDY_EMAIL_BOUNCED},
    {"click", EDDY_EMAIL_CLICKED},
    {"clicked", EDDY_EMAIL_CLICKED},
    {"complained", EDDY_EMAIL_COMPLAINED},
    {"delivered", EDDY_EMAIL_DELIVERED},
    {"ecommerce.cart_updated", EDDY_CART_UPDATED},
    {"ecommerce.checkout_started", EDDY_CHECKOUT_STARTED},
    {"ecommerce.order_cancelled", EDDY_ORDER_CANCELLED},
    {"ecommerce.order_placed", EDDY_ORDER_COMPLETED},
    {"ecommerce.order_refunded", EDDY_ORDER_REFUNDED},
    {"ecommerce.product_viewed", EDDY_PRODUCT_VIEWED},
    {"group_resubscribe", EDDY_EMAIL_SUBSCRIBED},
    {"group_unsubscribe", EDDY_EMAIL_UNSUBSCRIBED},
    {"identify", EDDY_PROFILE_UPDATED},
    {"open", EDDY_EMAIL_OPENED},
    {"opened", EDDY_EMAIL_OPENED},
    {"page", EDDY_PAGE_VIEWED},
    {"spamreport", EDDY_EMAIL_COMPLAINED},
    {"unsubscribe", EDDY_EMAIL_UNSUBSCRIBED},
    {"unsubscribed", EDDY_EMAIL_UNSUBSCRIBED},
    {"users.behaviors.app.SessionStart", EDDY_SESSION_STARTED},
    {"users.messages.email.Bounce", EDDY_EMAIL_BOUNCED},
    {"users.messages.email.Click", EDDY_EMAIL_CLICKED},
    {"users.messages.email.Delivery", EDDY_EMAIL_DELIVERED},
    {"users.messages.email.MarkAsSpam", EDDY_EMAIL_COMPLAINED},
    {"users.messages.email.Open", EDDY_EMAIL_OPENED},
    {"users.messages.email.Send", EDDY_EMAIL_SENT},
    {"users.messages.email.Unsubscribe", EDDY_EMAIL_UNSUBSCRIBED},
};
const size_t eddy_event_alias_count = sizeof eddy_event_aliases / sizeof eddy_event_aliases[0];

/* As strcmp, but one side is a view. */
static int compare(struct eddy_str name, const char *alias) {
  size_t size = strlen(alias), shorter = name.len < size ? name.len : size;
  int order = memcmp(name.data, alias, shorter);
  if (order != 0) return order;
  return name.len < size ? -1 : name.len > size;
}

int eddy_event_type_alias(struct eddy_str name) {
  if (!name.data) return -1;
  int type = eddy_event_type_find(name);
  size_t low = 0, high = eddy_event_alias_count;
  while (type < 0 && low < high) {
    size_t middle = (low + high) / 2;
    int order = compare(name, eddy_event_aliases[middle].name);
    if (order == 0) type = (int)eddy_event_aliases[middle].type;
    if (order < 0) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return type;
}
