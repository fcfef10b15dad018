// The people of the past: those of supabase/seed.sql, and more guests.

import type { Sql } from "postgres";
import type { PastDatabase } from "./database.ts";

export interface Person {
  id: string;
  name: string;
}

const seedId = (n: number) => `5eed0000-0000-4000-8000-${String(n).padStart(12, "0")}`;

export const hosts = {
  ana: { id: seedId(1), name: "Ana", email: "ana@example.com", country: "PT" },
  rui: { id: seedId(2), name: "Rui", email: "rui@example.com", country: "PT" },
  yuki: { id: seedId(3), name: "Yuki", email: "yuki@example.com", country: "JP" },
  kenji: { id: seedId(4), name: "Kenji", email: "kenji@example.com", country: "JP" },
};
export const gita: Person = { id: seedId(5), name: "Gita" };
export const tom: Person = { id: seedId(6), name: "Tom" };
export const olga: Person = { id: seedId(7), name: "Olga" };

const more =
  "Aiko Ben Clara Dario Elif Femi Greta Hugo Ines Jonas Kaya Liam Mei Noor Oskar Pilar Quinn Rosa Sven Tala Uma Viktor Wanda Zoe".split(
    " ",
  );

/** Guests besides Gita and Tom; they sign in as <name>@example.com with the seed's password. */
export const guests: Person[] = [gita, tom, ...more.map((name, index) => ({ id: seedId(11 + index), name }))];

/** Makes the same hash each time; the password is public. */
const salt = `$2a$10$${"staybase".repeat(3).slice(0, 22)}`;

/** Creates the accounts of the guests that supabase/seed.sql lacks, with the password of the others. */
export function createGuests(database: PastDatabase): Promise<void> {
  return database.asAdmin(insertGuests);
}

async function insertGuests(sql: Sql): Promise<void> {
  for (const { id, name } of guests.slice(2)) {
    const email = `${name.toLowerCase()}@example.com`;
    await sql`
      insert into auth.users (
        instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, raw_app_meta_data, raw_user_meta_data, created_at,
        updated_at, confirmation_token, recovery_token, email_change, email_change_token_new
      )
      select
        instance_id, ${id}, aud, role, ${email}, extensions.crypt('staybase', ${salt}), now(), raw_app_meta_data,
        ${sql.json({ display_name: name, locale: "en", preferred_currency: "EUR" })}, now(), now(), '', '', '', ''
      from auth.users where id = ${gita.id}`;
    await sql`
      insert into auth.identities (provider_id, user_id, identity_data, provider, created_at, updated_at, last_sign_in_at)
      values (${id}, ${id}, ${sql.json({ sub: id, email, email_verified: true })}, 'email', now(), now(), now())`;
  }
}
