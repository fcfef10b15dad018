// Which codes are found, on made-up functions and tables.

import { describe, expect, it } from "vitest";
import { type Catalogue, errorCodes } from "./error-codes.ts";

const known = [
  "booking_not_found",
  "dates_taken",
  "guest_suspended",
  "no_photo",
  "not_signed_in",
  "thread_closed",
];

function codes(catalogue: Partial<Catalogue>, operation: string): string[] | undefined {
  return errorCodes({ functions: [], relations: [], ...catalogue }, known)[operation];
}

describe("the codes that an operation may raise", () => {
  it("are those that its own body raises", () => {
    const source =
      "begin perform private.raise_error('booking_not_found', jsonb_build_object('id', p_id)); end";
    expect(codes({ functions: [{ name: "public.f", source }] }, "public.f")).toEqual(["booking_not_found"]);
  });

  it("are found in arrays and case expressions, and not in comments or unknown words", () => {
    const source = `-- raises 'thread_closed'
      v_codes := array[case when v_photos = 0 then 'no_photo' end, 'other']; /* 'dates_taken' */
      v_text := 'a -- b'; perform private.raise_error(v_codes[1]); v_code := 'not_signed_in';`;
    expect(codes({ functions: [{ name: "public.f", source }] }, "public.f")).toEqual([
      "no_photo",
      "not_signed_in",
    ]);
  });

  it("are those of called functions too, through cycles and overloads", () => {
    const functions = [
      { name: "public.f", source: "select private.g(1)" },
      { name: "private.g", source: "select private.h()" },
      { name: "private.g", source: "select private.raise_error('no_photo')" },
      { name: "private.h", source: "select private.g(2), private.raise_error('dates_taken')" },
      { name: "private.unused", source: "select private.raise_error('thread_closed')" },
    ];
    expect(codes({ functions }, "public.f")).toEqual(["dates_taken", "no_photo"]);
  });

  it("are not those of functions that only a message names, but those that dynamic SQL names", () => {
    const functions = [
      { name: "public.f", source: "raise notice 'Call private.g(), or insert into public.t.'" },
      { name: "public.d", source: "execute format('select private.g(%L)', 1)" },
      { name: "private.g", source: "select private.raise_error('no_photo')" },
    ];
    expect(codes({ functions }, "public.f")).toEqual([]);
    expect(codes({ functions }, "public.d")).toEqual(["no_photo"]);
  });

  it("are those of the triggers of written tables, by verb", () => {
    const catalogue: Catalogue = {
      functions: [
        { name: "public.f", source: "update only public.threads set a = 1; delete from private.notes" },
        { name: "private.on_insert", source: "private.raise_error('no_photo')" },
        { name: "private.on_update", source: "private.raise_error('thread_closed')" },
        { name: "private.on_delete", source: "private.raise_error('dates_taken')" },
      ],
      relations: [
        {
          name: "public.threads",
          runs: [
            { verbs: ["insert"], source: "private.on_insert() " },
            { verbs: ["update"], source: "private.on_update() " },
          ],
        },
        { name: "private.notes", runs: [{ verbs: ["delete"], source: "private.on_delete()" }] },
      ],
    };
    expect(codes(catalogue, "public.f")).toEqual(["dates_taken", "thread_closed"]);
    expect(codes(catalogue, "insert public.threads")).toEqual(["no_photo"]);
    expect(codes(catalogue, "select public.threads")).toEqual([]);
  });

  it("count an upsert as an update, but no plain insert", () => {
    const functions = [
      {
        name: "public.upsert",
        source: "insert into public.t (a) values (1) on conflict (a) do update set a = 2;",
      },
      { name: "public.insert", source: "insert into public.t (a) values (1) on conflict do nothing;" },
      { name: "private.guard", source: "'dates_taken'" },
    ];
    const relations: Catalogue["relations"] = [
      { name: "public.t", runs: [{ verbs: ["update"], source: "private.guard()" }] },
    ];
    expect(codes({ functions, relations }, "public.upsert")).toEqual(["dates_taken"]);
    expect(codes({ functions, relations }, "public.insert")).toEqual([]);
  });

  it("are those of functions that a view or a policy calls when it is read", () => {
    const catalogue: Catalogue = {
      functions: [
        { name: "public.f", source: "select * from public.my_bookings" },
        { name: "private.caller", source: "private.raise_error('not_signed_in')" },
      ],
      relations: [
        {
          name: "public.my_bookings",
          runs: [{ verbs: ["select"], source: "select b.id from private.bookings b" }],
        },
        { name: "private.bookings", runs: [{ verbs: ["select"], source: "(guest_id = private.caller())" }] },
      ],
    };
    expect(codes(catalogue, "public.f")).toEqual(["not_signed_in"]);
    expect(codes(catalogue, "select public.my_bookings")).toEqual(["not_signed_in"]);
  });
});
