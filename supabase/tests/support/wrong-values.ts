// Values that a client could send by mistake or in bad faith, by type. Some are valid for some columns.

import type { Column } from "./catalogue.ts";

const texts = [
  "",
  " ",
  "no-such-word",
  "x".repeat(20_000),
  "<b>x</b>",
  "a\u0007b",
  "a\u202eb",
  "two\nlines",
  "a\u0000b",
  "1999-01-01",
  "https://user@example.com/#x",
];
const dates = [
  "1899-12-31",
  "1999-01-01",
  "2100-01-02",
  "2026-02-30",
  "infinity",
  "-infinity",
  "4713-01-01 BC",
  "x",
];
const integers = [-1, 0, 32_767, 1e13, 0.25, "x"];
const decimals = [-1, 0, 0.25, 1e13, "NaN", "Infinity", "x"];

const valuesByType: Record<string, () => unknown[]> = {
  text: () => texts,
  uuid: () => [crypto.randomUUID(), "00000000-0000-0000-0000-000000000000", "x"],
  smallint: () => integers,
  integer: () => integers,
  bigint: () => integers,
  numeric: () => decimals,
  real: () => decimals,
  "double precision": () => decimals,
  boolean: () => ["x", 2],
  date: () => dates,
  "timestamp with time zone": () => dates,
  "time without time zone": () => ["00:00", "12:00", "23:59:59", "24:00", "25:00", "x"],
  interval: () => ["-1 day", "1000000 years", "x"],
  jsonb: () => [{}, [], [{}], [null], [[]], "x", 5, { days: "x" }],
};

/** Wrong values of a column or an argument. */
export function wrongValues({ type, labels }: Pick<Column, "type" | "labels">): unknown[] {
  if (labels.length > 0) return [...labels, "no_such_label"];
  if (type.endsWith("[]")) {
    const elements = wrongValues({ type: type.slice(0, -2), labels: [] });
    return [
      [],
      [null],
      [elements[0], [elements[0]]],
      Array(100).fill(elements[1]),
      [elements[1]],
      [elements[2]],
      elements.slice(0, 4),
      "x",
    ];
  }
  // A composite type is sent as an object.
  return valuesByType[type]?.() ?? [{}, { id: crypto.randomUUID() }, "x"];
}
