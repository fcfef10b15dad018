// The schema as a GraphQL user guesses it: a host publishes a place, a guest finds it and looks at its calendar.

import { beforeAll, expect, it } from "vitest";
import { createBookable } from "../booking-support.ts";
import { createDraft, house } from "../property-support.ts";
import { bookStay, confirmStay, letDaysPass, runDueWork } from "../stay-support.ts";
import { anonymous, database, type Person, service, signUp, signUpOperator, stack } from "../support.ts";

interface Answer {
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what the tests look at
  data: any;
  errors?: { message: string }[];
}

async function ask(query: string, variables: object = {}, person?: Person): Promise<Answer> {
  const token = (await person?.client.auth.getSession())?.data.session?.access_token;
  const response = await fetch(`${stack.apiUrl}/graphql/v1`, {
    method: "POST",
    headers: {
      apikey: stack.publishableKey,
      "content-type": "application/json",
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as Answer;
}

const day = (offset: number) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

let host: Person;
let place: string;
beforeAll(async () => {
  host = await signUp("Ana");
  place = await createBookable(host);
});

it("makes a draft, changes and deletes it", async () => {
  const made = await ask(
    `mutation ($title: String!) {
      insertIntoPropertiesCollection(objects: [{ title: $title }]) { records { id title status host { displayName } } }
    }`,
    { title: house.title },
    host,
  );
  const [draft] = made.data.insertIntoPropertiesCollection.records;
  expect(draft).toEqual({ id: draft.id, title: house.title, status: "draft", host: { displayName: "Ana" } });
  const id = { eq: draft.id };
  const changed = await ask(
    "mutation ($id: UUIDFilter!) { updatePropertiesCollection(filter: { id: $id }, set: { maxGuests: 3 }) { affectedCount } }",
    { id },
    host,
  );
  expect(changed.data.updatePropertiesCollection.affectedCount).toBe(1);
  const deleted = await ask(
    "mutation ($id: UUIDFilter!) { deleteFromPropertiesCollection(filter: { id: $id }) { records { maxGuests } } }",
    { id },
    host,
  );
  expect(deleted.data.deleteFromPropertiesCollection.records).toEqual([{ maxGuests: 3 }]);
});

it("publishes only what is complete, and says what is missing", async () => {
  const id = await createDraft(host.client);
  const { data, errors } = await ask(
    "mutation ($id: UUID!) { publishProperty(pPropertyId: $id) { status } }",
    { id },
    host,
  );
  expect([data, errors]).toEqual([
    null,
    [{ message: "Something is missing that a published property has." }],
  ]);
});

it("finds what REST finds, in the same order, and the place with it", async () => {
  // On an island of its own, where no other test has places.
  const centre = { latitude: -16.5, longitude: -151.75 };
  for (const north of [0.02, 0.01]) {
    const id = await createBookable(host, { title: `House ${north} degrees north` });
    const point = { latitude: centre.latitude + north, longitude: centre.longitude };
    await host.client.from("property_addresses").update(point).eq("property_id", id).throwOnError();
  }
  const { data: found } = await anonymous()
    .rpc("search_properties", {
      p_latitude: centre.latitude,
      p_longitude: centre.longitude,
      p_radius: 20_000,
      p_room_types: ["entire_home"],
    })
    .throwOnError();
  expect(found).toHaveLength(2);
  const { data } = await ask(
    `query ($latitude: Float!, $longitude: Float!) {
      searchProperties(latitude: $latitude, longitude: $longitude, radius: 20000, roomTypes: ["entire_home"]) {
        edges { node { distance currency pricePerNight property { id title host { displayName } } } }
      }
    }`,
    centre,
  );
  expect(data.searchProperties.edges.map(({ node }: { node: object }) => node)).toEqual(
    found.map(({ property_id, title, distance, currency, price_per_night }) => ({
      distance,
      currency,
      pricePerNight: String(price_per_night),
      property: { id: property_id, title, host: { displayName: "Ana" } },
    })),
  );
});

it("finds by the name of a place, by words and on flexible dates, as REST does", async () => {
  const id = await createBookable(host, { title: "Hut on the glacier", min_nights: 2 });
  const city = `Glacier City ${process.pid}`;
  await host.client.from("property_addresses").update({ city }).eq("property_id", id).throwOnError();
  const stay = { p_check_in: day(50), p_check_out: day(52), p_flexible_days: 3 };
  const { data: found } = await anonymous()
    .rpc("search_properties", { p_area: city, p_text: "glacier", ...stay })
    .throwOnError();
  const { data } = await ask(
    `query ($city: String!, $in: String!, $out: String!) {
      searchProperties(place: $city, text: "glacier", checkIn: $in, checkOut: $out, flexibleDays: 3) {
        edges { node { propertyId checkIn checkOut total } }
      }
      nothing: searchProperties(place: $city, text: "volcano") { edges { node { propertyId } } }
    }`,
    { city, in: stay.p_check_in, out: stay.p_check_out },
  );
  expect(found.map(({ property_id }) => property_id)).toEqual([id]);
  expect(data.searchProperties.edges.map(({ node }: { node: object }) => node)).toEqual(
    found.map(({ property_id, check_in, check_out, total }) => ({
      propertyId: property_id,
      checkIn: check_in,
      checkOut: check_out,
      total: String(total),
    })),
  );
  expect(data.nothing.edges).toEqual([]);

  const month = day(80).slice(0, 7);
  const weekend = await ask(
    `query ($city: String!, $month: String!) {
      searchProperties(place: $city, month: $month, weekend: true) { edges { node { checkIn checkOut } } }
    }`,
    { city, month },
  );
  const [{ node }] = weekend.data.searchProperties.edges;
  expect(new Date(node.checkIn).getUTCDay()).toBe(5);
  expect(node.checkIn.slice(0, 7)).toBe(month);
  expect(Date.parse(node.checkOut) - Date.parse(node.checkIn)).toBe(2 * 86_400_000);
});

it("refuses a search that cannot be done", async () => {
  const { errors } = await ask("{ searchProperties(west: 1) { edges { node { propertyId } } } }");
  const { error } = await anonymous().rpc("search_properties", { p_west: 1 });
  expect(errors).toEqual([{ message: error?.message }]);
});

it("shows the calendar that REST shows", async () => {
  const range = { p_property_id: place, p_from: day(1), p_to: day(200) };
  const { data: days } = await anonymous().rpc("property_calendar", range).throwOnError();
  const { data } = await ask(
    `query ($id: UUID!, $from: String!, $to: String!) {
      propertyCalendar(propertyId: $id, fromDay: $from, toDay: $to) { edges { node { day free price minNights } } }
    }`,
    { id: place, from: range.p_from, to: range.p_to },
  );
  expect(data.propertyCalendar.edges.map(({ node }: { node: object }) => node)).toEqual(
    days.map(({ day, free, price, min_nights }) => ({
      day,
      free,
      price: price === null ? null : String(price),
      minNights: min_nights,
    })),
  );
  expect(days).toHaveLength(199);
});

it("goes from a quote to a booking and out of it again", async () => {
  const guest = await signUp("Ben");
  const stay = { place, from: day(40), until: day(43) };
  const quoted = await ask(
    `query ($place: UUID!, $from: String!, $until: String!) {
      quoteStay(propertyId: $place, checkIn: $from, checkOut: $until, adults: 2) {
        id nights currency guestTotal lines property { title }
      }
    }`,
    stay,
    guest,
  );
  const quote = quoted.data.quoteStay;
  expect(quote).toMatchObject({ nights: 3, currency: "EUR", property: { title: house.title } });
  const lines = JSON.parse(quote.lines) as { amount: number }[];
  expect(String(lines.reduce((sum, { amount }) => sum + amount, 0))).toBe(quote.guestTotal);

  const booked = await ask(
    `mutation ($place: UUID!, $from: String!, $until: String!, $quote: UUID!) {
      insertIntoBookingsCollection(objects: [
        { propertyId: $place, checkIn: $from, checkOut: $until, adults: 2, quoteId: $quote }
      ]) { records { id status guestTotal property { title } guest { displayName } host { displayName } } }
    }`,
    { ...stay, quote: quote.id },
    guest,
  );
  const [booking] = booked.data.insertIntoBookingsCollection.records;
  expect(booking).toEqual({
    id: booking.id,
    status: "awaiting_payment",
    guestTotal: quote.guestTotal,
    property: { title: house.title },
    guest: { displayName: "Ben" },
    host: { displayName: "Ana" },
  });
  await service().rpc("confirm_booking", { p_booking_id: booking.id }).throwOnError();

  const money = "refundAmount hostAmount currency";
  const preview = await ask(
    `query ($id: UUID!) { previewCancellation(pBookingId: $id) { ${money} } }`,
    { id: booking.id },
    guest,
  );
  const cancelled = await ask(
    `mutation ($id: UUID!) { cancelBooking(pBookingId: $id) { ${money} } }`,
    { id: booking.id },
    guest,
  );
  expect(cancelled.errors).toBeUndefined();
  expect(preview.data.previewCancellation).toEqual(cancelled.data.cancelBooking);

  const read =
    "query ($id: UUID!) { bookingsByPk(id: $id) { status lineItemsCollection { totalCount } cancellation { refundAmount } } }";
  const seen = await ask(read, { id: booking.id }, guest);
  expect(seen.data.bookingsByPk).toEqual({
    status: "cancelled",
    lineItemsCollection: { totalCount: lines.length },
    cancellation: { refundAmount: cancelled.data.cancelBooking.refundAmount },
  });
  const stranger = await ask(read, { id: booking.id }, await signUp("Eve"));
  expect(stranger.data.bookingsByPk).toBeNull();
});

it("reviews a stay that is over, and reads from the booking what belongs to it", async () => {
  const guest = await signUp("Ben");
  const booking = await bookStay(guest, place, 60, 62);
  await confirmStay(booking);
  const write = `mutation ($id: UUID!) {
    insertIntoReviewsCollection(objects: [{
      bookingId: $id, overall: 5, accuracy: 5, cleanliness: 4, checkIn: 5, communication: 5, location: 3, value: 4
      comment: "Quiet, and the bread is good."
    }]) { records { id overall booking { id } property { title } author { displayName } subject { displayName } } }
  }`;
  const early = await ask(write, { id: booking }, guest);
  expect(early).toEqual({ data: null, errors: [{ message: "A stay is reviewed after check-out." }] });

  const sql = database();
  await letDaysPass(sql, booking, 63);
  await sql.end();
  const written = await ask(write, { id: booking }, guest);
  const [review] = written.data.insertIntoReviewsCollection.records;
  expect(review).toEqual({
    id: review.id,
    overall: 5,
    booking: { id: booking },
    property: { title: house.title },
    author: { displayName: "Ben" },
    subject: { displayName: "Ana" },
  });

  const read = `query ($id: UUID!) { bookingsByPk(id: $id) {
    reviewsCollection { edges { node { comment } } }
    moneyCollection { edges { node { kind } } }
    paymentsCollection { totalCount } refundsCollection { totalCount } payoutsCollection { totalCount }
    notificationsCollection { edges { node { kind booking { id } } } }
    thread { booking { id } }
  } }`;
  const seen = (await ask(read, { id: booking }, guest)).data.bookingsByPk;
  expect(seen.reviewsCollection.edges).toEqual([{ node: { comment: "Quiet, and the bread is good." } }]);
  expect(seen.paymentsCollection.totalCount).toBe(0); // the service confirmed it, nobody paid
  expect(seen.moneyCollection.edges.length).toBeGreaterThan(0);
  expect(seen.notificationsCollection.edges).toContainEqual({
    node: { kind: "booking_confirmed", booking: { id: booking } },
  });
  expect(seen.thread).toEqual({ booking: { id: booking } });
  // Until both have written, the host reads nothing of it.
  const asHost = (await ask(read, { id: booking }, host)).data.bookingsByPk;
  expect(asHost.reviewsCollection.edges).toEqual([]);
});

it("counts what a search could be narrowed to, as REST does", async () => {
  const id = await createBookable(host, { title: "Hut on the volcano" });
  const city = `Volcano City ${process.pid}`;
  await host.client.from("property_addresses").update({ city }).eq("property_id", id).throwOnError();
  const { data } = await ask(
    "query ($city: String!) { searchFacets(place: $city) { count isMore roomTypes bookingModes } }",
    { city },
  );
  const { data: counted } = await anonymous().rpc("search_facets", { p_area: city }).single().throwOnError();
  expect(counted.room_types).toEqual({ entire_home: 1 });
  const { roomTypes, bookingModes, ...numbers } = data.searchFacets;
  expect(numbers).toEqual({ count: 1, isMore: false });
  expect(JSON.parse(roomTypes)).toEqual({ entire_home: 1 });
  expect(JSON.parse(bookingModes)).toEqual({ instant: 1 });
});

it("says how a host answers, and how to reach the other side once a booking is confirmed", async () => {
  const [owner, guest] = await Promise.all([signUp("Ina"), signUp("Ben")]);
  await owner.client.from("accounts").update({ phone: "+351912345678" }).eq("id", owner.id).throwOnError();
  const home = await createBookable(owner);
  const booking = await bookStay(guest, home, 20, 22);
  const read = `query ($id: UUID!) { bookingsByPk(id: $id) {
    contacts { edges { node { side displayName phone email } } }
    host { response { responseRate responseTime threads } }
  } }`;
  const before = (await ask(read, { id: booking }, guest)).data.bookingsByPk;
  expect(before).toEqual({
    contacts: { edges: [] },
    host: { response: { responseRate: null, responseTime: null, threads: "0" } },
  });
  await confirmStay(booking);
  const after = (await ask(read, { id: booking }, guest)).data.bookingsByPk;
  expect(after.contacts.edges).toEqual([
    { node: { side: "host", displayName: "Ina", phone: "+351912345678", email: owner.email } },
  ]);
});

it("reads a thread, and lets nobody else read it", async () => {
  const guest = await signUp("Ben");
  const { data: thread } = await guest.client
    .from("threads")
    .insert({ property_id: place })
    .select("id")
    .single()
    .throwOnError();
  await guest.client
    .from("messages")
    .insert({ thread_id: thread.id, body: "Is there a cot?" })
    .throwOnError();
  const unread = "query ($id: UUID!) { threadsByPk(id: $id) { unreadCount } }";
  expect((await ask(unread, { id: thread.id }, host)).data.threadsByPk.unreadCount).toBe("1");
  const mark = "mutation ($id: UUID!) { markThreadRead(threadId: $id) }";
  expect(await ask(mark, { id: thread.id }, host)).toEqual({ data: { markThreadRead: true } });
  expect((await ask(unread, { id: thread.id }, host)).data.threadsByPk.unreadCount).toBe("0");
  const stranger = await ask(mark, { id: thread.id }, await signUp("Eve"));
  expect(stranger.data).toBeNull();
});

it("hides a review for operators alone", async () => {
  const [guest, operator] = await Promise.all([signUp("Ben"), signUpOperator()]);
  const booking = await bookStay(guest, place, 70, 72);
  await confirmStay(booking);
  const sql = database();
  await letDaysPass(sql, booking, 73);
  const stars = {
    overall: 1,
    accuracy: 1,
    cleanliness: 1,
    check_in: 1,
    communication: 1,
    location: 1,
    value: 1,
  };
  const { data: review } = await guest.client
    .from("reviews")
    .insert({ booking_id: booking, ...stars, comment: "Rude." })
    .select("id")
    .single()
    .throwOnError();
  await letDaysPass(sql, booking, 15);
  await runDueWork(sql);
  await sql.end();
  const hide = `mutation ($id: UUID!) {
    moderateReview(reviewId: $id, state: "removed", reason: "Abuse.") { id state stateReason }
  }`;
  expect((await ask(hide, { id: review.id }, host)).errors).toEqual([{ message: "This is for operators." }]);
  expect(await ask(hide, { id: review.id }, operator)).toEqual({
    data: { moderateReview: { id: review.id, state: "removed", stateReason: "Abuse." } },
  });
});

it("deletes the account of the caller", async () => {
  const person = await signUp("Zoe");
  expect(await ask("mutation { deleteAccount }", {}, person)).toEqual({ data: { deleteAccount: true } });
  const { data } = await ask("query ($id: UUID!) { profilesByPk(id: $id) { displayName } }", {
    id: person.id,
  });
  expect(data.profilesByPk.displayName).toBe("Deleted account");
});

it("says every reason against a stay, as REST does", async () => {
  const { errors } = await ask(
    `query ($place: UUID!) { quoteStay(propertyId: $place, checkIn: "2020-01-01", checkOut: "2020-01-03") { id } }`,
    { place },
  );
  const { error } = await anonymous().rpc("quote_stay", {
    p_property_id: place,
    p_check_in: "2020-01-01",
    p_check_out: "2020-01-03",
  });
  expect(errors).toEqual([{ message: error?.message }]);
});

it("describes itself to tools: tables, columns and functions with their comments", async () => {
  const { data } = await ask(
    `{ type: __type(name: "Properties") { description fields { name description } }
       __schema { queryType { fields { name description } } } }`,
  );
  expect(data.type.description).toContain("Bookable places.");
  const describes = (fields: { name: string; description: string }[], name: string) =>
    fields.find((field) => field.name === name)?.description;
  expect(describes(data.type.fields, "title")).toBe("One line of up to 150 characters.");
  expect(describes(data.__schema.queryType.fields, "searchProperties")).toContain("Published places");
});
