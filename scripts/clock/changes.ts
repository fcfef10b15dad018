// What has happened since a moment: the rows that were written, counted by kind, and the mails that were sent.

import type { Sql } from "postgres";
import { print } from "../lib/output.ts";

/** The kind of a row of each table; `state` is a SQL expression. */
const tables: { name: string; from: string; state: string }[] = [
  {
    name: "bookings",
    from: "private.booking_events",
    state: "case event when 'altered' then 'altered' else to_status::text end",
  },
  { name: "payments", from: "public.payments", state: "status::text" },
  { name: "refunds", from: "public.refunds", state: "status::text" },
  { name: "payouts", from: "public.payouts", state: "status::text" },
  { name: "disputes", from: "public.disputes", state: "status" },
  {
    name: "reviews",
    from: "public.reviews",
    state: "case when publishes_at <= now() then 'published' else 'written' end",
  },
  { name: "messages", from: "private.messages", state: "coalesce('note of ' || event, 'written')" },
  { name: "cases", from: "public.reports", state: "reason || ' ' || status" },
  { name: "notifications", from: "public.notifications", state: "kind" },
  { name: "ledger", from: "private.ledger_transactions", state: "kind" },
  {
    name: "Stripe tasks",
    from: "private.stripe_tasks",
    state:
      "kind || case when done_at is not null then ' done' when dead_at is not null then ' dead' else ' waiting' end",
  },
];

/** A moment: the last transaction and the last mail before it. */
export interface Mark {
  transaction: string;
  mail: number;
}

/** Counts of rows by state and, of mails, by subject. */
export type Changes = { name: string; states: { state: string; count: number }[] }[];

export async function mark(sql: Sql, mailUrl: string): Promise<Mark> {
  const [row] = await sql<[{ id: string }]>`select pg_current_xact_id()::xid::text as id`;
  return { transaction: row.id, mail: Number((await mails(mailUrl, 1))[0]?.ID ?? 0) };
}

export async function changesSince(sql: Sql, mailUrl: string, { transaction, mail }: Mark): Promise<Changes> {
  const changes: Changes = [];
  for (const { name, from, state } of tables) {
    const states = await sql.unsafe<{ state: string; count: number }[]>(
      `select ${state} as state, count(*)::integer as count from ${from} t
       where age(t.xmin) < age($1::text::xid) group by 1 order by 2 desc, 1`,
      [transaction],
    );
    if (states.length > 0) changes.push({ name, states: [...states] });
  }
  const sent = new Map<string, number>();
  for (const { ID, Subject } of await mails(mailUrl, 500)) {
    if (Number(ID) > mail) sent.set(Subject, (sent.get(Subject) ?? 0) + 1);
  }
  if (sent.size > 0) {
    changes.push({ name: "mails", states: [...sent].map(([state, count]) => ({ state, count })) });
  }
  return changes;
}

/** Prints one line for each table: `payouts         1 paid`. */
export function printChanges(changes: Changes): void {
  if (changes.length === 0) print("  nothing was due");
  for (const { name, states } of changes) {
    const all = states.map(({ state, count }) => `${count} ${state.replaceAll("_", " ")}`);
    const shown = name === "mails" ? abridged(all) : all.join(", ");
    print(`  ${name.padEnd(14)} ${shown}`);
  }
}

/** Mails have long subjects: the first ones, and how many there are besides. */
function abridged(mails: string[]): string {
  const more = mails.length > 4 ? `, and ${mails.length - 4} more` : "";
  return (
    mails
      .slice(0, 4)
      .map((mail) => mail.replace(/^1 /, ""))
      .join("; ") + more
  );
}

/** The newest mails that were caught. Their ids are numbers that grow. */
async function mails(mailUrl: string, limit: number): Promise<{ ID: string; Subject: string }[]> {
  const response = await fetch(`${mailUrl}/api/v1/messages?limit=${limit}`);
  return ((await response.json()) as { messages: { ID: string; Subject: string }[] }).messages;
}
