// The rule that every object is created once, on made-up migrations.

import { expect, it } from "vitest";
import { type Exceptions, findProblems } from "./definitions.ts";

const none: Exceptions = { overloads: {}, lateForeignKeys: {} };

/** The problems of `later`, a migration that follows one with a table, a function, a type and a policy. */
async function problemsOf(later: string, allowed = none): Promise<string[]> {
  const earlier = `-- Purpose: é before a statement; it counts as two bytes.
    create table public.items (id integer primary key, note text);

    create function private.f(p_a integer, out b text) returns text language sql as $$ select 'drop table x; create or replace' $$;
    create type public.mood as enum ('calm');
    create policy "Everyone can read" on public.items for select using (true);`;
  return findProblems(
    [
      { file: "1.sql", sql: earlier },
      { file: "2.sql", sql: later },
    ],
    allowed,
  );
}

it.each([
  "create table public.others (id integer); alter table public.others add column note text, enable row level security",
  "alter table public.items enable row level security; alter table public.items alter column note set storage external",
  "alter table public.items enable row level security; alter table public.items alter column note set (n_distinct = 9)",
  "create function private.g(p_a integer) returns text language sql as ''",
  `create policy "Everyone can write" on public.items for update using (true)`,
  `create policy "Everyone can read" on public.moods for select using (true)`,
  "create extension if not exists btree_gist with schema extensions",
  "create index on public.items (id); create index on public.items (note)",
  "alter default privileges revoke execute on functions from public",
  "alter publication supabase_realtime add table public.items",
  "select cron.schedule('a', '* * * * *', 'select 1'); select cron.schedule('b', '* * * * *', 'select 1')",
  "do $$ begin execute 'drop table public.items'; end $$",
])("allows: %s", async (sql) => {
  expect(await problemsOf(sql)).toEqual([]);
});

it.each([
  "create or replace function private.g() returns text language sql as ''",
  "create or replace view public.v as select 1",
  "create or replace trigger t before insert on public.items for each row execute function private.f()",
  "create table if not exists public.others (id integer)",
  "create unique index if not exists items_note on public.items (note)",
  "drop function private.f(integer)",
  `drop policy "Everyone can read" on public.items`,
  "drop table public.items",
  "alter function private.f(integer) rename to g",
  "alter function private.f(integer) set schema public",
  "alter function private.f(integer) security definer",
  "alter table public.items rename to things",
  "alter table public.items rename column note to text",
  "alter table public.items drop constraint items_pkey",
  "alter table public.items drop column note",
  "alter table public.items alter column note set not null",
  "alter table public.items alter column note set default ''",
  "alter table public.items alter column note type varchar",
  `alter policy "Everyone can read" on public.items using (false)`,
  `alter policy "Everyone can read" on public.items rename to "x"`,
  "alter type public.mood add value 'busy'",
  "select cron.unschedule('a')",
  "select cron.unschedule(jobname) from cron.job",
])("refuses: %s", async (sql) => {
  expect(await problemsOf(`\n-- a comment\n${sql};`)).toEqual([
    `2.sql:3: "${sql.slice(0, 70)}": create every object once, in its final form.`,
  ]);
});

it.each([
  ["create table public.items (id bigint)", "relation public.items", 2],
  ["create view public.items as select 1", "relation public.items", 2],
  ["create function private.f(int) returns text language sql as ''", "function private.f(int4)", 4],
  ["create procedure private.f(p_b integer) language sql as ''", "function private.f(int4)", 4],
  ["create type public.mood as (a integer)", "type public.mood", 5],
  ["create domain public.mood as text", "type public.mood", 5],
  [
    `create policy "Everyone can read" on public.items for insert with check (true)`,
    `policy "Everyone can read" on public.items`,
    6,
  ],
])("refuses a second definition: %s", async (sql, object, line) => {
  expect(await problemsOf(sql)).toEqual([`2.sql:1: ${object} is already defined at 1.sql:${line}.`]);
});

it.each([
  ["create index i on public.items (%)", "index public.i", "id", "note"],
  [
    "create trigger t % insert on public.items for each row execute function private.f()",
    "trigger t on public.items",
    "before",
    "after",
  ],
  ["create cast (text as integer) with function private.%(integer)", "cast from text to int4", "f", "g"],
  [
    "create operator public.@@ (leftarg = text, rightarg = integer, function = private.%)",
    "operator public.@@(text, int4)",
    "f",
    "g",
  ],
  [
    "create aggregate public.total(integer) (sfunc = %, stype = integer)",
    "aggregate public.total(int4)",
    "f",
    "g",
  ],
  ["select cron.schedule('sweep', '%', 'select 1')", "cron job sweep", "1 1 * * *", "2 2 * * *"],
])("refuses a pair: %s", async (sql, object, first, second) => {
  expect(await problemsOf(`${sql.replace("%", first)};\n${sql.replace("%", second)};`)).toEqual([
    `2.sql:2: ${object} is already defined at 2.sql:1.`,
  ]);
});

it("refuses an overloaded function that is not listed, and a list that says too much", async () => {
  const overload = "create function private.f(p_a text[]) returns text language sql as ''";
  expect(await problemsOf(overload)).toEqual([
    "2.sql:1: function private.f has other arguments at 1.sql:4: use another name.",
  ]);
  const listed = { ...none, overloads: { "private.f": "for the test" } };
  expect(await problemsOf(overload, listed)).toEqual([]);
  expect(await problemsOf("select 1", listed)).toEqual([
    "scripts/test/definitions.ts: private.f is listed as an overloaded function and is none.",
  ]);
});

it("refuses what is added to a table later, except listed foreign keys", async () => {
  const key =
    "alter table public.items add constraint items_mood_fkey foreign key (note) references public.moods";
  const sql = `create table public.moods (name text primary key);
    alter table public.items add column size integer, add constraint small check (size < 3);
    ${key};`;
  const late = [
    "2.sql:2: public.items.size is added after its table: define it in 1.sql.",
    "2.sql:2: public.items.small is added after its table: define it in 1.sql.",
  ];
  expect(await problemsOf(sql)).toEqual([
    ...late,
    "2.sql:3: public.items.items_mood_fkey is added after its table: define it in 1.sql.",
  ]);
  const listed = { ...none, lateForeignKeys: { "public.items.items_mood_fkey": "for the test" } };
  expect(await problemsOf(sql, listed)).toEqual(late);
  expect(await problemsOf("select 1", listed)).toEqual([
    "scripts/test/definitions.ts: public.items.items_mood_fkey is listed as a foreign key to a later table and is none.",
  ]);
});
