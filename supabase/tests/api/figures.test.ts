// A host's figures over REST and GraphQL: JSON and CSV, any range compared with an independent calculation from the bookings, lost demand
// as apps report it, and simulations. Worked vectors are in 08000-figures.sql.

import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { bookConfirmed } from "../support/bookings.ts";
import { anonymous, queryGraphql, request, requestRest, service } from "../support/clients.ts";
import { errorCodes } from "../support/errors.ts";
import { type Person, signUp } from "../support/people.ts";
import { createBookable } from "../support/properties.ts";
import { runs } from "../support/runs.ts";
import { addDays, dayAhead } from "../support/time.ts";

/** Days from today and nights of the stays; they cross months and weeks. */
const stays = [
  [3, 2],
  [6, 7],
  [14, 1],
  [20, 9],
  [33, 3],
  [40, 28],
  [80, 4],
  [100, 12],
] as const;
let host: Person;
let guest: Person;
let home: string;

/** First day and nights of a stay, with what the guest pays for them after discounts. */
interface Rent {
  checkIn: string;
  prices: number[];
  rent: number;
}
const rents: Rent[] = [];

beforeAll(async () => {
  [host, guest] = await Promise.all([signUp("Ana"), signUp("Ben")]);
  home = await createBookable(host, {
    base_price: 10_001,
    weekend_price: 14_503,
    weekly_discount_percent: 13,
    monthly_discount_percent: 31,
  });
  for (const [ahead, nights] of stays) {
    const { id, check_in } = await bookConfirmed(guest, home, ahead, nights);
    const { data: lines } = await host.client
      .from("booking_line_items")
      .select("amount")
      .eq("booking_id", id ?? "")
      .in("kind", ["nights", "discount"])
      .throwOnError();
    const checkIn = check_in ?? "";
    rents.push({
      checkIn,
      prices: Array.from({ length: nights }, (_, n) => (isWeekend(addDays(checkIn, n)) ? 14_503 : 10_001)),
      rent: lines.reduce((sum, { amount }) => sum + amount, 0),
    });
  }
}, 120_000);

const isWeekend = (day: string) => [5, 6].includes(new Date(`${day}T00:00Z`).getUTCDay());

/** Nights and revenue from `from` until the day before `until`: each night's part of the rent, with rounded running totals. */
function expected(from: string, until: string): { nights: number; revenue: number } {
  let nights = 0;
  let revenue = 0;
  for (const { checkIn, prices, rent } of rents) {
    const total = prices.reduce((sum, price) => sum + price, 0);
    let passed = 0;
    for (const [n, price] of prices.entries()) {
      const before = Math.round((rent * passed) / total);
      passed += price;
      const day = addDays(checkIn, n);
      if (day < from || day >= until) continue;
      nights += 1;
      revenue += Math.round((rent * passed) / total) - before;
    }
  }
  return { nights, revenue };
}

async function metrics(p_from: string, p_until: string, p_by: string) {
  const { data } = await host.client.rpc("host_metrics", { p_from, p_until, p_by }).throwOnError();
  return data;
}

describe("metrics", () => {
  it("of any range agree with the bookings, however it is divided", { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: -5, max: 120 }),
        fc.integer({ min: 1, max: 130 }),
        async (start, days) => {
          const [from, until] = [dayAhead(start), dayAhead(start + days)];
          const want = { ...expected(from, until), total: Math.max(0, days + Math.min(start, 0)) };
          for (const by of ["day", "week", "month"]) {
            const rows = await metrics(from, until, by);
            const sum = (key: "sold_nights" | "revenue" | "total_nights") =>
              rows.reduce((all, row) => all + (row[key] ?? 0), 0);
            expect({
              by,
              nights: sum("sold_nights"),
              revenue: sum("revenue"),
              total: sum("total_nights"),
            }).toEqual({
              by,
              ...want,
            });
            expect(rows[0]?.period_start).toBe(from);
            expect(rows.at(-1)?.period_end).toBe(until);
          }
        },
      ),
      { numRuns: runs(12) },
    );
  });

  it("come as a flat table for spreadsheets", async () => {
    const query = new URLSearchParams({ p_from: dayAhead(0), p_until: dayAhead(2), p_by: "day" });
    const response = await request(host, `/rest/v1/rpc/host_metrics?${query}`, {
      headers: { accept: "text/csv" },
    });
    expect(response.headers.get("content-type")).toContain("text/csv");
    const [header, ...lines] = (await response.text()).split("\n");
    expect(header).toBe(
      "period_start,period_end,currency,total_nights,sold_nights,blocked_nights,channel_nights,direct_nights,owner_nights,occupancy_percent," +
        "adjusted_occupancy_percent,channel_occupancy_percent,revenue,outside_revenue,adr,revpar,adjusted_revpar,stays,lead_time_days,average_nights," +
        "quotes,bookings_begun,bookings_paid,paid_percent,quote_paid_percent,cancelled_by_guest,cancelled_by_host,guest_cancellation_percent," +
        "host_cancellation_percent,converted_currency,converted_revenue,exchange_rate,rate_valid_from",
    );
    expect(lines).toEqual([
      `${dayAhead(0)},${dayAhead(1)},EUR,1,0,0,0,0,0,0.00,0.00,0.00,0,0,,0,0,0,,,0,0,0,,,0,0,,,,,,`,
      `${dayAhead(1)},${dayAhead(2)},EUR,1,0,0,0,0,0,0.00,0.00,0.00,0,0,,0,0,0,,,0,0,0,,,0,0,,,,,,`,
    ]);
  });

  it("and pace answer in GraphQL as in REST", async () => {
    const [from, until] = [dayAhead(3), dayAhead(5)];
    const rows = await metrics(from, until, "day");
    const { data, errors } = await queryGraphql(
      `query ($from: String!, $until: String!, $asOf: Datetime!, $month: String!) {
        hostMetrics(pFrom: $from, pUntil: $until, pBy: "day") { edges { node { periodStart soldNights revenue occupancyPercent } } }
        pace(pMonth: $month, pAsOf: $asOf) { edges { node { currency nights laterNights pickupRevenue } } }
      }`,
      { from, until, asOf: "2020-01-01T00:00:00Z", month: from.slice(0, 7) },
      host,
    );
    expect(errors).toBeUndefined();
    expect(data.hostMetrics.edges.map(({ node }: { node: object }) => node)).toEqual(
      rows.map((row) => ({
        periodStart: row.period_start,
        soldNights: row.sold_nights,
        revenue: `${row.revenue}`,
        occupancyPercent: "100.00",
      })),
    );
    const month = from.slice(0, 7);
    const next = addDays(`${month}-28`, 4).slice(0, 7);
    const { nights, revenue } = expected(`${month}-01`, `${next}-01`);
    expect(data.pace.edges).toEqual([
      { node: { currency: "EUR", nights: 0, laterNights: nights, pickupRevenue: `${revenue}` } },
    ]);
  });

  it("are for no one else", async () => {
    const query = `rpc/host_metrics?p_from=${dayAhead(0)}&p_until=${dayAhead(9)}`;
    expect(await requestRest(undefined, "GET", query)).toMatchObject({ status: 401 });
    const { status, body } = await requestRest(guest, "GET", `${query}&p_properties={${home}}`);
    expect([status, errorCodes(body as { details: string })]).toEqual([403, ["figures_not_yours"]]);
  });
});

describe("lost demand", () => {
  const stay = { p_check_in: dayAhead(200), p_check_out: dayAhead(202) };

  it("is what searches and quotes were refused, reported with their own arguments", async () => {
    await host.client.from("properties").update({ min_nights: 3 }).eq("id", home).throwOnError();
    const { error } = await guest.client.rpc("quote_stay", { p_property_id: home, ...stay });
    expect(errorCodes(error)).toEqual(["min_stay"]);
    const report = await guest.client
      .rpc("report_lost_search", { p_property_id: home, ...stay })
      .throwOnError();
    expect(report.data).toBe(1);
    const repeated = await guest.client
      .rpc("report_lost_search", { p_property_id: home, ...stay })
      .throwOnError();
    expect(repeated.data).toBe(0);
    // a visitor's search, with the arguments that search_properties took
    const { data: found } = await host.client
      .from("properties")
      .select("public_latitude, public_longitude")
      .eq("id", home)
      .single()
      .throwOnError();
    const search = {
      p_latitude: found.public_latitude ?? 0,
      p_longitude: found.public_longitude ?? 0,
      p_radius: 50,
      p_sort: "distance",
      p_limit: 50,
      ...stay,
    };
    const { data: hits } = await anonymous().rpc("search_properties", search).throwOnError();
    expect(hits.map(({ property_id }) => property_id)).not.toContain(home);
    const counted = await anonymous().rpc("report_lost_search", search).throwOnError();
    expect(counted.data).toBeGreaterThan(0);
    const { data: lost } = await host.client
      .rpc("lost_demand", { p_from: dayAhead(-1), p_until: dayAhead(2) })
      .throwOnError();
    const value = [0, 1].reduce(
      (sum, n) => sum + (isWeekend(addDays(stay.p_check_in, n)) ? 14_503 : 10_001),
      0,
    );
    expect(lost).toEqual([
      {
        property_id: home,
        reason: "min_stay",
        limit_value: 3,
        nights: 2,
        currency: "EUR",
        refusals: 2,
        sole_refusals: 2,
        value: 2 * value,
      },
    ]);
  });

  it("cannot be reported by GET, and GraphQL takes it as a mutation", async () => {
    const query = new URLSearchParams({ p_property_id: home, ...stay });
    expect(await requestRest(undefined, "GET", `rpc/report_lost_search?${query}`)).toMatchObject({
      status: 405,
    });
    const { data, errors } = await queryGraphql(
      "mutation ($home: UUID!, $in: String!, $out: String!) { reportLostSearch(pPropertyId: $home, pCheckIn: $in, pCheckOut: $out) }",
      { home, in: stay.p_check_in, out: stay.p_check_out },
      await signUp("Cem"),
    );
    expect({ data, errors }).toEqual({ data: { reportLostSearch: 1 }, errors: undefined });
  });

  it("counts each report once when many come at the same time", async () => {
    const before = await refusals();
    const people = await Promise.all(Array.from({ length: 4 }, () => signUp("Eva")));
    const counts = await Promise.all(
      people.flatMap(({ client }) =>
        [1, 2, 3].map(() =>
          client.rpc("report_lost_search", { p_property_id: home, ...stay }).throwOnError(),
        ),
      ),
    );
    expect(counts.map(({ data }) => data).sort()).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
    expect(await refusals()).toBe(before + 4);
  });

  it("counts a quote once for each visitor, by REST and GraphQL, also when many come at the same time", async () => {
    const people = await Promise.all(Array.from({ length: 4 }, () => signUp("Eva")));
    const shown = { p_property_id: home, p_check_in: dayAhead(200), p_check_out: dayAhead(204) };
    const counts = await Promise.all(
      people.flatMap(({ client }) => [1, 2, 3].map(() => client.rpc("report_quote", shown).throwOnError())),
    );
    expect(counts.filter(({ data }) => data)).toHaveLength(4);
    const { data, errors } = await queryGraphql(
      "mutation ($home: UUID!, $in: String!, $out: String!) { reportQuote(pPropertyId: $home, pCheckIn: $in, pCheckOut: $out) }",
      { home, in: shown.p_check_in, out: shown.p_check_out },
      await signUp("Cem"),
    );
    expect({ data, errors }).toEqual({ data: { reportQuote: true }, errors: undefined });
    expect(
      await requestRest(undefined, "GET", `rpc/report_quote?${new URLSearchParams(shown)}`),
    ).toMatchObject({ status: 405 });
    const { data: days } = await host.client
      .rpc("host_metrics", { p_from: dayAhead(200), p_until: dayAhead(201), p_by: "day" })
      .throwOnError();
    expect(days).toMatchObject([{ quotes: 5, bookings_paid: 0, quote_paid_percent: 0 }]);
  });

  async function refusals(): Promise<number> {
    const { data } = await host.client
      .rpc("lost_demand", { p_from: dayAhead(-1), p_until: dayAhead(2) })
      .throwOnError();
    return data.reduce((sum, { refusals: count }) => sum + (count ?? 0), 0);
  }
});

describe("simulations", () => {
  const range = { p_from: dayAhead(0), p_until: dayAhead(150) };

  it("with the same prices change nothing, for any host's stays", async () => {
    const { data } = await host.client.rpc("simulate_prices", range).throwOnError();
    expect(data).toHaveLength(stays.length + 1);
    for (const row of data) {
      expect([row.rent_difference, row.guest_total_difference, row.host_total_difference]).toEqual([0, 0, 0]);
    }
    expect(data.at(-1)).toMatchObject({
      booking_id: null,
      rent: rents.reduce((sum, { rent }) => sum + rent, 0),
    });
  });

  it("with other prices give what a booking would have cost", async () => {
    const { data } = await host.client
      .rpc("simulate_prices", {
        ...range,
        p_base_price: 8_000,
        p_weekend_price: 8_000,
        p_weekly_discount_percent: 50,
      })
      .throwOnError();
    const week = data.find(({ nights, booking_id }) => nights === 7 && booking_id !== null);
    expect(week).toMatchObject({ what_if_rent: (7 * 8_000) / 2 });
  });

  it("are read-only, so they answer GET, and GraphQL", async () => {
    const response = await requestRest(host, "GET", `rpc/simulate_prices?${new URLSearchParams(range)}`);
    expect(response.status).toBe(200);
    const { data, errors } = await queryGraphql(
      `query ($from: String!, $until: String!) {
        simulatePrices(pFrom: $from, pUntil: $until, pNightPercent: "110") { edges { node { bookingId rentDifference } } }
        simulatePolicy(pCancellationPolicyId: "firm", pFrom: $from, pUntil: $until) { edges { node { bookingId } } }
      }`,
      { from: range.p_from, until: range.p_until },
      host,
    );
    expect(errors).toBeUndefined();
    expect(data.simulatePrices.edges).toHaveLength(stays.length + 1);
    expect(data.simulatePolicy.edges).toEqual([]);
  });

  it("are for services too, when they say for which properties", async () => {
    const { error } = await service().rpc("host_metrics", { p_from: dayAhead(0), p_until: dayAhead(1) });
    expect(errorCodes(error)).toEqual(["figures_of_none"]);
    const { data } = await service()
      .rpc("host_metrics", { p_from: dayAhead(0), p_until: dayAhead(1), p_properties: [home] })
      .throwOnError();
    expect(data).toHaveLength(1);
  });
});
