import { describe, expect, it } from "vitest";
import { findInText, inWords } from "./wording.ts";

const found = (text: string) => findInText("file.md", text).map((finding) => finding.found);

describe("wording", () => {
  it.each([
    "A host publishes a place.",
    "Places in Lisbon",
    "p_place text",
    "property-place.test.ts",
    "const findPlaces = 1",
    "PLACE_ID",
  ])("finds the word for a property in %j", (text) => {
    expect(found(text)).toHaveLength(1);
  });

  it.each([
    "create or replace function",
    "the placeholder of the field",
    "a string in place of null",
    "the check takes place before the insert",
    "a quote is in the wrong place",
    "two decimal places",
    "Decimal places: 2 for EUR",
    "the misplaced comma",
  ])("leaves %j alone", (text) => {
    expect(found(text)).toEqual([]);
  });

  it("says where a phrase stands and what to write", () => {
    expect(findInText("docs/a.md", "Fine.\nThe row is gone for good.").map(inWords)).toEqual([
      'docs/a.md:2: "for good": write permanently',
    ]);
  });

  it("knows the Unix user by its quotes", () => {
    expect(found("Postgres runs as `nobody`; nobody else may read it.")).toEqual(["nobody"]);
  });
});
