// Linked properties under load: seven properties over three rooms, whose nights are never sold twice, however many write at once.
// STAYBASE_RACE_ATTEMPTS sets the number of attempts.

import type postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { countByValue } from "../support/counts.ts";
import { database, openConnections } from "../support/database.ts";
import { outcome } from "../support/outcome.ts";
import { type Person, signUp } from "../support/people.ts";
import { createPublished } from "../support/properties.ts";
import { addDays, dayAhead } from "../support/time.ts";

const attempts = Number(process.env.STAYBASE_RACE_ATTEMPTS ?? 400);
const sql = database();
let host: Person;

beforeAll(async () => {
  host = await signUp("Hana");
});
afterAll(() => sql.end());

/** Properties by the rooms that they consist of: A, B, C, AB, AC, BC, ABC. */
async function createHouse(names: string[]): Promise<Map<string, string>> {
  const properties = new Map<string, string>();
  for (const name of names) properties.set(name, await createPublished(host));
  const idOf = (name: string) => properties.get(name) as string;
  for (const name of names.filter(({ length }) => length > 1)) {
    await host.client
      .rpc("link_properties", { p_property_id: idOf(name), p_part_ids: [...name].map(idOf) })
      .throwOnError();
  }
  return properties;
}

interface Stay {
  property_id: string;
  kind: string;
  /** Days since 1970. */
  check_in: number;
  check_out: number;
  before: number;
  after: number;
}

/** Pairs of stays that share a room and contradict each other, computed from names and dates alone. */
async function findClashes(properties: Map<string, string>) {
  const names = new Map([...properties].map(([name, id]) => [id, name]));
  const stays = await sql<Stay[]>`
    select distinct property_id, kind, check_in - date '1970-01-01' as check_in, check_out - date '1970-01-01' as check_out,
      preparation_before as before, preparation_after as after, coalesce(booking_id, host_block_id)
    from public.occupancies
    where property_id = any (${[...names.keys()]}) and (expires_at is null or expires_at > now())
    order by check_in`;
  const shareRoom = (a: Stay, b: Stay) =>
    [...(names.get(a.property_id) ?? "")].some((room) => names.get(b.property_id)?.includes(room));
  return stays.flatMap((a, n) =>
    stays.slice(n + 1).filter((b) => {
      const needed = [a.kind, b.kind].includes("host_block") ? 0 : Math.max(a.after, b.before);
      return shareRoom(a, b) && b.check_in - a.check_out < needed;
    }),
  );
}

const pick = <T>(list: T[]): T => list[Math.floor(Math.random() * list.length)] as T;

/** Random dates, early enough to be crowded. */
function randomNights(): [string, string] {
  const from = dayAhead(Math.floor(Math.random() * 120));
  return [from, addDays(from, 1 + Math.floor(Math.random() * 5))];
}

/** One random write of a client, which remembers its stays in `mine`. */
async function attempt(client: postgres.Sql, property: string, mine: string[]): Promise<string> {
  const [from, until] = randomNights();
  const dice = Math.random();
  const own = dice < 0.3 ? pick(mine) : undefined;
  if (own !== undefined && dice < 0.15) {
    mine.splice(mine.indexOf(own), 1);
    return outcome(client`select private.release_nights(${own})`);
  }
  if (own !== undefined && dice < 0.25)
    return outcome(client`select private.move_reserved_nights(${own}, ${from}::date, ${until}::date)`);
  if (own !== undefined) return outcome(client`select private.extend_reserved_nights(${own}, null)`);
  if (dice < 0.33) return outcome(client`select private.remove_expired_occupancies()`);
  if (dice < 0.4)
    return outcome(
      client`insert into public.host_blocks (property_id, check_in, check_out) values (${property}, ${from}, ${until})`,
    );
  const id = crypto.randomUUID();
  const hold = dice < 0.5 ? "20 ms" : null;
  const result = await outcome(
    client`select private.reserve_nights(${id}, ${property}, ${from}, ${until}, clock_timestamp() + ${hold}::interval)`,
  );
  if (result === "ok" && hold === null) mine.push(id);
  return result;
}

describe("linked properties", () => {
  it("are never sold twice by eight clients, which see no deadlock and no error but 409", {
    timeout: 60_000 + attempts * 100,
  }, async () => {
    const properties = await createHouse(["A", "B", "C", "AB", "AC", "BC", "ABC"]);
    const ids = [...properties.values()];
    for (const [n, id] of ids.entries())
      await sql`update public.properties set preparation_nights_before = ${n % 2}, preparation_nights_after = ${n % 3} where id = ${id}`;
    const clients = openConnections(8);
    const outcomes: string[] = [];
    const mine: string[][] = clients.map(() => []);
    let left = attempts;
    try {
      await Promise.all(
        clients.map(async (client, n) => {
          while (left-- > 0) outcomes.push(await attempt(client, pick(ids), mine[n] as string[]));
        }),
      );
    } finally {
      await Promise.all(clients.map((client) => client.end()));
    }
    expect(Object.keys(countByValue(outcomes)).sort()).toEqual(["PT409", "ok"]);
    expect(await findClashes(properties)).toEqual([]);
    // Each stay has a row in each space of its property, with the same dates.
    const broken = await sql`
      select o.booking_id from public.occupancies o
      where o.property_id = any (${ids}) and (o.expires_at is null or o.expires_at > now())
      group by o.booking_id, o.host_block_id, o.property_id
      having count(distinct (o.check_in, o.check_out, o.expires_at)) > 1
        or count(*) <> (select count(*) from public.property_spaces s where s.property_id = o.property_id)`;
    expect(broken).toEqual([]);
    const kept = await sql<{ booking_id: string }[]>`
      select distinct booking_id from public.occupancies
      where property_id = any (${ids}) and kind = 'booking' and expires_at is null`;
    expect(kept.map((row) => row.booking_id).sort()).toEqual(mine.flat().sort());
  });

  it("can be linked and unlinked while they are booked", async () => {
    const properties = await createHouse(["A", "B"]);
    const [a, b] = [...properties.values()] as [string, string];
    const clients = openConnections(5);
    const [linker, ...guests] = clients as [postgres.Sql, ...postgres.Sql[]];
    const outcomes: string[] = [];
    const links: string[] = [];
    let running = true;
    const link = () => outcome(linker`select public.link_properties(${a}, array[${b}]::uuid[])`);
    /** Ends what clashes, as a host would. */
    const empty = () =>
      linker.begin(async (tx) => {
        await tx`select private.lock_property(${b})`;
        await tx`delete from public.occupancies where property_id = ${b}`;
      });
    try {
      await Promise.all([
        (async () => {
          for (let n = 0; n < 20; n += 1) {
            await outcome(linker`select public.unlink_property(${a})`);
            links.push(await link());
          }
          while ((await link()) !== "ok") await empty();
          // Some more are tried while they are linked.
          const enough = outcomes.length + 100;
          while (outcomes.length < enough) await linker`select 1`;
          running = false;
        })(),
        ...guests.map(async (client) => {
          const mine: string[] = [];
          while (running) outcomes.push(await attempt(client, pick([a, b]), mine));
        }),
      ]);
    } finally {
      await Promise.all(clients.map((client) => client.end()));
    }
    expect(Object.keys(countByValue(outcomes)).sort()).toEqual(["PT409", "ok"]);
    expect(links.filter((result) => result !== "ok" && result !== "PT409")).toEqual([]);
    const names = new Map([
      ["AB", a],
      ["B", b],
    ]);
    expect(await findClashes(names)).toEqual([]);
  });
});
