// A valid row for each table and view that signed-in people may write, made for tests that break it.

import type { Sql } from "postgres";
import { bookConfirmed } from "./bookings.ts";
import { service } from "./clients.ts";
import { withoutTriggers } from "./database.ts";
import { sendMessage, startThread } from "./messages.ts";
import { type Person, signUp, signUpOperator } from "./people.ts";
import { addPhoto, createBookable, createDraft, createPublished, exactAddress, house } from "./properties.ts";
import { dayAhead, letDaysPass } from "./time.ts";

export type Row = Record<string, unknown>;

export interface Fixture {
  /** Who may write it. */
  owner: Person;
  /** A valid row to insert; different `n` give rows that do not clash where the table allows that. */
  row?: (n: number) => Row;
  /** Whether the database has made the row, so that only an upsert of it is accepted. */
  isMade?: true;
  /** The key of a row that the owner may change or delete, and a valid change. */
  key?: Row;
  change?: Row;
  /** Takes accepted rows back, where the owner cannot delete them and they would hide other errors. */
  undo?: () => Promise<unknown>;
  /** Keys of rows that cannot be deleted, because others need them. */
  inUse?: Row[];
  /** Values that break rules over several columns, put over a valid row or sent as a change. */
  broken?: Row[];
}

export interface People {
  host: Person;
  guest: Person;
  /** A co-host of every property here, with all rights that co-hosts can have. */
  coHost: Person;
  operator: Person;
  stranger: Person;
  inquirer: Person;
}

/** Signs up the people. */
export async function signUpPeople(): Promise<People> {
  const [host, guest, coHost, operator, stranger, inquirer] = await Promise.all([
    signUp("Ana"),
    signUp("Ben"),
    signUp("Cleo"),
    signUpOperator("Olga"),
    signUp("Stan"),
    signUp("Ida"),
  ]);
  return { host, guest, coHost, operator, stranger, inquirer };
}

/** Makes the rows and returns a fixture for each table and view, by name. */
export async function createFixtures(sql: Sql, people: People): Promise<Record<string, Fixture>> {
  const { host, guest, coHost, operator, stranger, inquirer } = people;
  const addCoHost = async (propertyId: string) => {
    await service()
      .from("co_hosts")
      .insert({ property_id: propertyId, profile_id: coHost.id, level: "full" })
      .throwOnError();
    return propertyId;
  };
  const [property, priced, other, photographed, bare, foreign] = await Promise.all([
    createBookable(host).then(addCoHost),
    createPublished(host).then(addCoHost),
    createBookable(host),
    createDraft(host.client).then(addCoHost),
    createDraft(host.client).then(addCoHost),
    createPublished(stranger),
  ]);
  const insert = async (person: Person, table: string, row: Row): Promise<Row> => {
    const { data } = await person.client
      .from(table as "properties")
      .insert(row as never)
      .select()
      .single()
      .throwOnError();
    return data;
  };
  const idOf = async (person: Person, table: string, row: Row) => ({
    id: (await insert(person, table, row)).id,
  });

  const booking = await bookConfirmed(guest, property, 40);
  const past = await bookConfirmed(guest, property, 50);
  const noted = await bookConfirmed(guest, property, 60);
  const reviewed = await bookConfirmed(guest, property, 70);
  await letDaysPass(sql, past.id, 54);
  await letDaysPass(sql, noted.id, 67);
  await letDaysPass(sql, reviewed.id, 80);
  const thread = await startThread(guest, other);
  await sendMessage(guest, thread, "Is there a lift?");
  const stars = {
    overall: 5,
    accuracy: 5,
    cleanliness: 5,
    check_in: 5,
    communication: 5,
    location: 5,
    value: 5,
  };
  const review = await idOf(guest, "reviews", { booking_id: reviewed.id, ...stars });
  const notedReview = await idOf(guest, "reviews", { booking_id: noted.id, ...stars });
  await insert(guest, "review_notes", { review_id: notedReview.id, note: "The tap drips." });
  const photo = (await (await addPhoto(host, photographed)).json()) as { photo_id: string };
  const wishlist = await idOf(guest, "wishlists", { name: "Summer" });
  await insert(guest, "wishlist_items", { wishlist_id: wishlist.id, property_id: property });
  await insert(guest, "wishlist_shares", { wishlist_id: wishlist.id });
  const lists = await Promise.all(
    Array.from({ length: 12 }, (_, n) => idOf(guest, "wishlists", { name: `List ${n}` })),
  );
  const steps = [{ refund_percent: 50, nights_kept: 0 }];
  const used = await idOf(host, "cancellation_policies", { name: "Used", steps });
  await host.client
    .from("properties")
    .update({ cancellation_policy_id: `${used.id}` })
    .eq("id", other)
    .throwOnError();
  const { data: cover } = await host.client
    .from("property_photos")
    .select("id")
    .eq("property_id", other)
    .single()
    .throwOnError();
  // The stranger keeps these lists together with their owner.
  for (const { id } of lists) {
    await sql`insert into public.wishlist_members (wishlist_id, profile_id) values (${`${id}`}, ${stranger.id})`;
  }
  await insert(guest, "notification_settings", {
    profile_id: guest.id,
    quiet_from: "22:00",
    quiet_until: "08:00",
    time_zone: "Europe/Lisbon",
  });
  await insert(guest, "notification_preferences", { profile_id: guest.id, topic: "reviews" });
  const { data: notification } = await host.client
    .from("notifications")
    .select("id")
    .limit(1)
    .single()
    .throwOnError();

  // A stay on a channel whose details the host has entered.
  const { data: block } = await service()
    .from("external_blocks")
    .insert({
      property_id: priced,
      source: "vrbo",
      source_id: "described",
      check_in: dayAhead(30),
      check_out: dayAhead(32),
    })
    .select("id")
    .single()
    .throwOnError();
  const described = block.id;
  const unpriced = await idOf(host, "properties", { title: "Without a currency" });
  await insert(host, "own_bookings", {
    property_id: priced,
    origin: "channel",
    external_block_id: described,
  });

  /** Two days that overlap with those of no other n. */
  const days = (n: number) => ({ starts_on: dayAhead(100 + 2 * n), ends_on: dayAhead(101 + 2 * n) });
  const rule = { kind: "nights", min_nights: 2, max_nights: 5 };
  const fee = { kind: "cleaning", name: "Cleaning", charge: "per_booking", amount: 3_000 };
  const tax = { name: "City tax", charge: "percent", percent: 6, applies_to: "all" };
  const season = { name: "High season", price: 20_000, min_nights: 2, max_nights: 9 };
  const inProperty = { property_id: priced, currency: "EUR" };
  const wrongDates = [
    { starts_on: dayAhead(3), ends_on: dayAhead(2) },
    { starts_on: dayAhead(100), ends_on: dayAhead(500) },
  ];
  const wrongStays = [
    { check_in: dayAhead(41), check_out: dayAhead(40) },
    { check_in: dayAhead(40), check_out: dayAhead(40) },
    { check_in: dayAhead(40) },
    { check_in: dayAhead(40), check_out: null },
  ];

  return {
    accounts: {
      owner: guest,
      row: () => ({ id: guest.id, legal_name: "Ben Doe", birth_date: "1990-01-01", currency: "EUR" }),
      isMade: true,
      key: { id: guest.id },
      change: { legal_name: "Ben Doe", birth_date: "1990-01-01" },
    },
    blocked_profiles: {
      owner: host,
      row: () => ({ blocked_id: stranger.id }),
      key: { blocker_id: host.id, blocked_id: stranger.id },
      broken: [{ blocked_id: host.id }],
    },
    bookings: {
      owner: guest,
      row: (n) => ({
        property_id: property,
        check_in: dayAhead(90 + 2 * n),
        check_out: dayAhead(91 + 2 * n),
        adults: 1,
      }),
      key: { id: booking.id },
      change: { check_out: dayAhead(43) },
      inUse: [{ id: past.id }],
      broken: [...wrongStays, { adults: 50 }, { property_id: bare }, { quote_id: crypto.randomUUID() }],
    },
    cancellation_policies: {
      owner: host,
      row: () => ({ name: "Half", steps }),
      key: await idOf(host, "cancellation_policies", { name: "Mine", steps }),
      change: { name: "Ours" },
      inUse: [used, { id: "moderate" }],
      broken: [{ steps: [{ refund_percent: 101, nights_kept: 0 }] }, { steps: [...steps, ...steps] }],
    },
    co_host_invitations: {
      owner: host,
      row: (n) => ({ property_id: priced, email: `co-host-${n}@example.com`, level: "full" }),
      key: await idOf(host, "co_host_invitations", {
        property_id: other,
        email: "co@example.com",
        level: "full",
      }),
      broken: [
        { property_id: other, email: "co@example.com" },
        { email: coHost.email },
        { email: host.email },
      ],
    },
    co_hosts: {
      owner: host,
      key: { property_id: bare, profile_id: coHost.id },
      change: { level: "full" },
    },
    dead_jobs: { owner: operator, key: { id: 0 } },
    exchange_rates: {
      owner: operator,
      // No other test has prices in these currencies.
      row: () => ({ from_currency: "KMF", to_currency: "VUV", rate: 0.25 }),
      broken: [{ to_currency: "KMF" }],
    },
    host_blocks: {
      owner: host,
      row: (n) => ({
        property_id: priced,
        check_in: dayAhead(100 + 2 * n),
        check_out: dayAhead(101 + 2 * n),
      }),
      key: await idOf(host, "host_blocks", {
        property_id: priced,
        check_in: dayAhead(10),
        check_out: dayAhead(12),
      }),
      change: { note: "Painters" },
      broken: [...wrongStays, { check_in: dayAhead(10), check_out: dayAhead(11) }],
    },
    own_bookings: {
      owner: host,
      row: (n) => ({
        property_id: priced,
        origin: "phone",
        check_in: dayAhead(300 + 2 * n),
        check_out: dayAhead(301 + 2 * n),
        guest_name: "Greta",
      }),
      key: await idOf(host, "own_bookings", {
        property_id: priced,
        origin: "phone",
        check_in: dayAhead(20),
        check_out: dayAhead(22),
      }),
      change: { note: "Late arrival" },
      broken: [
        ...wrongStays,
        { origin: "owner", price: 100 },
        { origin: "channel" },
        { channel: "vrbo" },
        { property_id: unpriced.id, price: 100 },
        { origin: "channel", external_block_id: described },
      ],
    },
    house_rules: {
      owner: host,
      row: () => ({ property_id: priced, smoking_allowed: false, additional_rules: "No shoes." }),
      broken: [{ quiet_from: "22:00" }, { quiet_until: "08:00" }],
    },
    messages: {
      owner: guest,
      row: () => ({ thread_id: thread, body: "Hello." }),
      broken: [{ attachment_path: `${thread}/no-such-file.png` }, { attachment_path: `${property}/a.png` }],
    },
    money_requests: {
      owner: host,
      row: () => ({ booking_id: past.id, amount: 5_000, reason: "A late check-out" }),
      // one open request would hide the faults of the next
      undo: () => sql`delete from public.money_requests where booking_id = ${past.id}`,
      broken: [{ amount: 10 }],
    },
    notification_preferences: {
      owner: guest,
      row: () => ({ profile_id: guest.id, topic: "bookings", mail: "digest", in_app: true }),
      key: { profile_id: guest.id, topic: "reviews" },
      change: { mail: "digest" },
      broken: [
        { topic: "account", mail: "off" },
        { topic: "account", in_app: false },
        { topic: "reviews" },
        { profile_id: host.id },
      ],
    },
    notification_settings: {
      owner: host,
      row: () => ({
        profile_id: host.id,
        quiet_from: "22:00",
        quiet_until: "08:00",
        time_zone: "Europe/Lisbon",
      }),
      key: { profile_id: host.id },
      change: { quiet_from: "21:00:00" },
      broken: [{ profile_id: guest.id }],
    },
    notifications: {
      owner: host,
      key: { id: notification.id },
      change: { read_at: new Date().toISOString() },
    },
    payment_methods: { owner: guest, key: { id: crypto.randomUUID() } },
    payout_holds: {
      owner: operator,
      row: () => ({ booking_id: past.id, reason: "A dispute" }),
      key: await idOf(operator, "payout_holds", { booking_id: reviewed.id, reason: "A complaint" }),
      change: { released_at: new Date().toISOString() },
    },
    profiles: {
      owner: guest,
      row: () => ({ id: guest.id, display_name: "Ben" }),
      isMade: true,
      key: { id: guest.id },
      change: { display_name: "Benedict" },
      broken: [{ avatar_path: `${guest.id}/no-such-file.png` }, { avatar_path: `${host.id}/a.png` }],
    },
    properties: {
      owner: host,
      row: () => house,
      key: { id: priced },
      change: { title: "A better title" },
      inUse: [{ id: property }],
      broken: [
        { min_nights: 10, max_nights: 5 },
        { check_out_until: "16:00", check_in_from: "15:00" },
        { currency: null },
        { base_price: 1 },
        { cancellation_policy_id: "no-such-policy" },
        { check_in_weekdays: [0] },
        { early_bird_discount_percent: 100, last_minute_discount_percent: 100 },
      ],
    },
    property_addresses: {
      owner: host,
      row: () => ({
        property_id: bare,
        ...exactAddress,
        line2: "2nd floor",
        region: "Lisboa",
        neighbourhood: "Baixa",
      }),
      key: { property_id: priced },
      change: { line1: "Rua Nova 1" },
      broken: [{ property_id: priced }, { property_id: foreign }, { latitude: 89.9, longitude: 179.9 }],
    },
    property_amenities: {
      owner: host,
      row: () => ({ property_id: priced, amenity_id: "wifi" }),
      key: { property_id: priced, amenity_id: "wifi" },
    },
    property_availability_rules: {
      owner: host,
      row: (n) => ({ property_id: priced, ...rule, ...days(n) }),
      key: await idOf(host, "property_availability_rules", { property_id: priced, ...rule, ...days(-1) }),
      change: { min_nights: 3 },
      broken: [
        ...wrongDates,
        days(-1),
        { min_nights: 5, max_nights: 2 },
        { kind: "closed_to_arrival" },
        { min_nights: null, max_nights: null },
      ],
    },
    property_date_overrides: {
      owner: host,
      row: (n) => ({ ...inProperty, price: 15_000, ...days(n) }),
      key: await idOf(host, "property_date_overrides", { ...inProperty, price: 15_000, ...days(-1) }),
      change: { price: 16_000 },
      broken: [...wrongDates, days(-1), { currency: "USD" }],
    },
    property_fees: {
      owner: host,
      row: () => ({ ...inProperty, ...fee }),
      key: await idOf(host, "property_fees", { ...inProperty, ...fee }),
      change: { amount: 4_000 },
      broken: [{ charge: "percent" }, { currency: "USD" }, { kind: "other", name: null }],
    },
    property_photos: {
      owner: host,
      key: { id: photo.photo_id },
      change: { alt_text: "The back door" },
      inUse: [cover],
    },
    property_seasons: {
      owner: host,
      row: (n) => ({ ...inProperty, ...season, ...days(n) }),
      key: await idOf(host, "property_seasons", { ...inProperty, ...season, ...days(-1) }),
      change: { price: 21_000 },
      broken: [
        ...wrongDates,
        days(-1),
        { price: null, min_nights: null, max_nights: null },
        { min_nights: 9, max_nights: 2 },
        { currency: "USD" },
      ],
    },
    property_taxes: {
      owner: host,
      row: () => ({ ...inProperty, ...tax, registration_number: "123/AL", exempt_from_nights: 30 }),
      key: await idOf(host, "property_taxes", { ...inProperty, ...tax }),
      change: { percent: 7 },
      broken: [
        { amount: 100 },
        { percent: null },
        { charge: "per_night" },
        { charge: "per_night", percent: null, applies_to: null, amount: 0 },
        { charge: "percent", max_nights: 7 },
        { charge: "per_night", percent: null, applies_to: null, amount: 100, max_nights: 7 },
        { currency: "USD" },
      ],
    },
    reports: {
      owner: guest,
      row: () => ({ subject: "property", subject_id: property, reason: "spam", details: "Looks wrong." }),
      undo: () =>
        withoutTriggers(sql, (tx) => tx`delete from public.reports where reporter_id = ${guest.id}`),
      broken: [{ reason: "party_suspended" }, { subject: "profile" }],
    },
    review_notes: {
      owner: guest,
      row: () => ({ review_id: review.id, note: "Thank you." }),
      key: { review_id: notedReview.id },
      change: { note: "The tap still drips." },
    },
    reviews: {
      owner: guest,
      row: () => ({ booking_id: past.id, ...stars, comment: "Good." }),
      key: review,
      change: { overall: 4 },
      broken: [{ accuracy: null }, { booking_id: booking.id }, { booking_id: reviewed.id }],
    },
    threads: {
      // Bookings open threads too, and a guest may open only so many in a day: another person asks here.
      owner: inquirer,
      row: () => ({ property_id: priced }),
      broken: [{ property_id: bare }],
    },
    user_roles: {
      owner: operator,
      row: () => ({ user_id: stranger.id, role: "operator" }),
      key: { user_id: stranger.id, role: "operator" },
    },
    webhook_endpoints: {
      owner: host,
      row: (n) => ({ url: `https://example.com/${n}`, events: ["booking.created"] }),
      key: await idOf(host, "webhook_endpoints", { url: "https://example.com/hook" }),
      change: { is_active: false },
      broken: [{ url: "http://example.com" }, { url: "https://127.0.0.1/" }],
    },
    wishlist_items: {
      owner: guest,
      row: () => ({ wishlist_id: wishlist.id, property_id: priced, note: "Near the sea" }),
      key: { wishlist_id: wishlist.id, property_id: property },
      change: { note: "Near the river" },
      broken: [{ property_id: bare }, { property_id: property }],
    },
    wishlist_members: { owner: guest, key: { wishlist_id: lists[0]?.id, profile_id: stranger.id } },
    wishlist_shares: {
      owner: guest,
      row: (n) => ({ wishlist_id: lists[n % lists.length]?.id, can_join: true }),
      key: { wishlist_id: wishlist.id },
      change: { can_join: true },
      broken: [{ wishlist_id: wishlist.id }],
    },
    wishlists: {
      owner: guest,
      row: () => ({ name: "Winter", check_in: dayAhead(30), check_out: dayAhead(35), guests: 2 }),
      key: await idOf(guest, "wishlists", { name: "Autumn" }),
      change: { name: "Spring" },
      broken: wrongStays,
    },
  };
}
