// Example requests by operation. A new local database accepts them: its people and properties are those of the seed. Ids that
// only a reader's own data has (booking, thread, alteration, review) stand for theirs. The stack moves the dates ahead.

export interface ExampleRequest {
  query?: string;
  body?: Record<string, unknown>;
}

const property_id = "5eed0000-0000-4000-8000-000000000104"; // Ana's; booked instantly, two nights or more
const booking_id = "5eed0000-0000-4000-8000-000000000201";
const thread_id = "5eed0000-0000-4000-8000-000000000301";
const alteration_id = "5eed0000-0000-4000-8000-000000000401";
const review_id = "5eed0000-0000-4000-8000-000000000501";
const ana = "5eed0000-0000-4000-8000-000000000001";
const stay = { check_in: "2027-06-04", check_out: "2027-06-06", adults: 2 };
const later = { check_in: "2027-07-02", check_out: "2027-07-04" };
const dates = { p_check_in: stay.check_in, p_check_out: stay.check_out, p_adults: stay.adults };
const search = { p_area: "Lisboa", ...dates };
const quote = { p_property_id: property_id, ...dates };

/** By method and path below /rest/v1, or whole path; functions of the database, `rpc/…`, by path alone. */
export const exampleRequests: Record<string, ExampleRequest> = {
  // Search and quote
  "rpc/search_properties": { body: search },
  "rpc/count_properties": { body: search },
  "rpc/search_facets": { body: search },
  "rpc/property_calendar": {
    body: { p_property_id: property_id, p_from: stay.check_in, p_to: later.check_out },
  },
  "rpc/bookability": { body: quote },
  "rpc/quote_stay": { body: quote },
  "get properties": {
    query: "select=id,title,city,base_price,currency&city=eq.Lisboa&order=base_price&limit=5",
  },
  "get property_photos": { query: `select=path,alt_text&property_id=eq.${property_id}&order=position` },
  "post wishlists": { body: { name: "Lisbon in June" } },

  // Book
  "post bookings": { body: { property_id, ...stay, idempotency_key: "my order 17" } },
  "get bookings": {
    query: "select=id,status,check_in,check_out,guest_total,currency&order=check_in.desc&limit=10",
  },
  "patch bookings": { query: `id=eq.${booking_id}`, body: later },
  "delete bookings": { query: `id=eq.${booking_id}` },
  "get booking_alterations": { query: `select=id,check_in,check_out,difference&booking_id=eq.${booking_id}` },
  "rpc/accept_alteration": { body: { p_alteration_id: alteration_id } },
  "rpc/decline_alteration": { body: { p_alteration_id: alteration_id } },
  "rpc/preview_cancellation": { body: { p_booking_id: booking_id } },
  "rpc/cancel_booking": { body: { p_booking_id: booking_id, p_reason: "We are ill." } },
  "rpc/accept_booking": { body: { p_booking_id: booking_id } },
  "rpc/decline_booking": { body: { p_booking_id: booking_id, p_reason: "The roof is being repaired." } },

  // Pay
  "post /functions/v1/payments": { body: { booking_id } },
  "rpc/payment_schedule": { body: { p_booking_id: booking_id } },
  "get payments": { query: `select=status,amount,currency&booking_id=eq.${booking_id}` },

  // Host
  "post properties": { body: { title: "House by the river" } },
  "patch properties": {
    query: `id=eq.${property_id}`,
    body: { base_price: 24_000, currency: "EUR", min_nights: 2 },
  },
  "post property_addresses": {
    body: {
      property_id,
      line1: "Rua do Sacramento 20",
      city: "Lisboa",
      country: "PT",
      latitude: 38.7089,
      longitude: -9.1645,
    },
  },
  "post property_amenities": { body: { property_id, amenity_id: "pool" } },
  "post /functions/v1/files": {
    body: {
      kind: "property_photo",
      path: "5eed0000-0000-4000-8000-000000000001/kitchen.png",
      property_id,
      alt_text: "The kitchen",
    },
  },
  "rpc/set_calendar": {
    body: {
      p_property_id: property_id,
      p_ranges: [
        { from: "2027-08-01", until: "2027-09-01", price: 26_000, min_nights: 5 },
        { from: "2027-08-14", until: "2027-08-16", closed: true },
      ],
    },
  },
  "rpc/pause_property": { body: { p_property_id: property_id } },
  "rpc/publish_property": { body: { p_property_id: property_id } },
  "post host_blocks": {
    body: { property_id, check_in: later.check_in, check_out: later.check_out, note: "Painting" },
  },
  "post /functions/v1/connect": { body: { action: "status" } },

  // Talk
  "post threads": { body: { property_id } },
  "get threads": { query: "select=id,property_id&limit=10" },
  "post messages": { body: { thread_id, body: "Is there a cot?" } },
  "get messages": { query: `select=sender_id,body,created_at&thread_id=eq.${thread_id}&order=created_at` },
  "rpc/mark_thread_read": { body: { p_thread_id: thread_id } },

  // Review
  "post reviews": {
    body: {
      booking_id,
      overall: 5,
      accuracy: 5,
      cleanliness: 4,
      check_in: 5,
      communication: 5,
      location: 3,
      value: 4,
      comment: "Quiet, and the bread is good.",
    },
  },
  "get reviews": { query: `select=overall,comment&booking_id=eq.${booking_id}` },
  "rpc/reply_to_review": { body: { p_review_id: review_id, p_reply: "Come back soon." } },
  "post reports": {
    body: {
      subject: "property",
      subject_id: property_id,
      reason: "inaccurate",
      details: "There is no lift.",
    },
  },

  // Account
  "post /auth/v1/signup": {
    body: { email: "ana@example.org", password: "correct horse battery", data: { display_name: "Ana" } },
  },
  "post /auth/v1/verify": { body: { type: "email", email: "ana@example.org", token: "123456" } },
  "post /auth/v1/token": {
    query: "grant_type=password",
    body: { email: "gita@example.com", password: "staybase" },
  },
  "get /auth/v1/user": {},
  "get profiles": { query: `select=display_name,about&id=eq.${ana}` },
};
