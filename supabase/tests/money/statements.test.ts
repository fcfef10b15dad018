// The whole statement as one file, for a host with more than 20,000 lines. What a page costs is in `npm run bench -- payments`.

// @module-tag embedded

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { anonymous, request } from "../support/clients.ts";
import { database, withoutTriggers } from "../support/database.ts";
import { type Person, signUp } from "../support/people.ts";

const sql = database();
const path = "/functions/v1/statement";
const lineCount = 20_500;
const header = "id,occurred_at,booking_id,kind,description,currency,amount,balance";
let host: Person;
let other: Person;

beforeAll(async () => {
  [host, other] = await Promise.all([signUp("Ana"), signUp("Eva")]);
  await postCorrections(host.id, lineCount);
  await postCorrections(other.id, 3);
}, 60_000);
afterAll(() => sql.end());

/** Posts corrections of 3.00, 6.00, ... 300.00, 3.00, ... in francs from the platform to a host. */
async function postCorrections(hostId: string, count: number) {
  await withoutTriggers(
    sql,
    (tx) => tx`
      with accounts as (
        select private.ledger_account('host_payable', ${hostId}, 'CHF') as host, private.ledger_account('platform_fee', null, 'CHF') as platform
      ), transactions as (
        insert into private.ledger_transactions (key, kind, description, occurred_at)
        select 'statement:' || ${hostId} || n, 'correction', 'Correction, no. "' || n || '"', now() + n * interval '1 second'
        from generate_series(1, ${count}::int) n
        returning id, 300 * (1 + (extract(epoch from occurred_at - now())::int - 1) % 100) as amount
      )
      insert into private.ledger_entries (transaction_id, account_id, amount, purpose, party_id, currency, balance_after)
      select t.id, a.host, -t.amount, 'host_payable'::private.ledger_purpose, ${hostId}::uuid, 'CHF', -sum(t.amount) over (order by t.id) from transactions t, accounts a
      union all
      select t.id, a.platform, t.amount, 'platform_fee', null, 'CHF', null from transactions t, accounts a`,
  );
}

const download = (person: Person | undefined) => request(person, path);

describe("the statement as a file", () => {
  it("has every line of the host and of no other, the oldest first, with the balance", async () => {
    const response = await download(host);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/csv; charset=utf-8");
    const lines = (await response.text()).trimEnd().split("\n");
    expect(lines[0]).toBe(header);
    expect(lines).toHaveLength(1 + lineCount);
    const rows = lines.slice(1).map((line) => {
      const [id, amount, balance] = [/^\d+/, /\d+(?=,\d+$)/, /\d+$/].map((part) => part.exec(line)?.[0]);
      return { id: Number(id), amount: Number(amount), balance: Number(balance) };
    });
    let sum = 0;
    for (const [index, row] of rows.entries()) {
      sum += 300 * (1 + (index % 100));
      expect(row).toEqual({ id: row.id, amount: 300 * (1 + (index % 100)), balance: sum });
      expect(row.id).toBeGreaterThan(rows[index - 1]?.id ?? 0);
    }
    expect(sum).toBe(205 * 5_050 * 300);
    expect(lines[1]).toMatch(/,correction,"Correction, no\. ""1""",CHF,300,300$/);
    expect((await (await download(other)).text()).trimEnd().split("\n")).toHaveLength(4);
  }, 90_000);

  it("begins before it is read to its end", async () => {
    const reader = (await download(host)).body?.getReader();
    const first = await reader?.read();
    const lines = new TextDecoder().decode(first?.value).split("\n").length;
    expect(first?.done).toBe(false);
    expect(lines).toBeGreaterThan(1);
    expect(lines).toBeLessThanOrEqual(2_002);
    await reader?.cancel();
  });

  it("is read in pages by index, though half of all entries are this host's", async () => {
    await sql`analyze private.ledger_accounts, private.ledger_transactions, private.ledger_entries`;
    const [middle] = await sql<{ id: string }[]>`
      select percentile_disc(0.5) within group (order by id)::text as id from private.ledger_entries where party_id = ${host.id}`;
    for (const before of ["9223372036854775807", middle?.id ?? ""]) {
      const buffers = await sql.begin(async (tx) => {
        await tx`select set_config('request.jwt.claims', ${JSON.stringify({ sub: host.id, role: "authenticated" })}, true)`;
        await tx`set local role authenticated`;
        const page = () => tx`explain (analyze, buffers, format json)
          select * from public.host_statement where id < ${before} order by id desc limit 50`;
        await page(); // reads the catalogue
        const [row] = await page();
        const plan = row?.["QUERY PLAN"][0].Plan;
        expect(plan["Actual Rows"]).toBe(50);
        return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"];
      });
      expect(buffers, `before ${before}`).toBeLessThan(1_000);
    }
  });

  it("is not read to find what prevents the deletion of the account", async () => {
    const buffers = async () => {
      const [row] = await sql`explain (analyze, buffers, format json)
        select private.account_deletion_blockers_of_money(${host.id})`;
      const plan = row?.["QUERY PLAN"][0].Plan;
      return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"];
    };
    await buffers(); // reads the catalogue
    expect(await buffers()).toBeLessThan(150);
  });

  it("is refused without a person's token", async () => {
    expect((await download(undefined)).status).toBe(401);
    expect((await download({ client: anonymous() } as Person)).status).toBe(401);
  });
});
