// Bodies that a new local database takes, by table or function: the documentation page fills them in. Its people are those of
// the seed. The stack moves the stay to days ahead when it serves the description.

const property_id = "5eed0000-0000-4000-8000-000000000104"; // booked instantly, two nights on any day
const booking_id = "5eed0000-0000-4000-8000-000000000201"; // none: to be replaced by one's own
const stay = { check_in: "2027-06-04", check_out: "2027-06-06", adults: 2 };
const dates = { p_check_in: stay.check_in, p_check_out: stay.check_out, p_adults: stay.adults };
const searched = { p_area: "Lisboa", ...dates };
const asked = { p_property_id: property_id, ...dates };

export const bodies: Record<string, Record<string, unknown>> = {
  bookings: { property_id, ...stay, idempotency_key: "a key of the client's own" },
  messages: { thread_id: "5eed0000-0000-4000-8000-000000000301", body: "Is there a cot?" },
  properties: { title: "House by the river" },
  reports: {
    subject: "property",
    subject_id: property_id,
    reason: "inaccurate",
    details: "There is no lift.",
  },
  reviews: {
    ...{
      booking_id,
      overall: 5,
      accuracy: 5,
      cleanliness: 4,
      check_in: 5,
      communication: 5,
      location: 3,
      value: 4,
    },
    comment: "Quiet, and the bread is good.",
  },
  threads: { property_id },
  wishlists: { name: "Lisbon in June" },
  bookability: asked,
  cancel_booking: { p_booking_id: booking_id, p_reason: "We are ill." },
  count_properties: searched,
  preview_cancellation: { p_booking_id: booking_id },
  property_calendar: { p_property_id: property_id, p_from: stay.check_in, p_to: "2027-07-04" },
  quote_stay: asked,
  search_facets: searched,
  search_properties: searched,
};

/** The body of a table or function as OpenAPI has it. */
export const examplesOf = (name: string): Record<string, { value: unknown }> | undefined =>
  bodies[name] && { example: { value: bodies[name] } };
