// Properties from draft to archive through supabase-js, what strangers cannot do, and input that is refused.

import { beforeAll, describe, expect, it } from "vitest";
import { book } from "../support/bookings.ts";
import { anonymous, queryGraphql, request } from "../support/clients.ts";
import { errorCodes } from "../support/errors.ts";
import { type Person, signUp, signUpOperator } from "../support/people.ts";
import {
  addPhoto,
  createCompleteDraft,
  createDraft,
  createPublished,
  exactAddress,
  house,
  type PropertyUpdate,
} from "../support/properties.ts";

let ana: Person;
let ben: Person;

beforeAll(async () => {
  [ana, ben] = await Promise.all([signUp("Ana"), signUp("Ben")]);
});

describe("a host", () => {
  it("creates a draft with a title only", async () => {
    const { data } = await ana.client
      .from("properties")
      .insert({ title: "Tree house" })
      .select("host_id, status, time_zone, max_nights, booking_mode, current_house_rules(version)")
      .single()
      .throwOnError();
    expect(data).toMatchObject({ host_id: ana.id, status: "draft", time_zone: null, max_nights: 31 });
  });

  it("learns everything that is missing, adds it, publishes, pauses and archives", async () => {
    const id = await createDraft(ana.client, { title: "House by the river" });
    const refused = await ana.client.rpc("publish_property", { p_property_id: id });
    expect(refused.status).toBe(422);
    const missing = JSON.parse(refused.error?.details ?? "") as { message: string }[];
    expect(errorCodes(refused.error).sort()).toEqual([
      "address_missing",
      "base_price_missing",
      "bathrooms_missing",
      "bedrooms_missing",
      "beds_missing",
      "currency_missing",
      "description_too_short",
      "max_guests_missing",
      "photo_missing",
      "property_type_missing",
      "room_type_missing",
      "street_missing",
      "time_zone_missing",
    ]);
    expect(missing.every(({ message }) => message.length > 10)).toBe(true);
    expect(refused.error?.hint).toMatch(/publish again/);

    await ana.client.from("properties").update(house).eq("id", id).throwOnError();
    const address = { property_id: id, ...exactAddress };
    await ana.client.from("property_addresses").upsert(address).throwOnError();
    await ana.client
      .from("property_addresses")
      .upsert({ ...address, line2: "2nd floor" })
      .throwOnError();
    const amenities = ["wifi", "kitchen"].map((amenity_id) => ({ property_id: id, amenity_id }));
    await ana.client.from("property_amenities").insert(amenities).throwOnError();
    await ana.client.from("house_rules").insert({ property_id: id, smoking_allowed: true }).throwOnError();
    const season = { property_id: id, name: "Summer", starts_on: "2027-06-01", ends_on: "2027-09-01" };
    await ana.client
      .from("property_seasons")
      .insert({ ...season, price: 20_000 })
      .throwOnError();
    expect((await addPhoto(ana, id)).status).toBe(201);

    const published = await ana.client.rpc("publish_property", { p_property_id: id }).throwOnError();
    expect(published.data.status).toBe("published");
    expect(await statusAsSeenBy(anonymous(), id)).toBe("published");
    await book(ben, id, 30);
    await ana.client.rpc("pause_property", { p_property_id: id }).throwOnError();
    expect(await statusAsSeenBy(anonymous(), id)).toBeUndefined();
    expect(await statusAsSeenBy(ana.client, id)).toBe("paused");

    const { status, error } = await ana.client.from("properties").delete().eq("id", id);
    expect(status).toBe(409);
    expect(error?.hint).toMatch(/archive_property/);
    await ana.client.rpc("archive_property", { p_property_id: id }).throwOnError();
    expect(await statusAsSeenBy(ana.client, id)).toBe("archived");
  });

  it("can delete a property that was never booked", async () => {
    const draft = await createCompleteDraft(ana);
    expect((await ana.client.from("properties").delete().eq("id", draft)).status).toBe(204);
    const published = await createPublished(ana);
    expect((await ana.client.from("properties").delete().eq("id", published)).status).toBe(204);
  });

  it("cannot delete the account while a property is not archived, and learns which", async () => {
    const person = await signUp("Hugo");
    const id = await createDraft(person.client);
    const { status, error } = await person.client.rpc("delete_account");
    expect(status).toBe(409);
    expect(JSON.parse(error?.details ?? "")).toMatchObject([{ code: "property_not_archived", id }]);
    await person.client.from("properties").delete().eq("id", id).throwOnError();
    await person.client.rpc("delete_account").throwOnError();
  });
});

describe("a visitor", () => {
  it("reads a published property with host, amenities, photos and rules in one request", async () => {
    const id = await createPublished(ana);
    await ana.client
      .from("property_amenities")
      .insert({ property_id: id, amenity_id: "wifi" })
      .throwOnError();
    const { data } = await anonymous()
      .from("properties")
      .select(
        "title, city, base_price, currency, host:profiles!host_id(display_name), amenities(id, category, name), " +
          "property_photos(path, alt_text), cover_photo(alt_text), current_house_rules(version), cancellation_policies(name)",
      )
      .eq("id", id)
      .single()
      .throwOnError();
    expect(data).toMatchObject({
      title: "House by the river",
      city: "Lisboa",
      base_price: 12_000,
      currency: "EUR",
      host: { display_name: "Ana" },
      amenities: [{ id: "wifi", category: "essentials", name: "Wifi" }],
      property_photos: [{ alt_text: "The front door" }],
      cover_photo: { alt_text: "The front door" },
      current_house_rules: { version: 1 },
      cancellation_policies: { name: "Moderate" },
    });
  });
});

describe("a stranger", () => {
  it("can do nothing with a property of another host", async () => {
    const draft = await createCompleteDraft(ana);
    const id = await createPublished(ana);
    const verbs = ["publish_property", "pause_property", "archive_property", "unsuspend_property"] as const;
    for (const verb of verbs) {
      for (const property of [draft, id]) {
        expect((await ben.client.rpc(verb, { p_property_id: property })).status).toBe(404);
        expect((await anonymous().rpc(verb, { p_property_id: property })).status).toBe(401);
      }
    }
    const suspended = await ben.client.rpc("suspend_property", { p_property_id: id, p_reason: "Mine now" });
    expect(suspended.status).toBe(404);

    for (const [property, status, code] of [
      [draft, 422, "reference_not_found"],
      [id, 403, "insert_not_allowed"],
    ] as const) {
      const changed = await ben.client.from("properties").update({ title: "x" }).eq("id", property).select();
      expect(changed.data).toEqual([]);
      expect((await ben.client.from("properties").delete().eq("id", property).select()).data).toEqual([]);
      const row = { property_id: property };
      const refused = [
        await ben.client.from("property_addresses").insert({ ...row, ...exactAddress }),
        await ben.client.from("property_addresses").upsert({ ...row, ...exactAddress }),
        await ben.client.from("property_amenities").insert({ ...row, amenity_id: "wifi" }),
        await ben.client.from("house_rules").insert(row),
        await ben.client.from("property_fees").insert({ ...row, kind: "other", name: "x", amount: 1 }),
        await ben.client.from("co_host_invitations").insert({ ...row, email: ben.email, level: "full" }),
      ];
      for (const { status: refusal, error } of refused) {
        expect([refusal, errorCodes(error)]).toEqual([status, [code]]);
      }
      expect((await addPhoto(ben, property)).status).toBe(404);
    }
    expect(await statusAsSeenBy(ben.client, draft)).toBeUndefined();
    expect(await statusAsSeenBy(anonymous(), id)).toBe("published");
  });
});

describe("an operator", () => {
  it("suspends a property with a reason that the host reads, and ends the suspension", async () => {
    const olga = await signUpOperator();
    const id = await createPublished(ana);
    const without = await olga.client.rpc("suspend_property", { p_property_id: id, p_reason: "" });
    expect(without.status).toBe(422);
    await olga.client
      .rpc("suspend_property", { p_property_id: id, p_reason: "Not that house." })
      .throwOnError();
    expect(await statusAsSeenBy(anonymous(), id)).toBeUndefined();
    const { data } = await ana.client.from("properties").select("status_reason").eq("id", id).single();
    expect(data).toEqual({ status_reason: "Not that house." });
    expect((await ana.client.rpc("publish_property", { p_property_id: id })).status).toBe(409);
    expect((await ana.client.rpc("pause_property", { p_property_id: id })).status).toBe(403);
    await olga.client.rpc("unsuspend_property", { p_property_id: id }).throwOnError();
    await ana.client.rpc("publish_property", { p_property_id: id }).throwOnError();
  });
});

describe("a co-host", () => {
  it("is invited by e-mail, accepts, helps, and never sees taxes", async () => {
    const fay = await signUp("Fay");
    const id = await createDraft(ana.client);
    const tax = { property_id: id, name: "City tax", charge: "per_guest_night", amount: 400 } as const;
    await ana.client.from("property_taxes").insert(tax).throwOnError();
    await ana.client
      .from("co_host_invitations")
      .insert({ property_id: id, email: fay.email.toUpperCase(), level: "full" })
      .throwOnError();
    expect((await ben.client.from("co_host_invitations").select()).data).toEqual([]);
    const { data: invitation } = await fay.client
      .from("co_host_invitations")
      .select("id, property_title, host:profiles(display_name)")
      .single()
      .throwOnError();
    expect(invitation).toMatchObject({ property_title: house.title, host: { display_name: "Ana" } });
    const stolen = await ben.client.rpc("accept_co_host_invitation", { p_invitation_id: invitation.id });
    expect(stolen.status).toBe(404);
    await fay.client.rpc("accept_co_host_invitation", { p_invitation_id: invitation.id }).throwOnError();
    await fay.client.from("properties").update({ beds: 4 }).eq("id", id).select().single().throwOnError();
    expect((await fay.client.from("property_taxes").select()).data).toEqual([]);
    expect((await ana.client.from("property_taxes").select("name").eq("property_id", id)).data).toHaveLength(
      1,
    );
    await fay.client.from("co_hosts").delete().eq("property_id", id).throwOnError();
    expect(await statusAsSeenBy(fay.client, id)).toBeUndefined();
  });
});

describe("invalid input", () => {
  const descriptionFault = {
    code: "description_is_plain",
    field: "description",
    message: "A description is up to 10,000 characters of plain text.",
  };
  const descriptionHint = "Shorten the description, and remove HTML and control characters.";

  /** A title, the changes that are sent, each fault that is answered, and the hint, which is that of the first. */
  const rules: [string, PropertyUpdate, Record<string, string | number>[], string][] = [
    [
      "a wrong time zone",
      { time_zone: "Mars/Olympus" },
      [
        {
          code: "unknown_time_zone",
          field: "time_zone",
          value: "Mars/Olympus",
          message: 'There is no time zone "Mars/Olympus".',
        },
      ],
      "Send a name of the table time_zones, such as Europe/Lisbon.",
    ],
    [
      "a wrong currency",
      { currency: "XXX" },
      [{ code: "unknown_currency", field: "currency", value: "XXX", message: 'There is no currency "XXX".' }],
      "Send an ISO 4217 code of the table currencies.",
    ],
    [
      "an unknown cancellation policy",
      { cancellation_policy_id: "none" },
      [
        {
          code: "unknown_cancellation_policy",
          field: "cancellation_policy_id",
          value: "none",
          message: 'There is no cancellation policy "none".',
        },
      ],
      "Send an id of the table cancellation_policies.",
    ],
    [
      "20,000 characters of description",
      { description: "x".repeat(20_000) },
      [descriptionFault],
      descriptionHint,
    ],
    [
      "half a megabyte of description",
      { description: "x".repeat(2 ** 19) },
      [
        {
          code: "value_too_long",
          field: "description",
          limit: 32_768,
          message: "The value of description is far too long.",
        },
      ],
      "Send at most 32768 bytes; the documentation of description may say less.",
    ],
    [
      "HTML",
      { title: "<script>alert(1)</script>" },
      [
        {
          code: "title_is_plain",
          field: "title",
          message: "A title is one line of 1 to 150 characters of plain text.",
        },
      ],
      "Shorten the title, and remove HTML and control characters.",
    ],
    ["control characters", { description: "a\u0007b" }, [descriptionFault], descriptionHint],
    [
      "no title",
      { title: null as unknown as string },
      [{ code: "value_missing", field: "title", message: "There is no value for title." }],
      "Send a value for title.",
    ],
    [
      "several broken rules at once",
      { beds: -1, bathrooms: 1.2, extra_guest_price: -5, currency: "EURO" },
      [
        {
          code: "bathrooms_are_halves",
          field: "bathrooms",
          message: "A property has 0 to 50 bathrooms, in steps of a half.",
        },
        { code: "beds_range", field: "beds", message: "A property has 0 to 100 beds." },
        {
          code: "extra_guest_price_range",
          field: "extra_guest_price",
          message: "The price of an extra guest is 0 to 1,000,000,000,000 minor units.",
        },
        {
          code: "unknown_currency",
          field: "currency",
          value: "EURO",
          message: 'There is no currency "EURO".',
        },
      ],
      "Send bathrooms such as 1 or 1.5.",
    ],
  ];

  it.each(rules)(
    "%s is refused with every broken rule, and changes nothing",
    async (_, change, faults, hint) => {
      const id = await createDraft(ana.client, change.currency === "EURO" ? { title: house.title } : house);
      const { status, error } = await ana.client.from("properties").update(change).eq("id", id).select();
      expect([status, error?.code, JSON.parse(error?.details ?? "")]).toEqual([422, "PT422", faults]);
      expect(error?.message).toBe(faults.map(({ message }) => message).join(" "));
      expect(error?.hint).toBe(hint);
      const { data } = await ana.client.from("properties").select().eq("id", id).single().throwOnError();
      expect(data).toMatchObject({ title: house.title, currency: change.currency === "EURO" ? null : "EUR" });
    },
  );

  it.each(rules.slice(0, 2))("%s is refused by GraphQL with the same message", async (_, change, faults) => {
    const id = await createDraft(ana.client);
    const set = Object.fromEntries(
      Object.entries(change).map(([name, value]) => [name === "time_zone" ? "timeZone" : name, value]),
    );
    const { data, errors } = await update(ana, { id, set });
    expect([data, errors.map(({ message }) => message)]).toEqual([
      null,
      faults.map(({ message }) => message),
    ]);
    const row = await ana.client.from("properties").select().eq("id", id).single().throwOnError();
    expect(row.data).toMatchObject(house);
  });

  it("HTML, a negative amount, a computed column and another host's property are refused by GraphQL", async () => {
    const id = await createDraft(ana.client);
    const answers = [
      await update(ana, { id, set: { title: "<b>Cheap</b>" } }),
      await update(ana, { id, set: { basePrice: "-1" } }),
      await update(ana, { id, set: { publicLatitude: 1 } }),
    ];
    for (const { data, errors } of answers) expect([data ?? null, errors.length]).toEqual([null, 1]);
    const strangers = await update(ben, { id, set: { title: "Mine now" } });
    expect(strangers).toEqual({ data: { updatePropertiesCollection: { affectedCount: 0 } }, errors: [] });
    const row = await ana.client.from("properties").select().eq("id", id).single().throwOnError();
    expect(row.data).toMatchObject({ ...house, public_latitude: null });
  });

  const cases: [string, PropertyUpdate, number, string][] = [
    ["negative money", { base_price: -1 }, 422, "PT422"],
    ["a price below the currency's lowest", { base_price: 12 }, 422, "PT422"],
    ["money with a fraction", { base_price: 10.5 }, 400, "22P02"],
    ["a NUL", { description: "a\u0000b" }, 400, "22P05"],
    ["an enumeration's unknown value", { room_type: "ditch" as "private_room" }, 400, "22P02"],
    ["a computed column", { public_latitude: 1 } as object, 403, "42501"],
    ["the status", { status: "published" } as object, 403, "42501"],
    ["another host", { host_id: crypto.randomUUID() } as object, 403, "42501"],
  ];

  it.each(cases)("%s is refused and changes nothing", async (_, change, status, code) => {
    const id = await createDraft(ana.client);
    const response = await ana.client.from("properties").update(change).eq("id", id).select();
    expect([response.status, response.error?.code]).toEqual([status, code]);
    expect(response.error?.message.length).toBeGreaterThan(10);
    const { data } = await ana.client.from("properties").select().eq("id", id).single().throwOnError();
    expect(data).toMatchObject(house);
  });

  it.each([2, 9, 10])("%i MB is refused before it is read", { tags: "embedded" }, async (size) => {
    const response = await request(ana, "/rest/v1/properties", {
      method: "POST",
      body: JSON.stringify({ title: "Big", description: "x".repeat(size * 2 ** 20) }),
    });
    expect(response.status).toBe(413);
  });

  it("a point outside the earth is refused", async () => {
    const id = await createDraft(ana.client);
    for (const [change, message] of [
      [{ latitude: 90.01 }, "A latitude is -90 to 90 degrees."],
      [{ latitude: -91 }, "A latitude is -90 to 90 degrees."],
      [{ longitude: 181 }, "A longitude is -180 to 180 degrees."],
      [{ longitude: -180.5 }, "A longitude is -180 to 180 degrees."],
    ] as const) {
      const { status, error } = await ana.client
        .from("property_addresses")
        .insert({ property_id: id, ...exactAddress, ...change });
      expect([status, error?.code, error?.message]).toEqual([422, "PT422", message]);
    }
    expect((await ana.client.from("property_addresses").select().eq("property_id", id)).data).toEqual([]);
  });

  it("a thousand amenities are refused, and none is written", async () => {
    const id = await createDraft(ana.client);
    const known = await anonymous().from("amenities").select("id").throwOnError();
    const rows = Array.from({ length: 1000 }, (_, index) => ({
      property_id: id,
      amenity_id: known.data[index]?.id ?? `amenity_${index}`,
    }));
    const { status, error } = await ana.client.from("property_amenities").insert(rows);
    expect([status, error?.message]).toEqual([422, 'There is no amenity "amenity_63".']);
    expect((await ana.client.from("property_amenities").select().eq("property_id", id)).data).toEqual([]);
  });

  it("seasons that overlap are refused", async () => {
    const id = await createDraft(ana.client);
    const season = { property_id: id, name: "Summer", price: 20_000 };
    const { status, error } = await ana.client.from("property_seasons").insert([
      { ...season, starts_on: "2027-06-01", ends_on: "2027-09-01" },
      { ...season, starts_on: "2027-08-31", ends_on: "2027-10-01" },
    ]);
    expect([status, error?.message]).toEqual([
      409,
      "These dates overlap a range from 2027-06-01 to 2027-09-01.",
    ]);
    expect(errorCodes(error)).toEqual(["dates_overlap"]);
    expect((await ana.client.from("property_seasons").select().eq("property_id", id)).data).toEqual([]);
  });
});

const mutation = `mutation ($id: UUID!, $set: PropertiesUpdateInput!) {
  updatePropertiesCollection(filter: { id: { eq: $id } }, set: $set) { affectedCount }
}`;

async function update(person: Person, variables: { id: string; set: object }) {
  const { data, errors = [] } = await queryGraphql(mutation, variables, person);
  return { data, errors };
}

async function statusAsSeenBy(client: Person["client"], id: string) {
  const { data } = await client.from("properties").select("status").eq("id", id).maybeSingle().throwOnError();
  return data?.status;
}
