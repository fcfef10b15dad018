// No text of a person contains a character that hides, reverses or breaks the text around it.

import { afterAll, expect, it } from "vitest";
import { requestRest } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { signUp } from "../support/people.ts";

const sql = database();
afterAll(() => sql.end());

/** Joiners inside a word or an emoji are part of how it is written. */
const joiners = [0x200c, 0x200d];

const characters = Array.from({ length: 0x110000 }, (_, code) => code).filter(
  (code) => !(code >= 0xd800 && code <= 0xdfff) && /[\p{Cf}\p{Zl}\p{Zp}]/u.test(String.fromCodePoint(code)),
);

async function plain(texts: string[]): Promise<boolean[]> {
  const rows = await sql<{ plain: boolean }[]>`
    select private.is_plain_text(t, 100) as plain from unnest(${texts}::text[]) with ordinality as u (t, n) order by n`;
  return rows.map((row) => row.plain);
}

it("refuses all format characters and separators of Unicode", async () => {
  expect(characters.length).toBeGreaterThan(160);
  const texts = characters.map((code) => `ana${String.fromCodePoint(code)}ben`);
  const accepted = (await plain(texts)).flatMap((isPlain, index) => (isPlain ? [characters[index]] : []));
  expect(accepted).toEqual([]);
});

it("accepts joiners where words and emoji need them", async () => {
  expect(
    await plain([
      "\u{1f468}\u200d\u{1f469}\u200d\u{1f467}",
      "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
      "Ação \u{1f600}\n ok",
    ]),
  ).toEqual([true, true, true]);
  const astray = joiners.flatMap((code) => {
    const joiner = String.fromCodePoint(code);
    return [joiner, `${joiner}ana`, `ana${joiner}`, `\u0645${joiner}`, `\u0645${joiner}${joiner}\u0645`];
  });
  expect(await plain(astray)).toEqual(astray.map(() => false));
});

it.each(["\u061c", "\u2060", "\u2028", "\u2029", "\u{e0041}"])(
  "refuses %j in a profile and a wishlist",
  async (character) => {
    const ana = await signUp();
    for (const [method, path, row] of [
      ["PATCH", `profiles?id=eq.${ana.id}`, { display_name: `A${character}na` }],
      ["PATCH", `profiles?id=eq.${ana.id}`, { about: `A${character}na` }],
      ["POST", "wishlists", { name: `A${character}na` }],
    ] as const)
      expect((await requestRest(ana, method, path, row)).status).toBe(422);
  },
);
