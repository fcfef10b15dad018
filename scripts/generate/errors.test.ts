// docs/errors.md and types/errors.ts, from made-up errors.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errors as apiErrors, errorCode } from "../../types/errors.ts";
import type { Path } from "./document.ts";
import { type ErrorRow, errorsDocument, errorsModule } from "./errors.ts";
import { errorAnswers, errorExamples } from "./operations.ts";

const errors: ErrorRow[] = [
  { code: "dates_taken", status: 409, message: "These nights are taken.", hint: "Choose other nights." },
  { code: "missing", status: 422, message: "{field} is missing.", hint: null },
  { code: "title_missing", status: 422, message: "The title of {property} is missing.", hint: null },
  { code: "odd", status: 422, message: "Is {a} + {b} (|) right?", hint: null },
];

describe("types/errors.ts", () => {
  const folder = mkdtempSync(join(tmpdir(), "staybase-errors-"));
  const file = join(folder, "errors.ts");
  let module: { errorCode(error: { message: string; details?: unknown }): string | undefined };
  beforeAll(async () => {
    writeFileSync(file, errorsModule(errors));
    module = await import(file);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each([
    ["These nights are taken.", '[{"code": "missing"}, {"code": "odd"}]', "missing"],
    ["These nights are taken.", [{ code: "missing" }], "missing"],
    ["These nights are taken.", undefined, "dates_taken"],
    ["These nights are taken.", null, "dates_taken"],
    ["These nights are taken.", "Key (id) is duplicated.", "dates_taken"],
    ["Name is missing.", undefined, "missing"],
    ["The title of My\nhouse is missing.", undefined, "title_missing"],
    ["Is 1 + 2 (|) right?", undefined, "odd"],
    ["Is 1 or 2 right?", undefined, undefined],
    ["These nights are taken. Name is missing.", undefined, "dates_taken"],
    ["Name is missing. These nights are taken.", undefined, "missing"],
    ["JWT expired", '[{"code": "constructor"}]', undefined],
  ])("finds the code of %j with details %j", (message, details, code) => {
    expect(module.errorCode({ message, details })).toBe(code);
  });
});

describe("the errors of the API", () => {
  it.each(Object.entries(apiErrors))("the message of %s identifies it", (code, { message }) => {
    const filled = message.replaceAll(/\{\w+\}/g, "2 nights");
    expect(errorCode({ message: filled })).toBe(code);
    expect(errorCode({ message: `${filled} You are not signed in.` })).toBe(code);
  });
});

describe("the errors of an operation", () => {
  const rows = errors.slice(0, 2);

  it("stand under their statuses, with the codes, beside the shared answers", () => {
    const answers = errorAnswers(["400"], rows);
    expect(Object.keys(answers)).toEqual(["400", "409", "422", "default"]);
    expect(answers["400"]).toEqual({ $ref: "#/components/responses/400" });
    expect(answers["409"]).toMatchObject({
      description: "The request conflicts with existing data. Codes: `dates_taken`.",
      content: {
        "application/json": { examples: { dates_taken: { $ref: "#/components/examples/dates_taken" } } },
      },
    });
  });

  it("have examples as REST answers them", () => {
    expect(errorExamples(errors).dates_taken).toEqual({
      value: {
        code: "PT409",
        message: "These nights are taken.",
        details: '[{"code":"dates_taken"}]',
        hint: "Choose other nights.",
      },
    });
  });

  it("are listed in docs/errors.md with the operations that raise them", () => {
    const operation = (codes: ErrorRow[], tag = "Book") => ({
      operationId: "x",
      tags: [tag],
      summary: "",
      security: [],
      responses: errorAnswers([], codes),
    });
    const paths: Record<string, Path> = {
      "/rest/v1/bookings": { post: operation(rows), patch: operation(rows.slice(0, 1)) },
      "/rest/v1/rpc/quote_stay": { post: operation(rows.slice(0, 1)), get: operation(rows.slice(0, 1)) },
      "/rest/v1/rpc/take_jobs": { post: operation(errors.slice(3), "Internal") },
    };
    const lines = errorsDocument(errors, { paths }).split("\n");
    const row = (code: string) => lines.find((line) => line.includes(`\`${code}\``));
    expect(row("dates_taken")).toBe(
      '| <a id="dates_taken"></a>`dates_taken` | 409 | These nights are taken. | Choose other nights. | `bookings` (POST, PATCH), `rpc/quote_stay` |',
    );
    expect(row("missing")).toContain("| `bookings` (POST) |");
    expect(row("odd")).toContain("| Is {a} + {b} (\\|) right? |  | internal calls |");
    expect(row("PGRST204")).toContain("names a column that does not exist");
  });
});
