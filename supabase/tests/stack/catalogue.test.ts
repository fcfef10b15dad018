// `npm run catalogue` prints every kind of object and shows every small change. The changes are made to objects of the test's
// own schema, in a transaction that is rolled back.

import postgres, { type Sql } from "postgres";
import { afterAll, beforeAll, expect, it } from "vitest";
import { differences, readCatalogue } from "../../../scripts/generate/catalogue.ts";
import { stack } from "../support/stack.ts";

const objects = `
  create schema catalogue_test authorization postgres;
  set local search_path = catalogue_test;
  create role catalogue_tester;
  create type mood as enum ('calm', 'busy');
  create domain percentage as integer default 1 check (value <= 100);
  create type pair as (a integer, b integer);
  create sequence numbers;
  create table kinds (name text primary key, weight integer);
  insert into kinds values ('one', 1), ('two', 2);
  create table items (
    id uuid primary key default gen_random_uuid(),
    note text default 'draft',
    size integer,
    colour text,
    price integer constraint price_limit check (price < 10),
    kind text references kinds on delete cascade
  );
  create view small_items as select id from items where size < 3;
  create index items_size on items (size);
  create statistics items_statistics on size, price from items;
  alter table items enable row level security;
  create policy "Everyone can read" on items for select to anon using (size > 1);
  create function double(n integer) returns integer language sql as 'select n * 2';
  create function half(n integer) returns integer language sql as 'select n / 2';
  create function third(n integer) returns integer language sql as 'select n / 3';
  create function quarter(n integer) returns integer language sql as 'select n / 4';
  create function add(a integer, b integer) returns integer language sql as 'select a + b';
  create function check_item() returns trigger language plpgsql as 'begin return new; end';
  create trigger a_first before insert on items for each row execute function check_item();
  create trigger b_second before insert on items for each row execute function check_item();
  create trigger c_third after update on items for each row execute function check_item();
  create rule no_delete as on delete to kinds do instead nothing;
  create aggregate total(integer) (sfunc = add, stype = integer, initcond = '0');
  create function same(a integer, b integer) returns boolean language sql as 'select a = b';
  create operator @@@ (leftarg = integer, rightarg = integer, function = same);
  create function on_ddl() returns event_trigger language plpgsql as 'begin end';
  create event trigger catalogue_test_event on ddl_command_end when tag in ('CREATE CAST') execute function on_ddl();
  create publication catalogue_test_publication for table kinds;
  select cron.schedule('catalogue-test', '1 1 * * *', 'select 1');
  insert into storage.buckets (id, name, file_size_limit) values ('catalogue-test', 'catalogue-test', 1);
`;

/** A change, and the line that it must change. */
const changes: { of: string; change: string; line: RegExp }[] = [
  {
    of: "a schema's privileges",
    change: "grant usage on schema catalogue_test to anon",
    line: /^N catalogue_test .*anon=U/,
  },
  {
    of: "an enum",
    change: "alter type mood add value 'tired'",
    line: /^Y catalogue_test.mood e enum='calm','busy','tired'/,
  },
  {
    of: "a domain's default",
    change: "alter domain percentage set default 2",
    line: /^Y catalogue_test.percentage .*default=2/,
  },
  {
    of: "a composite type",
    change: "alter type pair add attribute c text",
    line: /^Y catalogue_test.pair .*c text/,
  },
  {
    of: "a sequence",
    change: "alter sequence numbers increment by 2",
    line: /^S catalogue_test.numbers .*by=2/,
  },
  {
    of: "row level security",
    change: "alter table items disable row level security",
    line: /^R catalogue_test.items rp rls=false/,
  },
  {
    of: "a table's privileges",
    change: "grant select on kinds to anon",
    line: /^R catalogue_test.kinds .*anon=r/,
  },
  {
    of: "a column's default",
    change: "alter table items alter note set default 'drafts'",
    line: /^A catalogue_test.items 002 note .*'drafts'/,
  },
  {
    of: "a column's null",
    change: "alter table items alter size set not null",
    line: /^A catalogue_test.items 003 size .*notnull=true/,
  },
  {
    of: "a column's privileges",
    change: "grant update (colour) on items to anon",
    line: /^A catalogue_test.items 004 colour .*anon=w/,
  },
  {
    of: "a column's comment",
    change: "comment on column items.price is 'x'",
    line: /^A catalogue_test.items 005 price .*cmt=9dd4e461/,
  },
  {
    of: "a view",
    change: "create or replace view small_items as select id from items where size < 4",
    line: /^V catalogue_test.small_items/,
  },
  {
    of: "a check",
    change: "alter table items drop constraint price_limit, add constraint price_limit check (price < 11)",
    line: /^C catalogue_test.items price_limit .*11/,
  },
  {
    of: "a foreign key",
    change: "alter table items drop constraint items_kind_fkey, add foreign key (kind) references kinds",
    line: /^C catalogue_test.items items_kind_fkey (?!.*cascade)/i,
  },
  {
    of: "an index",
    change: "drop index items_size; create index items_size on items (size desc)",
    line: /^I CREATE INDEX items_size .*DESC/,
  },
  {
    of: "statistics",
    change: "alter statistics items_statistics set statistics 7",
    line: /^I statistics .*target=7/,
  },
  {
    of: "a policy's condition",
    change: `alter policy "Everyone can read" on items using (size > 2)`,
    line: /^P catalogue_test.items "Everyone can read" r .*> 2/,
  },
  {
    of: "whether a trigger fires",
    change: "alter table items disable trigger c_third",
    line: /^T catalogue_test.items CREATE TRIGGER c_third .*enabled=D/,
  },
  {
    of: "the order of triggers",
    change: "alter trigger a_first on items rename to z_first",
    line: /^X catalogue_test.items before row insert: b_second→\S+ z_first→/,
  },
  {
    of: "a rule",
    change: "create or replace rule no_delete as on delete to kinds do nothing",
    line: /^X rule catalogue_test.kinds (?!.*INSTEAD)/,
  },
  {
    of: "a function's body",
    change: "create or replace function double(n integer) returns integer language sql as 'select n * 3'",
    line: /^F catalogue_test.double/,
  },
  {
    of: "a function's options",
    change: "alter function half security definer",
    line: /^F catalogue_test.half.*definer=true/,
  },
  {
    of: "a function's privileges",
    change: "revoke execute on function third from public",
    line: /^F catalogue_test.third.* acl=(?!default)/,
  },
  {
    of: "a function's comment",
    change: "comment on function quarter is 'x'",
    line: /^F catalogue_test.quarter.*cmt=9dd4e461/,
  },
  {
    of: "a function's owner",
    change: "alter function add owner to postgres",
    line: /^F catalogue_test.add.*owner=postgres/,
  },
  {
    of: "an aggregate",
    change: "create or replace aggregate total(integer) (sfunc = add, stype = integer, initcond = '1')",
    line: /^F aggregate catalogue_test.total.*init=1/,
  },
  {
    of: "an operator",
    change: "alter operator @@@ (integer, integer) set (restrict = eqsel)",
    line: /^O operator catalogue_test.@@@.*eqsel/,
  },
  {
    of: "an operator's comment",
    change: "comment on operator @@@ (integer, integer) is 'x'",
    line: /^K operator catalogue_test.@@@.* 9dd4e461/,
  },
  {
    of: "a default privilege",
    change: "alter default privileges in schema catalogue_test grant select on tables to anon",
    line: /^L .* in catalogue_test r anon=r/,
  },
  {
    of: "an event trigger",
    change: "alter event trigger catalogue_test_event disable",
    line: /^G catalogue_test_event .* D$/,
  },
  {
    of: "a publication",
    change: "alter publication catalogue_test_publication set table kinds (name)",
    line: /^U catalogue_test_publication .*kinds \{name\}/,
  },
  {
    of: "a role's setting",
    change: "alter role catalogue_tester set statement_timeout = '1s'",
    line: /^H catalogue_tester in every database statement_timeout=1s/,
  },
  {
    of: "a role's membership",
    change: "grant anon to catalogue_tester",
    line: /^H catalogue_tester is anon/,
  },
  {
    of: "a cron job",
    change: "select cron.schedule('catalogue-test', '1 2 * * *', 'select 1')",
    line: /^J catalogue-test 1 2/,
  },
  {
    of: "a bucket",
    change: "update storage.buckets set file_size_limit = 2 where id = 'catalogue-test'",
    line: /^B catalogue-test catalogue-test f 2/,
  },
  {
    of: "a row of reference data",
    change: "update kinds set weight = 3 where name = 'two'",
    line: /^D catalogue_test.kinds 2/,
  },
];

let sql: Sql;
let before: string[];
let again: string[];
let after: string[];

beforeAll(async () => {
  sql = postgres(stack.databaseUrl, { max: 1, onnotice: () => {} });
  const rolledBack = new Error("rolled back");
  // Other tests write at the same time, and every print must see the same rows.
  const prints = sql.begin("isolation level repeatable read", async (transaction) => {
    await transaction.unsafe(objects).simple();
    before = await readCatalogue(transaction);
    again = await readCatalogue(transaction);
    await transaction.unsafe("set local search_path = catalogue_test, extensions").simple();
    for (const { change } of changes) await transaction.unsafe(change).simple();
    after = await readCatalogue(transaction);
    throw rolledBack;
  });
  await prints.catch((error: unknown) => {
    if (error !== rolledBack) throw error;
  });
});

afterAll(() => sql.end({ timeout: 5 }));

it("prints the same lines for the same database", () => {
  expect(differences(before, again)).toEqual([]);
  expect(again).toEqual(before);
});

it("prints every kind of thing that the project has", () => {
  const project = before.filter((line) => !/catalogue.test/.test(line));
  const letters = project.map((line) => line.slice(0, 2));
  expect(letters).toEqual(expect.arrayContaining([..."ABCDEFGHIJLNPRSTUVXY"].map((letter) => `${letter} `)));
});

it.each(changes)("shows a change of $of", ({ line }) => {
  const changed = differences(before, after);
  expect(changed.filter((text) => text.startsWith("+ ")).map((text) => text.slice(2))).toContainEqual(
    expect.stringMatching(line),
  );
});

it("shows nothing but the changes", () => {
  const unexpected = differences(before, after).filter((line) => !/catalogue.test/.test(line));
  expect(unexpected).toEqual([]);
});
