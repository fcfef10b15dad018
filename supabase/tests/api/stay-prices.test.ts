// Prices of random stays, compared with an independent calculation in the order of docs/bookings.md, and rules that hold for
// every price: lines add up, no total is negative, and more guests or nights do not cost less.

import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { database } from "../support/database.ts";
import { signUp } from "../support/people.ts";
import { runs } from "../support/runs.ts";
import { addDays } from "../support/time.ts";

const sql = database();
let host: string;
beforeAll(async () => {
  host = (await signUp("Ana")).id;
});
afterAll(() => sql.end());

interface Fee {
  kind: "cleaning" | "pet" | "linen";
  charge: "per_booking" | "per_night" | "per_guest" | "per_guest_night";
  amount: number;
  /** Children under this age do not pay; for charges by guest. */
  exemptUnder: number | null;
}
interface Tax {
  /** Hundredths of a per cent, or an amount in minor units when `charge` is not percent. */
  charge: "percent" | "per_booking" | "per_night" | "per_guest" | "per_guest_night";
  value: number;
  base: "all" | "rent" | "fees";
  inclusive: boolean;
  maxNights: number | null;
  exemptFrom: number | null;
  exemptUnder: number | null;
}
/** The smallest amount that Stripe moves, in minor units. */
const steps = { JPY: 1, EUR: 1, KWD: 10, MGA: 100 } as const;
interface Property {
  currency: keyof typeof steps;
  base: number;
  weekend: number | null;
  weekly: number;
  monthly: number;
  early: number;
  last: number;
  extraGuest: number;
  extraAfter: number;
  season: { from: number; nights: number; price: number } | null;
  override: { from: number; nights: number; price: number } | null;
  fees: Fee[];
  taxes: Tax[];
  /** The platform's fees, in hundredths of a per cent. */
  guestFee: number;
  hostFee: number;
}
interface Stay {
  nights: number;
  guests: number;
  /** Ages of the children among the guests. */
  ages: number[];
  pets: number;
  daysAhead: number;
}

const price = fc.integer({ min: 1000, max: 1_000_000 });
const charge = fc.constantFrom(
  "per_booking" as const,
  "per_night" as const,
  "per_guest" as const,
  "per_guest_night" as const,
);
const range = fc.record({
  from: fc.integer({ min: 0, max: 20 }),
  nights: fc.integer({ min: 1, max: 10 }),
  price,
});
const percent = fc.constantFrom(0, 5, 10, 15, 33, 99);
const exemptUnder = fc.option(fc.integer({ min: 3, max: 18 }));
const tax: fc.Arbitrary<Tax> = fc.record({
  charge: fc.oneof(fc.constant("percent" as const), charge),
  value: fc.integer({ min: 1, max: 3000 }),
  base: fc.constantFrom("all" as const, "rent" as const, "fees" as const),
  inclusive: fc.boolean(),
  maxNights: fc.option(fc.integer({ min: 1, max: 14 })),
  exemptFrom: fc.option(fc.integer({ min: 2, max: 30 })),
  exemptUnder,
});
const inMinorUnits: fc.Arbitrary<Property> = fc.record({
  currency: fc.constantFrom("JPY" as const, "EUR" as const, "KWD" as const, "MGA" as const),
  base: price,
  weekend: fc.option(price),
  weekly: percent,
  monthly: percent,
  early: percent,
  last: percent,
  extraGuest: fc.constantFrom(0, 777, 1500),
  extraAfter: fc.integer({ min: 1, max: 4 }),
  season: fc.option(range),
  override: fc.option(range),
  fees: fc.array(
    fc.record({
      kind: fc.constantFrom("cleaning" as const, "pet" as const, "linen" as const),
      charge,
      amount: fc.integer({ min: 1, max: 9999 }),
      exemptUnder,
    }),
    { maxLength: 4 },
  ),
  taxes: fc.array(tax, { maxLength: 3 }),
  guestFee: fc.constantFrom(0, 1420),
  hostFee: fc.constantFrom(0, 300, 1550),
});
const isByGuest = (how: string) => how === "per_guest" || how === "per_guest_night";
/** Every amount is a multiple of the currency's step. */
const property = inMinorUnits.map((p): Property => {
  const step = steps[p.currency];
  const priced = <T extends { price: number }>(r: T | null) => r && { ...r, price: r.price * step };
  return {
    ...p,
    base: p.base * step,
    weekend: p.weekend === null ? null : p.weekend * step,
    extraGuest: p.extraGuest * step,
    season: priced(p.season),
    override: priced(p.override),
    fees: p.fees.map((fee) => ({
      ...fee,
      amount: fee.amount * step,
      exemptUnder: fee.kind !== "pet" && isByGuest(fee.charge) ? fee.exemptUnder : null,
    })),
    taxes: p.taxes.map((t) => ({
      ...t,
      value: t.charge === "percent" ? t.value : t.value * step,
      exemptUnder: isByGuest(t.charge) ? t.exemptUnder : null,
    })),
  };
});
const stay: fc.Arbitrary<Stay> = fc
  .record({
    nights: fc.oneof(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 26, max: 40 })),
    guests: fc.integer({ min: 1, max: 6 }),
    ages: fc.array(fc.integer({ min: 2, max: 17 }), { maxLength: 5 }),
    pets: fc.integer({ min: 0, max: 2 }),
    daysAhead: fc.constantFrom(0, 6, 7, 30, 59, 60, 200),
  })
  .map((s) => ({ ...s, ages: s.ages.slice(0, s.guests - 1) }));

/** The date of a night; night 0 is a Monday, night 4 a Friday. */
const night = (number: number) => addDays("2027-03-01", number);

/** Rounds a fraction that is not negative to a multiple of a step, half up. */
const roundTo = (step: bigint, part: bigint, whole: bigint) =>
  step * ((2n * part + step * whole) / (2n * step * whole));

/** A line of a price: what it adds for guest and host, and what prices already include, in minor units. */
type Line = [kind: string, guest: bigint, host: bigint, included: bigint];

/** Calculates the lines of a stay independently of the database. */
function expectedLines(p: Property, s: Stay): Line[] {
  const round = (part: bigint, whole: bigint) => roundTo(BigInt(steps[p.currency]), part, whole);
  const prices = Array.from({ length: s.nights }, (_, index) => {
    const within = (r: { from: number; nights: number } | null) =>
      r !== null && index >= r.from && index < r.from + r.nights;
    if (within(p.override)) return BigInt(p.override?.price ?? 0);
    if (within(p.season)) return BigInt(p.season?.price ?? 0);
    return BigInt(index % 7 === 4 || index % 7 === 5 ? (p.weekend ?? p.base) : p.base);
  });
  const sum = (values: bigint[]) => values.reduce((total, value) => total + value, 0n);
  const lines: Line[] = [...new Set(prices)].map((each) => {
    const amount = sum(prices.filter((other) => other === each));
    return ["nights", amount, amount, 0n];
  });
  const full = sum(prices);
  const length = s.nights >= 28 && p.monthly > 0 ? p.monthly : s.nights >= 7 ? p.weekly : 0;
  const discount = length || (s.daysAhead >= 60 && p.early) || (s.daysAhead < 7 && p.last) || 0;
  const off = round(full * BigInt(discount), 100n);
  if (discount > 0) lines.push(["discount", -off, -off, 0n]);
  const rent = full - off;

  const times = (how: string, heads: number, nights: number) =>
    BigInt(
      { per_booking: 1, per_night: nights, per_guest: heads, per_guest_night: heads * nights }[how] ?? 0,
    );
  const payers = (under: number | null) => s.guests - s.ages.filter((age) => age < (under ?? 0)).length;
  let nightly = 0n;
  let flat = 0n;
  const charges = p.fees.filter(({ kind }) => kind !== "pet" || s.pets > 0);
  for (const [kind, name] of [
    ["cleaning", "cleaning"],
    ["extra", "extra_guests"],
    ["pet", "pets"],
    ["linen", "fee"],
  ] as const) {
    const amounts =
      kind === "extra"
        ? [[p.extraGuest * Math.max(0, s.guests - p.extraAfter) * s.nights, "per_night"] as const]
        : charges
            .filter((fee) => fee.kind === kind)
            .map(
              (fee) =>
                [
                  Number(times(fee.charge, kind === "pet" ? s.pets : payers(fee.exemptUnder), s.nights)) *
                    fee.amount,
                  fee.charge,
                ] as const,
            );
    for (const [amount, how] of amounts) {
      if (amount === 0) continue;
      lines.push([name, BigInt(amount), BigInt(amount), 0n]);
      if (how === "per_night" || how === "per_guest_night") nightly += BigInt(amount);
      else flat += BigInt(amount);
    }
  }

  const due = p.taxes.filter(({ exemptFrom }) => exemptFrom === null || s.nights < exemptFrom);
  const inside = (part: "rent" | "fees") =>
    sum(
      due
        .filter((t) => t.charge === "percent" && t.inclusive && (t.base === "all" || t.base === part))
        .map(({ value }) => BigInt(value)),
    ) + 10_000n;
  for (const t of due) {
    const nights = Math.min(s.nights, t.maxNights ?? s.nights);
    let amount: bigint;
    if (t.charge === "percent") {
      // The taxed share of the rent and of nightly fees, as one fraction over `full` and `s.nights`.
      const n = BigInt(s.nights);
      const rentPart = t.base === "fees" ? 0n : sum(prices.slice(0, nights)) * rent * n;
      const feePart = t.base === "rent" ? 0n : (flat * n + nightly * BigInt(nights)) * full;
      const whole = full * n;
      const value = BigInt(t.value);
      amount = t.inclusive
        ? round(
            (rentPart * inside("fees") + feePart * inside("rent")) * value,
            whole * inside("fees") * inside("rent"),
          )
        : round((rentPart + feePart) * value, whole * 10_000n);
    } else {
      amount = times(t.charge, payers(t.exemptUnder), nights) * BigInt(t.value);
    }
    lines.push(t.inclusive ? ["tax", 0n, 0n, amount] : ["tax", amount, amount, 0n]);
  }

  const subtotal = rent + nightly + flat;
  if (p.guestFee > 0)
    lines.push(["guest_platform_fee", round(subtotal * BigInt(p.guestFee), 10_000n), 0n, 0n]);
  if (p.hostFee > 0) lines.push(["host_platform_fee", 0n, -round(subtotal * BigInt(p.hostFee), 10_000n), 0n]);
  return lines;
}

/** Creates the property, asks the database for the lines of each stay, and rolls everything back. */
async function priceStays(p: Property, stays: Stay[]): Promise<Line[][]> {
  const results: Line[][] = [];
  await sql
    .begin(async (tx) => {
      await tx`delete from private.platform_fees`;
      await tx`insert into private.platform_fees values ('2000-01-01', ${p.guestFee / 100}, ${p.hostFee / 100})`;
      const [created] = await tx`
        insert into public.properties (host_id, title, time_zone, currency, base_price, weekend_price, weekly_discount_percent,
          monthly_discount_percent, early_bird_discount_percent, last_minute_discount_percent, extra_guest_price, extra_guests_after)
        values (${host}, 'House', 'UTC', ${p.currency}, ${p.base}, ${p.weekend}, ${p.weekly}, ${p.monthly}, ${p.early}, ${p.last},
          ${p.extraGuest}, ${p.extraAfter})
        returning id`;
      const id: string = created?.id;
      if (p.season !== null) {
        const { from, nights, price: amount } = p.season;
        await tx`insert into public.property_seasons (property_id, name, starts_on, ends_on, price)
          values (${id}, 'Season', ${night(from)}, ${night(from + nights)}, ${amount})`;
      }
      if (p.override !== null) {
        const { from, nights, price: amount } = p.override;
        await tx`insert into public.property_date_overrides (property_id, starts_on, ends_on, price)
          values (${id}, ${night(from)}, ${night(from + nights)}, ${amount})`;
      }
      // Lines of one kind that were created at once are sorted by name.
      for (const [index, fee] of p.fees.entries()) {
        await tx`insert into public.property_fees (property_id, kind, name, charge, amount, exempt_under_age)
          values (${id}, ${fee.kind}, ${`Fee ${index}`}, ${fee.charge}, ${fee.amount}, ${fee.exemptUnder})`;
      }
      for (const [index, t] of p.taxes.entries()) {
        const isPercent = t.charge === "percent";
        await tx`insert into public.property_taxes
            (property_id, name, charge, percent, applies_to, amount, is_inclusive, max_nights, exempt_from_nights, exempt_under_age)
          values (${id}, ${`Tax ${index}`}, ${t.charge}, ${isPercent ? t.value / 100 : null}, ${isPercent ? t.base : null},
            ${isPercent ? null : t.value}, ${t.inclusive}, ${t.maxNights}, ${t.exemptFrom}, ${t.exemptUnder})`;
      }
      for (const s of stays) {
        const rows = await tx`
          select l.kind, l.amount, l.host_amount, l.included_amount, l.quantity, l.unit_amount,
            array[s.rent, s.discount, s.fees, s.taxes, s.guest_platform_fee, s.host_platform_fee,
              s.guest_total, s.host_total] as sums
          from public.properties p, private.price_stay(p, ${night(0)}, private.night_prices(p, ${night(0)}, ${night(s.nights)}), ${s.guests}, ${s.pets},
            ${night(-s.daysAhead)}::timestamptz + interval '12 hours', ${s.ages}) s, unnest(s.lines) l
          where p.id = ${id}`;
        const sum = (...kinds: string[]) =>
          rows
            .filter((row) => kinds.includes(row.kind))
            .reduce(
              (all, row) => all + BigInt(row.kind === "host_platform_fee" ? row.host_amount : row.amount),
              0n,
            );
        expect(rows[0]?.sums.map(BigInt)).toEqual([
          sum("nights"),
          sum("discount"),
          sum("cleaning", "extra_guests", "pets", "fee"),
          sum("tax"),
          sum("guest_platform_fee"),
          sum("host_platform_fee"),
          rows.reduce((all, row) => all + BigInt(row.amount), 0n),
          rows.reduce((all, row) => all + BigInt(row.host_amount), 0n),
        ]);
        results.push(
          rows.map((row) => [
            row.kind,
            BigInt(row.amount),
            BigInt(row.host_amount),
            BigInt(row.included_amount),
          ]),
        );
      }
      throw new Undo();
    })
    .catch((error: unknown) => {
      if (!(error instanceof Undo)) throw error;
    });
  return results;
}
class Undo extends Error {}

const total = (lines: Line[], side: 1 | 2) => lines.reduce((sum, line) => sum + line[side], 0n);

it("prices have the expected lines, which add up, and no total is negative", async () => {
  await fc.assert(
    fc.asyncProperty(property, stay, async (p, s) => {
      const [lines = []] = await priceStays(p, [s]);
      expect(lines).toEqual(expectedLines(p, s));
      expect(total(lines, 1)).toBeGreaterThanOrEqual(0n);
      expect(total(lines, 2)).toBeGreaterThanOrEqual(0n);
      expect(total(lines, 1)).toBeGreaterThanOrEqual(total(lines, 2));
    }),
    { numRuns: runs(100) },
  );
}, 120_000);

it("one more guest costs no less, nor do older children, nor one more night where longer stays have no discount", async () => {
  const steady = property.map((p) => ({
    ...p,
    weekly: 0,
    monthly: 0,
    taxes: p.taxes.map((t) => ({ ...t, exemptFrom: null })),
  }));
  await fc.assert(
    fc.asyncProperty(steady, stay, async (p, s) => {
      const [base = [], moreGuests = [], longer = [], older = []] = await priceStays(p, [
        s,
        { ...s, guests: s.guests + 1 },
        { ...s, nights: s.nights + 1 },
        { ...s, ages: s.ages.map((age) => Math.min(age + 3, 17)) },
      ]);
      expect(total(moreGuests, 1)).toBeGreaterThanOrEqual(total(base, 1));
      expect(total(longer, 1)).toBeGreaterThanOrEqual(total(base, 1));
      expect(total(older, 1)).toBeGreaterThanOrEqual(total(base, 1));
      expect(total(moreGuests, 2)).toBeGreaterThanOrEqual(total(base, 2));
      expect(total(longer, 2)).toBeGreaterThanOrEqual(total(base, 2));
    }),
    { numRuns: runs(60) },
  );
}, 120_000);
