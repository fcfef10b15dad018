// Bookings from quote to cancellation through supabase-js, and the requests that are refused, with their HTTP statuses.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { book, bookConfirmed, confirmBooking } from "../support/bookings.ts";
import { anonymous, queryGraphql, requestRest, service } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { errorCodes } from "../support/errors.ts";
import { type Person, signUp, signUpOperator } from "../support/people.ts";
import { createBookable } from "../support/properties.ts";
import { dayAhead, expireBookingIn } from "../support/time.ts";

const sql = database();
let ana: Person;
let ben: Person;
let eva: Person;
let property: string;

beforeAll(async () => {
  [ana, ben, eva] = await Promise.all([signUp("Ana"), signUp("Ben"), signUp("Eva")]);
  property = await createBookable(ana);
  await ana.client
    .from("property_fees")
    .insert({ property_id: property, kind: "cleaning", name: "Cleaning", amount: 4000 })
    .throwOnError();
});
afterAll(() => sql.end());

/** The codes of the reasons why the property cannot be booked from one day ahead to another. */
const reasonsAgainst = async (from: number, until: number) => {
  const { data } = await anonymous()
    .rpc("bookability", { p_property_id: property, p_check_in: dayAhead(from), p_check_out: dayAhead(until) })
    .throwOnError();
  return (data as { code: string }[]).map(({ code }) => code);
};

describe("a booking", () => {
  it("is quoted, made, confirmed, read by both sides, and cancelled with the refund of the preview", async () => {
    const { data: quote } = await ben.client
      .rpc("quote_stay", {
        p_property_id: property,
        p_check_in: dayAhead(30),
        p_check_out: dayAhead(33),
        p_adults: 2,
      })
      .throwOnError();
    expect([quote.guest_total, quote.currency, quote.host_total]).toEqual([40_000, "EUR", 33_800]);
    expect(quote.lines?.map(({ kind, amount }) => [kind, amount])).toEqual([
      ["nights", 36_000],
      ["cleaning", 4_000],
      ["host_platform_fee", 0],
    ]);

    const { data: booking } = await ben.client
      .from("bookings")
      .insert({
        property_id: property,
        check_in: dayAhead(30),
        check_out: dayAhead(33),
        adults: 2,
        quote_id: quote.id,
        idempotency_key: crypto.randomUUID(),
      })
      .select()
      .single()
      .throwOnError();
    expect([booking.status, booking.guest_total]).toEqual(["awaiting_payment", 40_000]);
    expect(await reasonsAgainst(30, 33)).toEqual(["occupied"]);

    const confirmed = await confirmBooking(booking.id);
    expect([confirmed.status, confirmed.expires_at]).toEqual(["confirmed", null]);

    const { data: hosted } = await ana.client
      .from("bookings")
      .select(
        "id, guest:profiles!bookings_guest_fkey(display_name), properties(title), booking_line_items(kind)",
      )
      .eq("id", booking.id)
      .order("position", { referencedTable: "booking_line_items" })
      .single()
      .throwOnError();
    expect(hosted).toEqual({
      id: booking.id,
      guest: { display_name: "Ben" },
      properties: { title: "House by the river" },
      booking_line_items: [{ kind: "nights" }, { kind: "cleaning" }, { kind: "host_platform_fee" }],
    });

    const { data: preview } = await ben.client
      .rpc("preview_cancellation", { p_booking_id: booking.id })
      .throwOnError();
    expect(preview).toMatchObject({ refund_amount: 40_000, host_amount: 0, host_fee: 0 });
    const { data: cancelled } = await ben.client
      .rpc("cancel_booking", { p_booking_id: booking.id, p_reason: "Ill" })
      .throwOnError();
    expect({ ...cancelled, cancelled_at: "", created_at: "", reason: null }).toEqual({
      ...preview,
      cancelled_at: "",
      created_at: "",
    });
    expect(await reasonsAgainst(30, 33)).toEqual([]);
  });

  it("that needs approval is accepted by the host and confirmed by an operator", async () => {
    const onRequest = await createBookable(ana, { booking_mode: "request" });
    const { id, status } = await book(ben, onRequest, 10);
    expect(status).toBe("requested");
    const { data: accepted } = await ana.client
      .rpc("accept_booking", { p_booking_id: id })
      .single()
      .throwOnError();
    expect(accepted.status).toBe("awaiting_payment");
    const olga = await signUpOperator();
    const { data: confirmed } = await olga.client
      .rpc("confirm_booking", { p_booking_id: id })
      .single()
      .throwOnError();
    expect(confirmed.status).toBe("confirmed");
    const { data: contacts } = await ben.client.rpc("booking_contacts", { p_booking_id: id }).throwOnError();
    expect(contacts).toMatchObject([{ side: "host", display_name: "Ana", email: ana.email }]);
  });

  it("is altered by PATCH once the host accepts", async () => {
    const { id } = await bookConfirmed(ben, property, 50, 3);
    const { data: asked } = await ben.client
      .from("bookings")
      .update({ check_out: dayAhead(54) })
      .eq("id", id)
      .select("check_out, open_alteration_id")
      .single()
      .throwOnError();
    expect(asked.check_out).toBe(dayAhead(53));
    const { data: alteration } = await ana.client
      .from("booking_alterations")
      .select("difference, check_out, proposed_by")
      .eq("id", asked.open_alteration_id ?? "")
      .single()
      .throwOnError();
    expect(alteration).toEqual({ difference: 12_000, check_out: dayAhead(54), proposed_by: "guest" });
    const { data: altered } = await ana.client
      .rpc("accept_alteration", { p_alteration_id: asked.open_alteration_id ?? "" })
      .single()
      .throwOnError();
    expect([altered.check_out, altered.guest_total]).toEqual([dayAhead(54), 52_000]);
  });

  it("that is not paid is withdrawn by DELETE", async () => {
    const { id } = await book(ben, property, 70);
    const { data } = await ben.client.from("bookings").delete().eq("id", id).select("id").throwOnError();
    expect(data).toEqual([{ id }]);
    const { data: after } = await ben.client.from("bookings").select("status").eq("id", id).single();
    expect(after?.status).toBe("withdrawn");
    expect(await reasonsAgainst(70, 72)).toEqual([]);
  });
});

describe("a repeated request", () => {
  it("with the same idempotency key returns the same booking, and 422 when its body differs", async () => {
    const request = {
      property_id: property,
      check_in: dayAhead(80),
      check_out: dayAhead(82),
      idempotency_key: "once",
    };
    const first = await ben.client.from("bookings").insert(request).select().single().throwOnError();
    const again = await ben.client.from("bookings").insert(request).select().single().throwOnError();
    expect(again.data).toEqual(first.data);
    const other = await ben.client.from("bookings").insert({ ...request, adults: 2 });
    expect([other.status, errorCodes(other.error)]).toEqual([422, ["idempotency_key_reused"]]);
    const stranger = await eva.client.from("bookings").insert(request);
    expect([stranger.status, errorCodes(stranger.error)]).toEqual([409, ["occupied"]]);
  });
});

describe("the API refuses", () => {
  /** Tries to book two nights in 100 days, with changes. */
  const attempt = (person: Person, changes: Record<string, unknown>) =>
    requestRest(person, "POST", "bookings", {
      property_id: property,
      check_in: dayAhead(100),
      check_out: dayAhead(102),
      ...changes,
    });

  it.each([
    ["check-out before check-in", { check_out: dayAhead(99) }, 422, ["check_out_before_check_in"]],
    ["yesterday", { check_in: dayAhead(-2), check_out: dayAhead(-1) }, 422, ["past_date"]],
    ["the year 9999", { check_in: "9999-01-01", check_out: "9999-01-03" }, 422, ["dates_out_of_range"]],
    ["40 guests", { adults: 40 }, 422, ["too_many_guests"]],
    ["negative children", { children: -1 }, 422, ["invalid_party"]],
    ["no guests", { adults: 0 }, 422, ["no_adult"]],
    ["a pet where none is allowed", { pets: 1 }, 422, ["pets_not_allowed"]],
    ["no end", { check_out: "infinity" }, 400, ["invalid_date"]],
    ["a date before Christ", { check_in: "2027-02-03 BC" }, 400, ["invalid_date"]],
    [
      "several broken rules at once",
      { adults: 40, pets: 1, check_in: dayAhead(-2), check_out: dayAhead(-1) },
      422,
      ["too_many_guests", "pets_not_allowed", "past_date"],
    ],
    ["an invented quote", { quote_id: crypto.randomUUID() }, 409, ["stale_quote"]],
  ])("a booking with %s", async (_, changes, status, expected) => {
    const answer = await attempt(ben, changes);
    const { details } = answer.body as { details: string };
    expect([answer.status, errorCodes({ details })]).toEqual([status, expected]);
  });

  it("no timestamp, of which Postgres takes the day that is written in it", async () => {
    const { status, body } = await attempt(ben, {
      check_in: `${dayAhead(150)}T23:30:00-05:00`,
      check_out: `${dayAhead(152)}T00:30:00+05:00`,
    });
    const { id, check_in, check_out } =
      (body as { id: string; check_in: string; check_out: string }[])[0] ?? {};
    expect([status, check_in, check_out]).toEqual([201, dayAhead(150), dayAhead(152)]);
    await ben.client
      .from("bookings")
      .delete()
      .eq("id", id ?? "")
      .throwOnError();
  });

  it("a booking with another person's quote, and returns a new quote in the details", async () => {
    const { data: quote } = await eva.client
      .rpc("quote_stay", { p_property_id: property, p_check_in: dayAhead(100), p_check_out: dayAhead(102) })
      .throwOnError();
    const { status, body } = await attempt(ben, { quote_id: quote.id });
    const [reason] = JSON.parse((body as { details: string }).details);
    expect([status, reason.quote.guest_total]).toEqual([409, quote.guest_total]);
    const retry = await attempt(ben, { quote_id: reason.quote.id, check_in: dayAhead(100) });
    expect(retry.status).toBe(201);
    await ben.client.from("bookings").delete().eq("status", "awaiting_payment").throwOnError();
  });

  it("a booking of an archived property, of one's own, of one that does not exist, or without a user", async () => {
    const archived = await createBookable(ana);
    await ana.client.rpc("pause_property", { p_property_id: archived }).throwOnError();
    await ana.client.rpc("archive_property", { p_property_id: archived }).throwOnError();
    expect((await attempt(ben, { property_id: archived })).status).toBe(404);
    expect((await attempt(ben, { property_id: crypto.randomUUID() })).status).toBe(404);
    expect((await attempt(ana, {})).status).toBe(422);
    const { status } = await anonymous().from("bookings").insert({ property_id: property });
    expect(status).toBe(401);
  });

  it("a booking with columns that a guest cannot write", async () => {
    for (const column of ["status", "guest_total", "guest_id", "confirmed_at", "cancellation_steps"]) {
      expect((await attempt(ben, { [column]: null })).status, column).toBe(403);
    }
  });

  it("every action of a stranger, who sees nothing of the booking", async () => {
    const { id } = await bookConfirmed(ben, property, 110);
    const { data } = await eva.client.from("bookings").select().eq("id", id).throwOnError();
    expect(data).toEqual([]);
    for (const name of [
      "accept_booking",
      "decline_booking",
      "confirm_booking",
      "preview_cancellation",
      "cancel_booking",
      "report_no_show",
      "booking_contacts",
    ] as const) {
      const { status } = await eva.client.rpc(name, { p_booking_id: id });
      expect(status, name).toBe(404);
      const { status: anon } = await anonymous().rpc(name, { p_booking_id: id });
      expect(anon, name).toBe(401);
    }
    expect((await requestRest(eva, "PATCH", `bookings?id=eq.${id}`, { adults: 3 })).body).toEqual([]);
    expect((await requestRest(eva, "DELETE", `bookings?id=eq.${id}`)).body).toEqual([]);
    expect(
      (await requestRest(eva, "GET", `bookings?or=(id.eq.${id},adults.gt.0)&select=*,booking_line_items(*)`))
        .body,
    ).toEqual([]);
  });
});

describe("the lines of a booking", () => {
  // Three nights at 120.00, the cleaning of 40.00, and the host's fee of 15.5 %.
  const lines = [
    { position: 1, kind: "nights", amount: 36_000, host_amount: 36_000 },
    { position: 2, kind: "cleaning", amount: 4_000, host_amount: 4_000 },
    { position: 3, kind: "host_platform_fee", amount: 0, host_amount: -6_200 },
  ];
  const columns = "booking_line_items(position, kind, amount, host_amount)";
  const stay = (from: number) => ({
    property_id: property,
    check_in: dayAhead(from),
    check_out: dayAhead(from + 3),
  });

  it("are in the answer to the POST that books, and the same in a GET afterwards", async () => {
    const { data: made } = await ben.client
      .from("bookings")
      .insert(stay(220))
      .select(`id, guest_total, ${columns}`)
      .single()
      .throwOnError();
    expect(made).toEqual({ id: made.id, guest_total: 40_000, booking_line_items: lines });
    const { data: read } = await ben.client
      .from("bookings")
      .select(`id, guest_total, ${columns}`)
      .eq("id", made.id)
      .single()
      .throwOnError();
    expect(read).toEqual(made);
    const { data: whole } = await ben.client
      .from("bookings")
      .select("id, booking_line_items(*)")
      .eq("id", made.id)
      .single()
      .throwOnError();
    expect(whole.booking_line_items.map(({ booking_id }) => booking_id)).toEqual([made.id, made.id, made.id]);
  });

  it("are in the answer to a POST that is repeated with the same key", async () => {
    const repeated = { ...stay(224), idempotency_key: crypto.randomUUID() };
    const answers = [];
    for (let time = 0; time < 2; time += 1) {
      const { data } = await ben.client
        .from("bookings")
        .insert(repeated)
        .select(`id, ${columns}`)
        .single()
        .throwOnError();
      answers.push(data);
    }
    expect(answers[0]?.booking_line_items).toEqual(lines);
    expect(answers[1]).toEqual(answers[0]);
  });

  it("are filtered, sorted, limited, counted and joined in a GET", async () => {
    const { id } = await book(ben, property, 228, 3);
    const get = async (query: string) =>
      (await requestRest(ben, "GET", `bookings?id=eq.${id}&${query}`)).body;
    const kinds = "select=booking_line_items(kind)";
    const [nights, cleaning, fee] = [{ kind: "nights" }, { kind: "cleaning" }, { kind: "host_platform_fee" }];
    expect(await get(`${kinds}&booking_line_items.amount=gt.0`)).toEqual([
      { booking_line_items: [nights, cleaning] },
    ]);
    expect(await get(`${kinds}&booking_line_items.order=amount.asc`)).toEqual([
      { booking_line_items: [fee, cleaning, nights] },
    ]);
    expect(
      await get(
        `${kinds}&booking_line_items.order=position&booking_line_items.limit=1&booking_line_items.offset=1`,
      ),
    ).toEqual([{ booking_line_items: [cleaning] }]);
    expect(await get("select=lines:booking_line_items(count)")).toEqual([{ lines: [{ count: 3 }] }]);
    const inner = "select=booking_line_items!inner(kind)&booking_line_items.kind=eq";
    expect(await get(`${inner}.cleaning`)).toEqual([{ booking_line_items: [cleaning] }]);
    expect(await get(`${inner}.pets`)).toEqual([]);
    const { count } = await ben.client
      .from("bookings")
      .select("id, booking_line_items!inner(kind)", { count: "exact", head: true })
      .eq("id", id)
      .eq("booking_line_items.kind", "cleaning");
    expect(count).toBe(1);
  });

  it("lead back to their booking", async () => {
    const { id } = await book(ben, property, 232, 3);
    const path = `booking_line_items?booking_id=eq.${id}&kind=eq.nights&select=amount,bookings(guest_total)`;
    expect((await requestRest(ben, "GET", path)).body).toEqual([
      { amount: 36_000, bookings: { guest_total: 40_000 } },
    ]);
    const inner = "booking_line_items?select=kind,bookings!inner(id)&order=booking_id,position";
    expect((await requestRest(ben, "GET", `${inner}&bookings.id=eq.${id}`)).body).toEqual(
      lines.map(({ kind }) => ({ kind, bookings: { id } })),
    );
    const query = "bookings?select=booking_line_items(kind,bookings(guest_total))";
    const { body } = await requestRest(ben, "POST", query, stay(240));
    expect(body).toEqual([
      { booking_line_items: lines.map(({ kind }) => ({ kind, bookings: { guest_total: 40_000 } })) },
    ]);
  });

  it("are read page by page in the order of their key, and counted", async () => {
    const all = await requestRest(ben, "GET", "booking_line_items?select=booking_id,position");
    const page = (from: number) =>
      ben.client
        .from("booking_line_items")
        .select("booking_id, position", { count: "exact" })
        .order("booking_id", { ascending: false })
        .order("position", { ascending: false })
        .range(from, from + 3);
    const [first, second] = [await page(0), await page(4)];
    expect(first.count).toBe((all.body as unknown[]).length);
    const keys = [...(first.data ?? []), ...(second.data ?? [])].map(
      (line) => `${line.booking_id} ${line.position}`,
    );
    expect(keys).toHaveLength(8);
    expect(keys).toEqual([...new Set(keys)].sort().reverse());
    expect((await requestRest(eva, "GET", "booking_line_items")).body).not.toEqual(all.body);
    for (const method of ["POST", "PATCH", "DELETE"])
      expect((await requestRest(ben, method, "booking_line_items?position=eq.1", { amount: 0 })).status).toBe(
        403,
      );
  });

  it("are no RPC for any caller", async () => {
    const { id } = await book(ben, property, 236, 3);
    for (const caller of [ben, eva, undefined]) {
      for (const body of [{}, { id }, { "": { id } }, { bookings: { id } }]) {
        const { status, body: error } = await requestRest(caller, "POST", "rpc/booking_line_items", body);
        expect([status, (error as { code?: string }).code]).toEqual([404, "PGRST202"]);
      }
      expect((await requestRest(caller, "GET", "rpc/booking_line_items")).status).toBe(404);
    }
  });
});

it("an expired hold reads as expired at once, and its nights are free", async () => {
  const { id } = await book(ben, property, 120);
  await expireBookingIn(sql, id, 0);
  const { data } = await ben.client.from("bookings").select("status, expires_at").eq("id", id).single();
  expect(data).toEqual({ status: "expired", expires_at: null });
  const { data: found } = await ben.client
    .from("bookings")
    .select("id")
    .eq("id", id)
    .eq("status", "awaiting_payment");
  expect(found).toEqual([]);
  expect(
    (
      await requestRest(eva, "POST", "bookings", {
        property_id: property,
        check_in: dayAhead(120),
        check_out: dayAhead(122),
      })
    ).status,
  ).toBe(201);
  const late = await service().rpc("confirm_booking", { p_booking_id: id });
  expect(late.status).toBe(409);
});

it("GraphQL makes, reads and withdraws the same bookings", async () => {
  const graphql = (query: string) => queryGraphql(query, {}, ben);
  const made = await graphql(`mutation { insertIntoBookingsCollection(objects: [{
    propertyId: "${property}", checkIn: "${dayAhead(150)}", checkOut: "${dayAhead(152)}"
  }]) { records { id status guestTotal } } }`);
  expect(made.errors).toBeUndefined();
  const [booking] = (made.data as { insertIntoBookingsCollection: { records: { id: string }[] } })
    .insertIntoBookingsCollection.records;
  expect(booking).toMatchObject({ status: "awaiting_payment", guestTotal: "28000" });
  const gone = await graphql(
    `mutation { deleteFromBookingsCollection(filter: { id: { eq: "${booking?.id}" } }) { affectedCount } }`,
  );
  expect(gone.data).toEqual({ deleteFromBookingsCollection: { affectedCount: 1 } });
  const read = await graphql(
    `{ bookingsCollection(filter: { id: { eq: "${booking?.id}" } }) { edges { node { status } } } }`,
  );
  expect(read.data).toEqual({ bookingsCollection: { edges: [{ node: { status: "withdrawn" } }] } });
});
