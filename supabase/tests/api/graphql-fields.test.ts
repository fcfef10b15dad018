// GraphQL for every task of hosts, guests and operators, with the results of REST.

import { beforeAll, expect, it } from "vitest";
import { book, confirmBooking } from "../support/bookings.ts";
import { anonymous, queryGraphql } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { sendMessage, startThread } from "../support/messages.ts";
import { type Person, signUp, signUpOperator } from "../support/people.ts";
import { changeAddress, createBookable, createDraft, house } from "../support/properties.ts";
import { dayAhead, letDaysPass, millisecondsPerDay, runPeriodicWork } from "../support/time.ts";

let host: Person;
let property: string;
beforeAll(async () => {
  host = await signUp("Ana");
  property = await createBookable(host);
});

it("creates, changes and deletes a draft", async () => {
  const made = await queryGraphql(
    `mutation ($title: String!) {
      insertIntoPropertiesCollection(objects: [{ title: $title }]) { records { id title status host { displayName } } }
    }`,
    { title: house.title },
    host,
  );
  const [draft] = made.data.insertIntoPropertiesCollection.records;
  expect(draft).toEqual({ id: draft.id, title: house.title, status: "draft", host: { displayName: "Ana" } });
  const id = { eq: draft.id };
  const changed = await queryGraphql(
    "mutation ($id: UUIDFilter!) { updatePropertiesCollection(filter: { id: $id }, set: { maxGuests: 3 }) { affectedCount } }",
    { id },
    host,
  );
  expect(changed.data.updatePropertiesCollection.affectedCount).toBe(1);
  const deleted = await queryGraphql(
    "mutation ($id: UUIDFilter!) { deleteFromPropertiesCollection(filter: { id: $id }) { records { maxGuests } } }",
    { id },
    host,
  );
  expect(deleted.data.deleteFromPropertiesCollection.records).toEqual([{ maxGuests: 3 }]);
});

it("refuses to publish a property that is not complete", async () => {
  const id = await createDraft(host.client);
  const { data, errors } = await queryGraphql(
    "mutation ($id: UUID!) { publishProperty(pPropertyId: $id) { status } }",
    { id },
    host,
  );
  expect([data, errors]).toEqual([
    null,
    [
      {
        message:
          "A published property needs an address. A published property needs a street and number. A published property needs at least one photo.",
      },
    ],
  ]);
});

it("finds the same properties as REST, in the same order, and reads their fields", async () => {
  // On an island where no other test has properties.
  const centre = { latitude: -16.5, longitude: -151.75 };
  for (const north of [0.02, 0.01]) {
    const id = await createBookable(host, { title: `House ${north} degrees north` });
    const point = { latitude: centre.latitude + north, longitude: centre.longitude };
    await changeAddress(host, id, point);
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
  const { data } = await queryGraphql(
    `query ($latitude: Float!, $longitude: Float!) {
      searchProperties(pLatitude: $latitude, pLongitude: $longitude, pRadius: 20000, pRoomTypes: ["entire_home"]) {
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

it("finds properties by city, by words and on flexible dates, as REST does", async () => {
  const id = await createBookable(host, { title: "Hut on the glacier", min_nights: 2 });
  const city = `Glacier City ${process.pid}`;
  await changeAddress(host, id, { city });
  const stay = { p_check_in: dayAhead(50), p_check_out: dayAhead(52), p_flexible_days: 3 };
  const { data: found } = await anonymous()
    .rpc("search_properties", { p_area: city, p_text: "glacier", ...stay })
    .throwOnError();
  const { data } = await queryGraphql(
    `query ($city: String!, $in: String!, $out: String!) {
      searchProperties(pArea: $city, pText: "glacier", pCheckIn: $in, pCheckOut: $out, pFlexibleDays: 3) {
        edges { node { propertyId checkIn checkOut total } }
      }
      nothing: searchProperties(pArea: $city, pText: "volcano") { edges { node { propertyId } } }
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

  const month = dayAhead(80).slice(0, 7);
  const weekend = await queryGraphql(
    `query ($city: String!, $month: String!) {
      searchProperties(pArea: $city, pMonth: $month, pWeekend: true) { edges { node { checkIn checkOut } } }
    }`,
    { city, month },
  );
  const [{ node }] = weekend.data.searchProperties.edges;
  expect(new Date(node.checkIn).getUTCDay()).toBe(5);
  expect(node.checkIn.slice(0, 7)).toBe(month);
  expect(Date.parse(node.checkOut) - Date.parse(node.checkIn)).toBe(2 * millisecondsPerDay);
});

it("refuses a search with an incomplete viewport in the words of REST", async () => {
  const { errors } = await queryGraphql("{ searchProperties(pWest: 1) { edges { node { propertyId } } } }");
  const { error } = await anonymous().rpc("search_properties", { p_west: 1 });
  expect(errors).toEqual([{ message: error?.message }]);
});

it("shows the same calendar as REST", async () => {
  const range = { p_property_id: property, p_from: dayAhead(1), p_to: dayAhead(200) };
  const { data: days } = await anonymous().rpc("property_calendar", range).throwOnError();
  const { data } = await queryGraphql(
    `query ($id: UUID!, $from: String!, $to: String!) {
      propertyCalendar(pPropertyId: $id, pFrom: $from, pTo: $to) { edges { node { day free price minNights } } }
    }`,
    { id: property, from: range.p_from, to: range.p_to },
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

it("quotes a stay, books it and cancels it", async () => {
  const guest = await signUp("Ben");
  const stay = { property, from: dayAhead(40), until: dayAhead(43) };
  const quoted = await queryGraphql(
    `query ($property: UUID!, $from: String!, $until: String!) {
      quoteStay(pPropertyId: $property, pCheckIn: $from, pCheckOut: $until, pAdults: 2) {
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

  const booked = await queryGraphql(
    `mutation ($property: UUID!, $from: String!, $until: String!, $quote: UUID!) {
      insertIntoBookingsCollection(objects: [
        { propertyId: $property, checkIn: $from, checkOut: $until, adults: 2, quoteId: $quote }
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
  await confirmBooking(booking.id);

  const money = "refundAmount hostAmount currency";
  const preview = await queryGraphql(
    `query ($id: UUID!) { previewCancellation(pBookingId: $id) { ${money} } }`,
    { id: booking.id },
    guest,
  );
  const cancelled = await queryGraphql(
    `mutation ($id: UUID!) { cancelBooking(pBookingId: $id) { ${money} } }`,
    { id: booking.id },
    guest,
  );
  expect(cancelled.errors).toBeUndefined();
  expect(preview.data.previewCancellation).toEqual(cancelled.data.cancelBooking);

  const read =
    "query ($id: UUID!) { bookingsByPk(id: $id) { status lineItemsCollection { totalCount } cancellation { refundAmount } } }";
  const seen = await queryGraphql(read, { id: booking.id }, guest);
  expect(seen.data.bookingsByPk).toEqual({
    status: "cancelled",
    lineItemsCollection: { totalCount: lines.length },
    cancellation: { refundAmount: cancelled.data.cancelBooking.refundAmount },
  });
  const stranger = await queryGraphql(read, { id: booking.id }, await signUp("Eve"));
  expect(stranger.data.bookingsByPk).toBeNull();
});

it("reviews a completed stay, and reads the rows that belong to the booking", async () => {
  const guest = await signUp("Ben");
  const { id: booking } = await book(guest, property, 60);
  await confirmBooking(booking);
  const write = `mutation ($id: UUID!) {
    insertIntoReviewsCollection(objects: [{
      bookingId: $id, overall: 5, accuracy: 5, cleanliness: 4, checkIn: 5, communication: 5, location: 3, value: 4
      comment: "Quiet, and the bread is good."
    }]) { records { id overall booking { id } property { title } author { displayName } subject { displayName } } }
  }`;
  const early = await queryGraphql(write, { id: booking }, guest);
  expect(early).toEqual({ data: null, errors: [{ message: "A stay can be reviewed after check-out." }] });

  const sql = database();
  await letDaysPass(sql, booking, 63);
  await sql.end();
  const written = await queryGraphql(write, { id: booking }, guest);
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
  const seen = (await queryGraphql(read, { id: booking }, guest)).data.bookingsByPk;
  expect(seen.reviewsCollection.edges).toEqual([{ node: { comment: "Quiet, and the bread is good." } }]);
  expect(seen.paymentsCollection.totalCount).toBe(0); // Confirmed without a payment.
  expect(seen.moneyCollection.edges.length).toBeGreaterThan(0);
  expect(seen.notificationsCollection.edges).toContainEqual({
    node: { kind: "booking_confirmed", booking: { id: booking } },
  });
  expect(seen.thread).toEqual({ booking: { id: booking } });
  // The host cannot read the review before both have written one.
  const asHost = (await queryGraphql(read, { id: booking }, host)).data.bookingsByPk;
  expect(asHost.reviewsCollection.edges).toEqual([]);
});

it("counts the values of search filters, as REST does", async () => {
  const id = await createBookable(host, { title: "Hut on the volcano" });
  const city = `Volcano City ${process.pid}`;
  await changeAddress(host, id, { city });
  const { data } = await queryGraphql(
    "query ($city: String!) { searchFacets(pArea: $city) { count isEstimate roomTypes bookingModes } }",
    { city },
  );
  const { data: counted } = await anonymous().rpc("search_facets", { p_area: city }).single().throwOnError();
  expect(counted.room_types).toEqual({ entire_home: 1 });
  const { roomTypes, bookingModes, ...numbers } = data.searchFacets;
  expect(numbers).toEqual({ count: 1, isEstimate: false });
  expect(JSON.parse(roomTypes)).toEqual({ entire_home: 1 });
  expect(JSON.parse(bookingModes)).toEqual({ instant: 1 });
});

it("shows how fast a host answers, and the contact details once a booking is confirmed", async () => {
  const [owner, guest] = await Promise.all([signUp("Ina"), signUp("Ben")]);
  await owner.client.from("accounts").update({ phone: "+351912345678" }).eq("id", owner.id).throwOnError();
  const { id: booking } = await book(guest, await createBookable(owner), 20);
  const read = `query ($id: UUID!) { bookingsByPk(id: $id) {
    contacts { edges { node { side displayName phone email } } }
    host { response { responseRate responseTime threads } }
  } }`;
  const before = (await queryGraphql(read, { id: booking }, guest)).data.bookingsByPk;
  expect(before).toEqual({
    contacts: { edges: [] },
    host: { response: { responseRate: null, responseTime: null, threads: "0" } },
  });
  await confirmBooking(booking);
  const after = (await queryGraphql(read, { id: booking }, guest)).data.bookingsByPk;
  expect(after.contacts.edges).toEqual([
    { node: { side: "host", displayName: "Ina", phone: "+351912345678", email: owner.email } },
  ]);
});

it("marks a thread as read for its participants only", async () => {
  const guest = await signUp("Ben");
  const id = await startThread(guest, property);
  await sendMessage(guest, id, "Is there a cot?");
  const unread = "query ($id: UUID!) { threadsByPk(id: $id) { unreadCount } }";
  expect((await queryGraphql(unread, { id }, host)).data.threadsByPk.unreadCount).toBe("1");
  const mark = "mutation ($id: UUID!) { markThreadRead(pThreadId: $id) }";
  expect(await queryGraphql(mark, { id }, host)).toEqual({ data: { markThreadRead: null } });
  expect((await queryGraphql(unread, { id }, host)).data.threadsByPk.unreadCount).toBe("0");
  const stranger = await queryGraphql(mark, { id }, await signUp("Eve"));
  expect(stranger.data).toBeNull();
});

it("lets only operators hide a review", async () => {
  const [guest, operator] = await Promise.all([signUp("Ben"), signUpOperator()]);
  const { id: booking } = await book(guest, property, 70);
  await confirmBooking(booking);
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
  await runPeriodicWork(sql);
  await sql.end();
  const hide = `mutation ($id: UUID!) {
    moderateReview(pReviewId: $id, pState: "removed", pReason: "Abuse.") { id state stateReason }
  }`;
  expect((await queryGraphql(hide, { id: review.id }, host)).errors).toEqual([
    { message: "Only operators can do this." },
  ]);
  expect(await queryGraphql(hide, { id: review.id }, operator)).toEqual({
    data: { moderateReview: { id: review.id, state: "removed", stateReason: "Abuse." } },
  });
});

it("deletes the caller's account", async () => {
  const person = await signUp("Zoe");
  expect(await queryGraphql("mutation { deleteAccount }", {}, person)).toEqual({
    data: { deleteAccount: null },
  });
  const { data } = await queryGraphql("query ($id: UUID!) { profilesByPk(id: $id) { displayName } }", {
    id: person.id,
  });
  expect(data.profilesByPk.displayName).toBe("Deleted account");
});

it("refuses a quote in the words of REST", async () => {
  const { errors } = await queryGraphql(
    `query ($property: UUID!) { quoteStay(pPropertyId: $property, pCheckIn: "2020-01-01", pCheckOut: "2020-01-03") { id } }`,
    { property },
  );
  const { error } = await anonymous().rpc("quote_stay", {
    p_property_id: property,
    p_check_in: "2020-01-01",
    p_check_out: "2020-01-03",
  });
  expect(errors).toEqual([{ message: error?.message }]);
});

it("describes tables, columns and functions by their comments", async () => {
  const { data } = await queryGraphql(
    `{ type: __type(name: "Properties") { description fields { name description } }
       __schema { queryType { fields { name description } } } }`,
  );
  expect(data.type.description).toContain("Properties that guests can book.");
  const describes = (fields: { name: string; description: string }[], name: string) =>
    fields.find((field) => field.name === name)?.description;
  expect(describes(data.type.fields, "title")).toBe("One line of up to 150 characters.");
  expect(describes(data.__schema.queryType.fields, "searchProperties")).toContain(
    "Searches published properties",
  );
});
