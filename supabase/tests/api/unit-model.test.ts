// Random requests to a property with units, each compared with an exact oracle: search, bookability, calendar and booking agree with it
// and with each other. STAYBASE_UNIT_SCENARIOS sets the number of scenarios, STAYBASE_UNIT_SEED the first.

import type { TransactionSql } from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { database } from "../support/database.ts";
import { type Person, signUp } from "../support/people.ts";
import { changeAddress, createPublished } from "../support/properties.ts";
import { dayAhead } from "../support/time.ts";
import { allFit, stayClashes, type UnitStay } from "../support/unit-oracle.ts";

const scenarios = Number(process.env.STAYBASE_UNIT_SCENARIOS ?? 6);
const firstSeed = Number(process.env.STAYBASE_UNIT_SEED ?? Math.floor(Math.random() * 1e6));
const sql = database();
const location = { latitude: -54.42, longitude: 3.36 };
let host: Person;
let pool: string;
let house: string;

beforeAll(async () => {
  host = await signUp("Hana");
  pool = await createPublished(host);
  house = await createPublished(host);
  await changeAddress(host, pool, location);
});
afterAll(() => sql.end());

/** Mulberry32: the same numbers for the same seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Row extends UnitStay {
  id: string;
  owner: "pool" | "house";
  isPinned: boolean;
  /** Index of each unit that it takes. */
  units: number[];
}
type Mode = "mixed" | "dense" | "plain";
interface Counts {
  requests: number;
  accepted: number;
}

class Undo extends Error {}

/** The code of a refusal, or "ok". */
async function attempt(tx: TransactionSql, write: (tx: TransactionSql) => Promise<unknown>): Promise<string> {
  try {
    await tx.savepoint(write);
    return "ok";
  } catch (error) {
    const { code, detail } = error as { code?: string; detail?: string };
    if (code !== "PT409") throw error;
    return (JSON.parse(detail ?? "[]") as { code: string }[]).map((problem) => problem.code).join();
  }
}

async function playScenario(tx: TransactionSql, seed: number, mode: Mode, counts: Counts) {
  const random = randomNumbers(seed);
  const integer = (below: number) => Math.floor(random() * below);
  const pick = <T>(list: T[]): T => list[integer(list.length)] as T;
  const unitCount = mode === "mixed" ? 2 + integer(3) : 3 + integer(2);
  const names = Array.from({ length: unitCount }, (_, n) => `Room ${n + 1}`);
  const unitIds = (await tx<{ id: string }[]>`select id from private.set_units(${pool}, ${names})`).map(
    ({ id }) => id,
  );
  if (mode === "mixed") await tx`select private.link_properties(${house}, array[${pool}::uuid])`;
  const preparation = { pool: { before: 0, after: 0 }, house: { before: 0, after: 0 } };
  const prepare = async (owner: "pool" | "house", before: number, after: number) => {
    preparation[owner] = { before, after };
    await tx`update public.properties set preparation_nights_before = ${before}, preparation_nights_after = ${after}
      where id = ${owner === "pool" ? pool : house}`;
  };
  await prepare("pool", mode === "plain" ? 0 : integer(3), integer(3));
  await prepare("house", integer(3), integer(3));
  const rows: Row[] = [];
  const limits = new Map<number, number>();
  const log: string[] = [`seed ${seed} ${mode}: ${unitCount} units, ${JSON.stringify(preparation)}`];
  const fail = (what: string): never => {
    throw new Error([what, ...log].join("\n"));
  };

  const onUnit = (unit: number) => rows.filter(({ units }) => units.includes(unit));
  const isMovable = (row: Row, unit: number) =>
    row.kind === "stay" &&
    row.owner === "pool" &&
    !row.isPinned &&
    row.from > 0 &&
    !onUnit(unit).some((other) => other.kind === "channel" && stayClashes(other, row));
  const movableStays = () =>
    rows.flatMap((row) => row.units.filter((unit) => isMovable(row, unit)).map(() => row as UnitStay));
  const fixedStays = () =>
    unitIds.map((_, unit) => onUnit(unit).filter((row) => !isMovable(row, unit)) as UnitStay[]);

  /** Reads where the stays are now, and checks that no own nights clash. */
  const readUnits = async () => {
    const found = await tx<{ id: string; units: string[] }[]>`
      select coalesce(booking_id, host_block_id, external_block_id) as id, array_agg(space_id) as units
      from public.occupancies where space_id = any (${unitIds}) group by 1`;
    const byId = new Map(
      found.map(({ id, units }) => [id, units.map((unit) => unitIds.indexOf(unit)).sort()]),
    );
    if (byId.size !== rows.length) fail("a stay was lost");
    for (const row of rows) {
      const units = byId.get(row.id) ?? fail("a stay has no unit");
      if (units.length !== row.units.length) fail("a stay has another number of units");
      if (units.join() !== row.units.join()) {
        if (row.isPinned || row.from <= 0) fail("a stay that stays moved");
      }
      row.units = units;
    }
    for (const a of rows)
      for (const b of rows)
        if (
          a.id < b.id &&
          a.kind !== "channel" &&
          b.kind !== "channel" &&
          stayClashes(a, b) &&
          a.units.some((unit) => b.units.includes(unit))
        )
          fail("two stays have one unit");
  };

  const request = async () => {
    const owner = mode === "mixed" && random() < 0.3 ? "house" : "pool";
    const from = 1 + integer(mode === "dense" ? 15 : 13);
    const until = from + 1 + integer(5);
    const quantity = owner === "pool" && random() < 0.2 ? 2 : 1;
    const wish: UnitStay = { kind: "stay", from, until, ...preparation[owner] };
    const nights = Array.from({ length: until - from }, (_, n) => from + n);
    const withinLimits = nights.every((night) => {
      const sold = unitIds.filter((_, unit) =>
        onUnit(unit).some((row) => row.kind !== "block" && row.from <= night && row.until > night),
      ).length;
      return sold + quantity <= (limits.get(night) ?? unitCount);
    });
    const expected =
      owner === "house"
        ? !rows.some((row) => stayClashes(row, wish))
        : withinLimits &&
          allFit([...movableStays(), ...Array.from({ length: quantity }, () => wish)], fixedStays());
    const property = owner === "pool" ? pool : house;
    const [dayFrom, dayUntil] = [dayAhead(from), dayAhead(until)];
    const [said] = await tx<{ codes: string }[]>`
      select coalesce((select string_agg(r ->> 'code', ',') from jsonb_array_elements(
        private.bookability(${property}, ${dayFrom}, ${dayUntil}, 2, p_units => ${quantity})
      ) r), '') as codes`;
    const found =
      owner === "house"
        ? undefined
        : await tx<{ units_left: number }[]>`
      select units_left from public.search_properties(
        p_latitude => ${location.latitude}, p_longitude => ${location.longitude}, p_radius => 5000,
        p_check_in => ${dayFrom}, p_check_out => ${dayUntil}, p_adults => 2, p_units => ${quantity}
      )`;
    const [calendar] = await tx<{ left: number }[]>`
      select min(units_left) as left from private.property_calendar(${property}, ${dayFrom}, ${dayUntil})`;
    const id = crypto.randomUUID();
    const result = await attempt(
      tx,
      (inner) => inner`
      select private.reserve_nights(${id}, ${property}, ${dayFrom}, ${dayUntil}, null, ${quantity})`,
    );
    log.push(`${owner} ${from}-${until} x${quantity}: ${result}, expected ${expected}`);
    counts.requests += 1;
    if ((result === "ok") !== expected) fail("booking differs from the oracle");
    if ((said?.codes === "") !== expected) fail(`bookability says ${said?.codes}`);
    if (result !== "ok" && said?.codes !== result) fail(`bookability says ${said?.codes}`);
    if (found !== undefined && found.length > 0 !== expected) fail("search differs from booking");
    if (owner === "pool") {
      const byCount = (calendar?.left ?? 0) >= quantity;
      if (byCount !== (result === "ok" || result === "unit_pinned"))
        fail(`the calendar counts ${calendar?.left}`);
      if (expected && found?.[0]?.units_left !== calendar?.left)
        fail("search counts other units than the calendar");
      if (mode === "plain" && result === "unit_pinned") fail("nothing is pinned");
    }
    if (result === "ok") {
      counts.accepted += 1;
      const units = await tx<{ space_id: string }[]>`
        select space_id from public.occupancies where booking_id = ${id} and space_id = any (${unitIds})`;
      rows.push({
        ...wish,
        id,
        owner,
        isPinned: false,
        units: units.map((row) => unitIds.indexOf(row.space_id)).sort(),
      });
      await readUnits();
    }
  };

  const blockUnit = async (kind: "block" | "channel") => {
    const unit = random() < 0.7 ? integer(unitCount) : undefined;
    const from = integer(14);
    const until = from + 1 + integer(4);
    const keeps = kind === "block" ? { before: 0, after: 0 } : preparation.pool;
    const wish: UnitStay = { kind, from, until, ...keeps };
    const id = crypto.randomUUID();
    const fixed = fixedStays();
    if (unit !== undefined) fixed[unit]?.push(wish);
    const clashesFixed =
      unit !== undefined &&
      (fixed[unit] ?? [])
        .slice(0, -1)
        .some(
          (other) =>
            stayClashes(other, wish) ||
            (kind === "channel" && other.kind === "channel" && stayClashes({ ...other, kind: "stay" }, wish)),
        );
    const fits = unit === undefined ? undefined : !clashesFixed && allFit(movableStays(), fixed);
    const unitId = unit === undefined ? null : (unitIds[unit] as string);
    const result = await attempt(tx, (inner) =>
      kind === "block"
        ? inner`insert into public.host_blocks (id, property_id, check_in, check_out, unit_id) values (${id}, ${pool}, ${dayAhead(from)}, ${dayAhead(until)}, ${unitId})`
        : inner`insert into public.external_blocks (id, property_id, source, source_id, check_in, check_out, unit_id) values (${id}, ${pool}, 'vrbo', ${id}, ${dayAhead(from)}, ${dayAhead(until)}, ${unitId})`,
    );
    log.push(`${kind} ${unit} ${from}-${until}: ${result}, fits ${fits}`);
    if (kind === "channel" && result !== "ok") fail("a channel's stay was refused");
    if (kind === "block" && fits !== undefined && (result === "ok") !== fits)
      fail("a block differs from the oracle");
    if (
      kind === "block" &&
      unit === undefined &&
      (result === "ok") !== !rows.some((row) => stayClashes(row, wish))
    )
      fail("a block of all units differs");
    if (result !== "ok") return;
    const units = await tx<{ space_id: string }[]>`
      select space_id from public.occupancies where ${id} in (host_block_id, external_block_id) and space_id = any (${unitIds})`;
    const row: Row = {
      ...wish,
      id,
      owner: "pool",
      isPinned: false,
      units: units.map((found) => unitIds.indexOf(found.space_id)).sort(),
    };
    if (kind === "channel" && row.units.length !== 1) fail("a channel's stay has one unit");
    rows.push(row);
    await readUnits();
    const isOver = rows.some(
      (other) =>
        other.kind !== "channel" && stayClashes(other, wish) && other.units.includes(row.units[0] as number),
    );
    if (kind === "channel" && fits === true && isOver) fail("a channel's stay came over one that could move");
  };

  const change = async () => {
    const stays = rows.filter(({ kind, owner }) => kind === "stay" && owner === "pool");
    const row = pick(stays);
    if (row === undefined) return;
    if (random() < 0.5) {
      log.push(`release ${row.from}-${row.until}`);
      await tx`select private.release_nights(${row.id})`;
      rows.splice(rows.indexOf(row), 1);
    } else {
      log.push(`pin ${row.from}-${row.until} in ${row.units}`);
      row.isPinned = true;
      await tx`update public.occupancies set is_pinned = true where booking_id = ${row.id}`;
    }
  };

  const limit = async () => {
    const from = 1 + integer(10);
    const until = from + 1 + integer(5);
    const units = integer(unitCount + 1);
    log.push(`limit ${from}-${until}: ${units}`);
    await tx`delete from public.property_availability_rules where property_id = ${pool}`;
    await tx`insert into public.property_availability_rules (property_id, kind, starts_on, ends_on, units_to_sell)
      values (${pool}, 'units_to_sell', ${dayAhead(from)}, ${dayAhead(until)}, ${units})`;
    limits.clear();
    for (let night = from; night < until; night++) limits.set(night, units);
  };

  if (mode === "mixed") {
    // Guests who are here already.
    const id = crypto.randomUUID();
    await tx`select private.reserve_nights(${id}, ${pool}, ${dayAhead(-2)}, ${dayAhead(3)})`;
    rows.push({
      kind: "stay",
      from: -2,
      until: 3,
      ...preparation.pool,
      id,
      owner: "pool",
      isPinned: false,
      units: [-1],
    });
    const [own] = await tx<
      { space_id: string }[]
    >`select space_id from public.occupancies where booking_id = ${id}`;
    (rows[0] as Row).units = [unitIds.indexOf(own?.space_id ?? "")];
  }
  for (let step = 0; step < (mode === "dense" ? 40 : 26); step++) {
    const dice = random();
    if (mode === "plain") await (dice < 0.85 ? request() : release());
    else if (mode === "dense") await (dice < 0.86 ? request() : change());
    else if (dice < 0.64) await request();
    else if (dice < 0.74) await blockUnit("block");
    else if (dice < 0.82) await blockUnit("channel");
    else if (dice < 0.93) await change();
    else if (dice < 0.97) await limit();
    else await prepare("pool", integer(3), integer(3));
  }

  async function release() {
    const row = pick(rows);
    if (row === undefined) return;
    log.push(`release ${row.from}-${row.until}`);
    await tx`select private.release_nights(${row.id})`;
    rows.splice(rows.indexOf(row), 1);
  }
}

describe("a property with units", () => {
  for (const mode of ["mixed", "dense", "plain"] as const) {
    it(`accepts exactly the requests that an exhaustive search accepts (${mode})`, {
      timeout: 60_000 + scenarios * 20_000,
    }, async () => {
      const counts: Counts = { requests: 0, accepted: 0 };
      for (let n = 0; n < scenarios; n++) {
        await sql
          .begin(async (tx) => {
            await playScenario(tx, firstSeed + n, mode, counts);
            throw new Undo();
          })
          .catch((error) => {
            if (!(error instanceof Undo)) throw error;
          });
      }
      expect(counts.accepted).toBeGreaterThan(scenarios);
    });
  }
});
