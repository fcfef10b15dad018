// Days of a calendar file as ranges, beside the ranges that a property already has.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nextDay, type Range, replaceDays, toDay, toRanges } from "../../../scripts/import/calendar.ts";

const row = (values: Record<string, string>) =>
  new Map(
    Object.entries({ listing_id: "7", date: "2027-05-01", available: "t", price: "$55.00", ...values }),
  );

describe("a day", () => {
  it("is read with what it says, and any longest stay", () => {
    expect(toDay(row({ minimum_nights: "3", maximum_nights: "2147483647" }))).toEqual({
      source_id: "7",
      date: "2027-05-01",
      day: { available: true, price: "$55.00", min_nights: 3, max_nights: 1125 },
    });
  });

  it.each([
    [{ date: "2027-02-30" }, "date is not a date"],
    [{ date: "5/1/27" }, "date is not a date"],
    [{ date: "" }, "date is not between"],
    [{ available: "yes" }, "available is neither"],
    [{ available: "" }, "available is blank"],
    [{ listing_id: "x" }, "listing_id"],
    [{ price: "many" }, "price is not a price"],
    [{ minimum_nights: "0" }, "minimum_nights"],
  ])("is refused with %j", (values, message) => {
    expect(() => toDay(row(values))).toThrow(message);
  });
});

describe("ranges", () => {
  it("join days of the same value that follow each other, over the ends of months and years", () => {
    const days = new Map([
      ["2028-01-01", 2],
      ["2027-12-31", 2],
      ["2028-02-28", 3],
      ["2028-02-29", 3],
      ["2028-03-01", 3],
      ["2028-03-02", 4],
      ["2028-03-04", 4],
    ]);
    expect(toRanges(days)).toEqual([
      { starts_on: "2027-12-31", ends_on: "2028-01-02", value: 2 },
      { starts_on: "2028-02-28", ends_on: "2028-03-02", value: 3 },
      { starts_on: "2028-03-02", ends_on: "2028-03-03", value: 4 },
      { starts_on: "2028-03-04", ends_on: "2028-03-05", value: 4 },
    ]);
  });

  it("keep what lies outside the days that are replaced", () => {
    const existing = [{ starts_on: "2027-05-01", ends_on: "2027-05-31", value: 1 }];
    const period = { from: "2027-05-10", until: "2027-05-20" };
    expect(replaceDays(existing, period, new Map([["2027-05-12", 2]]))).toEqual([
      { starts_on: "2027-05-01", ends_on: "2027-05-10", value: 1 },
      { starts_on: "2027-05-12", ends_on: "2027-05-13", value: 2 },
      { starts_on: "2027-05-20", ends_on: "2027-05-31", value: 1 },
    ]);
  });

  it("are what a day-by-day replacement gives, for any days", () => {
    const first = "2027-12-20";
    const day = (index: number) => Array.from({ length: index }).reduce<string>(nextDay, first);
    const dates = Array.from({ length: 30 }, (_, index) => day(index));
    const days = fc.dictionary(fc.constantFrom(...dates), fc.integer({ min: 1, max: 2 }));
    const expand = (ranges: Range<number>[]) =>
      Object.fromEntries(
        dates.flatMap((date) =>
          ranges.filter((r) => r.starts_on <= date && date < r.ends_on).map((r) => [date, r.value]),
        ),
      );
    fc.assert(
      fc.property(days, days, fc.nat(29), fc.nat(29), (before, after, a, b) => {
        const [from, last] = [dates[Math.min(a, b)] ?? first, dates[Math.max(a, b)] ?? first];
        const within = ([date]: [string, number]) => date >= from && date <= last;
        const wanted = new Map(Object.entries(after).filter(within));
        const ranges = replaceDays(
          toRanges(new Map(Object.entries(before))),
          { from, until: nextDay(last) },
          wanted,
        );
        expect(expand(ranges)).toEqual({
          ...Object.fromEntries(Object.entries(before).filter((entry) => !within(entry))),
          ...Object.fromEntries(wanted),
        });
        for (const [index, range] of ranges.entries()) {
          expect((ranges[index - 1]?.ends_on ?? "") <= range.starts_on).toBe(true);
        }
      }),
    );
  });
});
