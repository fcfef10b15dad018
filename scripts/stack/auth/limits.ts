// Limits on tries: wrong passwords and codes, mails and anonymous users, counted by account and by network address in the database,
// so that they survive a restart. A try is counted before it is checked, so that many at once cannot pass together.

import { createHash } from "node:crypto";
import type { Sql } from "postgres";

const minute = 60_000;

export interface Limit {
  kind: string;
  most: number;
  /** Milliseconds from the first counted try on. */
  period: number;
}

export interface Limits {
  /** Counts a try. Resolves to 0, or, when there were too many, to the milliseconds until the next is allowed. */
  take(limit: Limit, subject: string): Promise<number>;
  /** Forgets a try that turned out to be right. */
  giveBack(limit: Limit, subject: string): Promise<void>;
  /** Forgets all tries. */
  clear(limit: Limit, subject: string): Promise<void>;
}

/** Tries of one person, whatever address they come from. A password that was guessed 20 times is refused for a quarter of an hour. */
export const accountLimits = {
  password: { kind: "password", most: 20, period: 15 * minute },
  codes: { kind: "codes", most: 30, period: 60 * minute },
  factor: { kind: "factor", most: 10, period: 5 * minute },
} satisfies Record<string, Limit>;

/** Wrong tries that a code stands before it is void. */
export function codeLimit(expirySeconds: number): Limit {
  return { kind: "code", most: 5, period: expirySeconds * 1000 };
}

/** Tries of one network address, by the settings in [auth.rate_limit]. */
export function addressLimits(settings: {
  sign_in_sign_ups: number;
  token_verifications: number;
  anonymous_users: number;
}) {
  return {
    password: { kind: "password from address", most: settings.sign_in_sign_ups, period: 5 * minute },
    codes: { kind: "codes from address", most: settings.token_verifications, period: 5 * minute },
    anonymous: { kind: "anonymous from address", most: settings.anonymous_users, period: 60 * minute },
  } satisfies Record<string, Limit>;
}

export function createLimits(sql: Sql): Limits {
  return {
    async take({ kind, most, period }, subject) {
      const [row] = await sql<[{ tries: number; wait: number }]>`
        with expired as (
          delete from auth.tries where (kind, subject) in (
            select kind, subject from auth.tries where until < now() order by until limit 2 for update skip locked
          ) and (kind, subject) <> (${kind}, ${digest(subject)})
        )
        insert into auth.tries as t (kind, subject, tries, until)
        values (${kind}, ${digest(subject)}, 1, now() + ${period} * interval '1 millisecond')
        on conflict (kind, subject) do update set
          tries = case when t.until < now() then 1 else least(t.tries + 1, ${most + 1}) end,
          until = case when t.until < now() then excluded.until else t.until end
        returning tries, ceil(extract(epoch from until - now()) * 1000)::int as wait`;
      return row.tries <= most ? 0 : Math.max(row.wait, 1);
    },
    async giveBack({ kind }, subject) {
      await sql`update auth.tries set tries = greatest(tries - 1, 0) where kind = ${kind} and subject = ${digest(subject)}`;
    },
    async clear({ kind }, subject) {
      await sql`delete from auth.tries where kind = ${kind} and subject = ${digest(subject)}`;
    },
  };
}

/** The table keeps a digest of the address, which names no one. */
function digest(subject: string): Buffer {
  return createHash("sha256").update(subject).digest();
}
