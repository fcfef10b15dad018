// A stay from quote to cancellation through supabase-js, and what is refused on the way, with the status that a client sees.

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, book, bookConfirmed, codes, createBookable, inDays } from "../booking-support.ts";
import { anonymous, database, type Person, service, signUp, signUpOperator, stack } from "../support.ts";

const sql = database();
let ana: Person;
let ben: Person;
let eva: Person;
let home: string;

beforeAll(async () => {
  [ana, ben, eva] = await Promise.all([signUp("Ana"), signUp("Ben"), signUp("Eva")]);
  home = await createBookable(ana);
  await ana.client
    .from("property_fees")
    .insert({ property_id: home, kind: "cleaning", name: "Cleaning", amount: 4000 })
    .throwOnError();
});
afterAll(() => sql.end());

const reasonsFor = async (from: number, until: number) => {
  const { data } = await anonymous()
    .rpc("bookability", { p_property_id: home, p_check_in: inDays(from), p_check_out: inDays(until) })
    .throwOnError();
  return (data as { code: string }[]).map(({ code }) => code);
};

describe("a stay", () => {
  it("is quoted, booked, paid, read by both sides, cancelled as previewed and free again", async () => {
    const { data: quote } = await ben.client
      .rpc("quote_stay", {
        p_property_id: home,
        p_check_in: inDays(30),
        p_check_out: inDays(33),
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
        property_id: home,
        check_in: inDays(30),
        check_out: inDays(33),
        adults: 2,
        quote_id: quote.id,
        idempotency_key: crypto.randomUUID(),
      })
      .select()
      .single()
      .throwOnError();
    expect([booking.status, booking.guest_total]).toEqual(["awaiting_payment", 40_000]);
    expect(await reasonsFor(30, 33)).toEqual(["occupied"]);

    const { data: paid } = await service()
      .rpc("confirm_booking", { p_booking_id: booking.id })
      .single()
      .throwOnError();
    expect([paid.status, paid.expires_at]).toEqual(["confirmed", null]);

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
    expect(await reasonsFor(30, 33)).toEqual([]);
  });

  it("on request is accepted by the host and confirmed by an operator", async () => {
    const asks = await createBookable(ana, { booking_mode: "request" });
    const { id, status } = await book(ben.client, asks, 10, 12);
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

  it("is altered by PATCH and the other side's word", async () => {
    const { id } = await bookConfirmed(ben.client, home, 50, 53);
    const { data: asked } = await ben.client
      .from("bookings")
      .update({ check_out: inDays(54) })
      .eq("id", id)
      .select("check_out, open_alteration_id")
      .single()
      .throwOnError();
    expect(asked.check_out).toBe(inDays(53));
    const { data: wish } = await ana.client
      .from("booking_alterations")
      .select("difference, check_out, proposed_by")
      .eq("id", asked.open_alteration_id ?? "")
      .single()
      .throwOnError();
    expect(wish).toEqual({ difference: 12_000, check_out: inDays(54), proposed_by: "guest" });
    const { data: altered } = await ana.client
      .rpc("accept_alteration", { p_alteration_id: asked.open_alteration_id ?? "" })
      .single()
      .throwOnError();
    expect([altered.check_out, altered.guest_total]).toEqual([inDays(54), 52_000]);
  });

  it("that is unpaid is given up by DELETE", async () => {
    const { id } = await book(ben.client, home, 70, 72);
    const { data } = await ben.client.from("bookings").delete().eq("id", id).select("id").throwOnError();
    expect(data).toEqual([{ id }]);
    const { data: after } = await ben.client.from("bookings").select("status").eq("id", id).single();
    expect(after?.status).toBe("withdrawn");
    expect(await reasonsFor(70, 72)).toEqual([]);
  });
});

describe("a repeated request", () => {
  it("with the same key gives the same booking, and another body 422", async () => {
    const request = {
      property_id: home,
      check_in: inDays(80),
      check_out: inDays(82),
      idempotency_key: "once",
    };
    const first = await ben.client.from("bookings").insert(request).select().single().throwOnError();
    const again = await ben.client.from("bookings").insert(request).select().single().throwOnError();
    expect(again.data).toEqual(first.data);
    const other = await ben.client.from("bookings").insert({ ...request, adults: 2 });
    expect([other.status, codes(other.error)]).toEqual([422, ["idempotency_key_reused"]]);
    const stranger = await eva.client.from("bookings").insert(request);
    expect([stranger.status, codes(stranger.error)]).toEqual([409, ["occupied"]]);
  });
});

describe("what is refused", () => {
  const attempt = (person: Person, changes: Record<string, unknown>) =>
    ask(person, "POST", "bookings", {
      property_id: home,
      check_in: inDays(100),
      check_out: inDays(102),
      ...changes,
    });

  it.each([
    ["check-out before check-in", { check_out: inDays(99) }, 422, ["check_out_before_check_in"]],
    ["yesterday", { check_in: inDays(-2), check_out: inDays(-1) }, 422, ["past_date"]],
    ["the year 9999", { check_in: "9999-01-01", check_out: "9999-01-03" }, 422, ["invalid_date"]],
    ["40 guests", { adults: 40 }, 422, ["too_many_guests"]],
    ["negative children", { children: -1 }, 422, ["invalid_party"]],
    ["nobody", { adults: 0 }, 422, ["no_adult"]],
    ["pets where none may come", { pets: 1 }, 422, ["too_many_pets"]],
    ["a timestamp", { check_in: `${inDays(100)}T00:00:00.000Z` }, 400, ["invalid_date"]],
    ["a day that is none", { check_in: "2027-02-30" }, 400, ["invalid_date"]],
    [
      "several at once",
      { adults: 40, pets: 1, check_in: inDays(-2), check_out: inDays(-1) },
      422,
      ["too_many_guests", "too_many_pets", "past_date"],
    ],
    ["a made-up quote", { quote_id: crypto.randomUUID() }, 409, ["stale_quote"]],
  ])("%s", async (_, changes, status, expected) => {
    const answer = await attempt(ben, changes);
    const { details } = answer.body as { details: string };
    expect([answer.status, codes({ details })]).toEqual([status, expected]);
  });

  it("somebody else's quote, with the new one in the details", async () => {
    const { data: quote } = await eva.client
      .rpc("quote_stay", { p_property_id: home, p_check_in: inDays(100), p_check_out: inDays(102) })
      .throwOnError();
    const { status, body } = await attempt(ben, { quote_id: quote.id });
    const [reason] = JSON.parse((body as { details: string }).details);
    expect([status, reason.quote.guest_total]).toEqual([409, quote.guest_total]);
    const retry = await attempt(ben, { quote_id: reason.quote.id, check_in: inDays(100) });
    expect(retry.status).toBe(201);
    await ben.client.from("bookings").delete().eq("status", "awaiting_payment").throwOnError();
  });

  it("an archived place, one's own, one that is not there, and everything without a user", async () => {
    const gone = await createBookable(ana);
    await ana.client.rpc("pause_property", { p_property_id: gone }).throwOnError();
    await ana.client.rpc("archive_property", { p_property_id: gone }).throwOnError();
    expect((await attempt(ben, { property_id: gone })).status).toBe(404);
    expect((await attempt(ben, { property_id: crypto.randomUUID() })).status).toBe(404);
    expect((await attempt(ana, {})).status).toBe(422);
    const { status } = await anonymous().from("bookings").insert({ property_id: home });
    expect(status).toBe(401);
  });

  it("columns that are not the guest's to write", async () => {
    for (const column of ["status", "guest_total", "guest_id", "confirmed_at", "cancellation_steps"]) {
      expect((await attempt(ben, { [column]: null })).status, column).toBe(403);
    }
  });

  it("every act of a stranger, who learns nothing", async () => {
    const { id } = await bookConfirmed(ben.client, home, 110, 112);
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
    expect((await ask(eva, "PATCH", `bookings?id=eq.${id}`, { adults: 3 })).body).toEqual([]);
    expect((await ask(eva, "DELETE", `bookings?id=eq.${id}`)).body).toEqual([]);
    expect(
      (await ask(eva, "GET", `bookings?or=(id.eq.${id},adults.gt.0)&select=*,booking_line_items(*)`)).body,
    ).toEqual([]);
  });
});

it("a hold that has ended reads as expired without a sweep, and its nights are free", async () => {
  const { id } = await book(ben.client, home, 120, 122);
  // the one thing that no client can do: let time pass
  await sql.begin(async (tx) => {
    await tx`alter table private.bookings disable trigger _200_guard_booking`;
    await tx`update private.bookings set expires_at = now() where id = ${id}`;
    await tx`update public.occupancies set expires_at = now() where booking_id = ${id}`;
    await tx`alter table private.bookings enable trigger _200_guard_booking`;
  });
  const { data } = await ben.client.from("bookings").select("status, expires_at").eq("id", id).single();
  expect(data).toEqual({ status: "expired", expires_at: null });
  const { data: found } = await ben.client
    .from("bookings")
    .select("id")
    .eq("id", id)
    .eq("status", "awaiting_payment");
  expect(found).toEqual([]);
  expect(
    (await ask(eva, "POST", "bookings", { property_id: home, check_in: inDays(120), check_out: inDays(122) }))
      .status,
  ).toBe(201);
  const late = await service().rpc("confirm_booking", { p_booking_id: id });
  expect(late.status).toBe(409);
});

it("GraphQL books, reads and gives up the same bookings", async () => {
  const { data: session } = await ben.client.auth.getSession();
  const graphql = async (query: string) => {
    const response = await fetch(`${stack.apiUrl}/graphql/v1`, {
      method: "POST",
      headers: {
        apikey: stack.publishableKey,
        authorization: `Bearer ${session.session?.access_token}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ query }),
    });
    return (await response.json()) as { data: unknown; errors?: unknown };
  };
  const made = await graphql(`mutation { insertIntoBookingsCollection(objects: [{
    propertyId: "${home}", checkIn: "${inDays(150)}", checkOut: "${inDays(152)}"
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
