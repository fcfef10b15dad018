// Mutants of the database: each policy dropped, each relation and function granted to anyone, each length unchecked, and each limit of
// a list weakened.

import type { Sql } from "postgres";

export interface Mutant {
  name: string;
  sql: string;
  /** The number of the pgTAP file that notices it. */
  file: string;
}

export async function readMutants(sql: Sql): Promise<Mutant[]> {
  const policies = await sql<{ relation: string; name: string }[]>`
    select p.polrelid::regclass::text as relation, p.polname as name
    from pg_policy p join pg_class c on c.oid = p.polrelid
    where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) order by 1, 2`;
  const relations = await sql<{ name: string; file: string }[]>`
    select c.oid::regclass::text as name, case c.relkind when 'v' then '01050' else '01000' end as file from pg_class c
    where c.relnamespace in ('public'::regnamespace, 'private'::regnamespace) and c.relkind in ('r', 'p', 'v') order by 1`;
  const functions = await sql<{ name: string }[]>`
    select p.oid::regprocedure::text as name from pg_proc p
    where p.pronamespace = 'public'::regnamespace and not has_function_privilege('anon', p.oid, 'execute') order by 1`;
  const lengths = await sql<{ name: string }[]>`
    select t.tgrelid::regclass::text as name from pg_trigger t where t.tgname = '_000_check_lengths' order by 1`;
  return [
    ...limits.map(([name, statement, file]) => ({ name, sql: statement, file })),
    ...policies.map(({ relation, name }) => ({
      name: `policy "${name}" on ${relation} dropped`,
      sql: `drop policy "${name}" on ${relation}`,
      file: name === "Requests cannot read estimates" ? "01000" : "01050",
    })),
    ...lengths.map(({ name }) => ({
      name: `lengths of ${name} unchecked`,
      sql: `drop trigger _000_check_lengths on ${name}`,
      file: "01000",
    })),
    ...relations.map(({ name, file }) => ({
      name: `${name} granted to anyone`,
      sql: `grant update on ${name} to anon`,
      file,
    })),
    ...functions.map(({ name }) => ({
      name: `${name} granted to anyone`,
      sql: `grant execute on function ${name} to anon`,
      file: "01050",
    })),
  ];
}

const setting = (name: string, value: string) =>
  `update private.settings set value = '${value}' where name = '${name}'`;

/** A function with one part of its source replaced; fails when the part is not there. */
function changed(signature: string, from: string, to: string): string {
  return `do $mutant$ declare v_source text := pg_get_functiondef('${signature}'::regprocedure); begin
    assert strpos(v_source, $from$${from}$from$) > 0, 'nothing to change';
    execute replace(v_source, $from$${from}$from$, $to$${to}$to$);
  end $mutant$`;
}

const limits: [name: string, sql: string, file: string][] = [
  ["unpaid_bookings weakened", setting("unpaid_bookings", "1000"), "05110"],
  ["unpaid_nights weakened", setting("unpaid_nights", "1000"), "05110"],
  ["unpaid_bookings_at_property weakened", setting("unpaid_bookings_at_property", "1000"), "05110"],
  ["unpaid_nights_at_property weakened", setting("unpaid_nights_at_property", "1000"), "05110"],
  ["given_up weakened", setting("given_up", "1000"), "05110"],
  ["given_up_at_property weakened", setting("given_up_at_property", "1000"), "05110"],
  ["unpaid_pause shortened", setting("unpaid_pause", "1 minute"), "05110"],
  ["young_account shortened", setting("young_account", "0 seconds"), "05110"],
  ["young_account_share weakened", setting("young_account_share", "1"), "05110"],
  [
    "addresses need no confirmation",
    changed(
      "private.refuse_unpaid_booking(uuid, uuid, integer, timestamptz)",
      "u.email_confirmed_at is not null",
      "true",
    ),
    "05110",
  ],
  [
    "unpaid extensions do not count",
    changed("private.unpaid_extensions(uuid, timestamptz)", "d.due > 0", "false"),
    "05110",
  ],
  [
    "extensions are not limited",
    changed(
      "private.refuse_unpaid_extension(private.bookings, public.booking_alterations, timestamptz)",
      "> p_booking.nights",
      "> 100000",
    ),
    "05110",
  ],
  ["uploads_per_person weakened", setting("uploads_per_person", "100000"), "02100"],
  ["upload_bytes_per_person weakened", setting("upload_bytes_per_person", "1000000000000"), "02100"],
  ...["files_per_person", "bytes_per_person", "files_per_hour", "max_bytes"].map(
    (column): [string, string, string] => [
      `${column} weakened`,
      `update private.file_kinds set ${column} = 2 * ${column}`,
      "02100",
    ],
  ),
  ...(
    [
      ["the number of uploads", "private.check_upload()", "v_count >= v_max_count"],
      ["the size of uploads", "private.check_upload()", "v_sum + v_bytes > v_max_bytes"],
      [
        "the number of files",
        "private.limit_files(uuid, private.file_kinds, bigint)",
        "v_count >= p_kind.files_per_person",
      ],
      [
        "the size of files",
        "private.limit_files(uuid, private.file_kinds, bigint)",
        "v_bytes + p_bytes > p_kind.bytes_per_person",
      ],
      [
        "the number of files an hour",
        "private.limit_files(uuid, private.file_kinds, bigint)",
        "v_this_hour >= p_kind.files_per_hour",
      ],
      [
        "the size of a file",
        "public.begin_file(uuid, text, text, uuid)",
        "(v_upload.metadata ->> 'size')::bigint > v_kind.max_bytes",
      ],
    ] as const
  ).map(([what, signature, condition]): [string, string, string] => [
    `${what} is not limited`,
    changed(signature, condition, "false"),
    "02100",
  ]),
  [
    "names are not reserved",
    "create or replace function private.is_reserved_name(p_name text, p_person uuid) returns boolean language sql as 'select false'",
    "02000",
  ],
  [
    "the trigger of reserved names dropped",
    "drop trigger _200_refuse_reserved_name on public.profiles",
    "02000",
  ],
  [
    "a second run of an internal function begins during the first",
    changed("public.begin_internal_run(text)", "or r.leased_until <= v_now", "or true"),
    "07010",
  ],
  [
    "an internal function runs more often than its interval",
    changed("public.begin_internal_run(text)", "v_due_at <= v_now", "true or v_due_at <= v_now"),
    "07010",
  ],
  [
    "a worker takes a task of a booking of which another holds one",
    changed("public.take_stripe_tasks(integer)", "o.lease is not null or", ""),
    "06120",
  ],
  [
    "a worker takes a task of a booking before an older one",
    changed("public.take_stripe_tasks(integer)", "or o.id < t.id and o.kind <> all (v_paused)", ""),
    "06120",
  ],
  [
    "webhook endpoints have any address",
    `alter table public.webhook_endpoints drop constraint webhook_endpoints_url_is_https;
    create or replace function private.check_row_of_webhook_endpoints() returns trigger language plpgsql as 'begin return new; end'`,
    "07800",
  ],
  [
    "the service role writes deleted_at",
    "grant update (deleted_at) on public.profiles to service_role",
    "01050",
  ],
];
