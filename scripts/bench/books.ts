// Fills an empty database with the books of a platform that has grown: bookings, payments, ledger, payouts and Stripe tasks.
// For a million bookings: 2,000 hosts, 48,000 guests, 2 million ledger entries, 80,000 open payables. One host has 10,000 of the
// bookings, about 20,000 entries and 800 open payables. The same size gives the same data.

import type { Sql, TransactionSql } from "postgres";
import { addSpaces } from "./market.ts";

export interface Books {
  /** The host with 10,000 bookings. */
  largestHost: string;
  /** A host with an average number of bookings. */
  host: string;
  guest: string;
}

/** Fills an empty database. No other connection may write meanwhile. @param sql a superuser's connection */
export async function makeBooks(sql: Sql, size: number): Promise<Books> {
  const books = await sql.begin(async (tx) => {
    await tx`set local synchronous_commit = off`;
    // a periodic task that still runs gives way, not this
    await tx`set local deadlock_timeout = '10min'`;
    const indexes = await dropIndexes(tx);
    const inserted = await insertBooks(tx, size);
    for (const definition of indexes) await tx.unsafe(definition);
    await tx`select setval('private.ledger_entries_id_seq', (select max(id) from private.ledger_entries))`;
    await tx`select setval('private.ledger_transactions_id_seq', (select max(id) from private.ledger_transactions))`;
    return inserted;
  });
  for (const table of booksTables) await sql.unsafe(`vacuum analyze ${table}`);
  return books;
}

export const booksTables = [
  "public.profiles",
  "public.properties",
  "private.bookings",
  "private.booking_line_items",
  "public.payments",
  "public.payouts",
  "public.payout_accounts",
  "public.refunds",
  "private.payout_reversals",
  "public.payment_methods",
  "private.planned_charges",
  "private.stripe_events",
  "private.stripe_tasks",
  "private.ledger_accounts",
  "private.ledger_transactions",
  "private.ledger_entries",
  "private.open_payables",
];

/** Drops the indexes that no constraint needs, and returns what creates them again: at once is faster than row by row. */
async function dropIndexes(tx: TransactionSql): Promise<string[]> {
  const indexes = await tx<{ name: string; definition: string }[]>`
    select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition
    from pg_catalog.pg_index i
    where i.indrelid = any (${booksTables}::text[]::regclass[])
      and not exists (select from pg_catalog.pg_constraint c where c.conindid = i.indexrelid)
      -- a definition has no target for statistics
      and not exists (select from pg_catalog.pg_attribute a where a.attrelid = i.indexrelid and a.attstattarget = 0)`;
  for (const { name } of indexes) await tx.unsafe(`drop index ${name}`);
  return indexes.map(({ definition }) => definition);
}

/**
 * Inserts the books without their triggers.
 *
 * @param tx a superuser's transaction
 * @param size number of bookings, at least 100
 * @param above ids of ledger rows begin above this; the sequences are not changed
 */
export async function insertBooks(tx: TransactionSql, size: number, above = 0): Promise<Books> {
  const hosts = Math.max(2, Math.ceil(size / 500));
  const guests = hosts * 24;
  const largestHostBookings = Math.min(10_000, size / 10);
  const largestHostProperties = 50;
  const properties = Math.ceil(size / 200) + largestHostProperties;
  await tx`set local session_replication_role = replica`;
  await tx.unsafe(`
      create or replace function pg_temp.id_of(kind text, n bigint) returns uuid language sql immutable as $$ select md5(kind || n)::uuid $$;
      insert into public.profiles (id, display_name)
      select pg_temp.id_of('host', n), 'Host ' || n from generate_series(1, ${hosts}) n
      union all select pg_temp.id_of('guest', n), 'Guest ' || n from generate_series(0, ${guests - 1}) n;
      insert into public.accounts (id)
      select pg_temp.id_of('host', n) from generate_series(1, ${hosts}) n
      union all select pg_temp.id_of('guest', n) from generate_series(0, ${guests - 1}) n;
      insert into public.payout_accounts (profile_id, stripe_account_id, payouts_enabled)
      select pg_temp.id_of('host', n), 'acct_books_' || n, true from generate_series(1, ${hosts}) n;

      insert into public.properties (
        id, host_id, title, time_zone, currency, base_price, status, published_at, public_latitude, public_longitude, city, country,
        max_guests, property_type, room_type
      )
      select
        pg_temp.id_of('property', n),
        pg_temp.id_of('host', case when n <= ${largestHostProperties} then 1 else 2 + n % ${hosts - 1} end),
        'House ' || n, 'UTC', 'EUR', 10000, 'published', now(), n % 100 - 50, n % 300 - 150, 'City', 'PT', 4, 'apartment', 'entire_home'
      from generate_series(1, ${properties}) n;
      insert into public.house_rules (property_id, version)
      select pg_temp.id_of('property', n), 1 from generate_series(1, ${properties}) n;

      -- check-in from 700 days ago to 60 days ahead
      insert into private.bookings (
        id, property_id, host_id, guest_id, status, confirmed_at, status_at, check_in, check_out, adults, children, infants, pets,
        booking_mode, currency, guest_total, host_total, night_prices, property_title, time_zone, check_in_from, check_out_until,
        check_in_at, check_out_at, cancellation_policy_id, cancellation_policy_name, cancellation_steps, house_rules_version,
        request_hash, created_at
      )
      select
        pg_temp.id_of('booking', n), pg_temp.id_of('property', x.property),
        pg_temp.id_of('host', case when x.property <= ${largestHostProperties} then 1 else 2 + x.property % ${hosts - 1} end),
        pg_temp.id_of('guest', n % ${guests}),
        (case when n % 20 = 0 then 'cancelled' when x.day + 3 < current_date then 'completed' else 'confirmed' end)::public.booking_status,
        x.day - 40, x.day - 40, x.day, x.day + 3, 2, 0, 0, 0, 'instant', 'EUR', 30000, 28000, '{10000,10000,10000}', 'House', 'UTC',
        '15:00', '11:00', x.day + time '15:00', x.day + 3 + time '11:00', c.id, c.name, c.steps, 1, '', x.day - 40
      from public.cancellation_policies c, (
        select n, current_date - 700 + (n::bigint * 7919 % 760)::integer as day,
          case when n <= ${largestHostBookings} then 1 + n % ${largestHostProperties}
            else ${largestHostProperties + 1} + n % ${properties - largestHostProperties} end as property
        from generate_series(1, ${size}) n
      ) x
      where c.id = 'moderate';

      -- the bookings with entries: all of the largest host, all that are not paid out, and a fifth of the others
      create temporary table picked on commit drop as
      select
        b.id, b.guest_id, b.host_id, b.check_in, b.created_at, b.check_in < current_date - 5 as is_paid_out,
        (row_number() over (order by b.created_at, b.id))::integer as n
      from private.bookings b
      join generate_series(1, ${size}) s on b.id = pg_temp.id_of('booking', s)
      where b.status <> 'cancelled' and (
        b.host_id = pg_temp.id_of('host', 1) or b.check_in >= current_date - 5 or left(b.id::text, 1) < '4'
      );
      analyze picked;
      insert into private.booking_line_items (
        booking_id, position, kind, description, quantity, unit_amount, amount, host_amount, included_amount, guest_id, host_id
      )
      select p.id, l.position, l.kind::public.line_kind, l.description, 1, l.guest, l.guest, l.host, 0, p.guest_id, p.host_id
      from picked p
      cross join (values (1, 'nights', 'Nights', 30000, 30000), (2, 'host_platform_fee', 'Host service fee', 0, -2000))
        l (position, kind, description, guest, host);
      insert into public.payments (
        booking_id, guest_id, kind, status, is_manual, currency, amount, captured_amount, stripe_payment_intent_id, created_at
      )
      select id, guest_id, 'booking', 'captured', false, 'EUR', 30000, 30000, 'pi_books_' || n, created_at from picked;
      insert into public.payouts (
        booking_id, host_id, status, currency, amount, sent_currency, sent_amount, stripe_transfer_id, created_at
      )
      select id, host_id, 'paid', 'EUR', 28000, 'EUR', 28000, 'tr_books_' || n, check_in + 2 from picked where is_paid_out;
      insert into public.refunds (
        payment_id, booking_id, guest_id, host_id, property_id, reason, status, currency, amount, stripe_refund_id, borne_by, created_at
      )
      select
        p.id, p.booking_id, b.guest_id, b.host_id, b.property_id, 'goodwill', 'succeeded', 'EUR', 100, 're_books_' || picked.n, 'host',
        p.created_at
      from picked
      join public.payments p on p.booking_id = picked.id
      join private.bookings b on b.id = picked.id
      where picked.n % 50 = 0;
      insert into private.payout_reversals (payout_id, amount, sent_amount, status, stripe_reversal_id)
      select p.id, 100, 100, 'done', 'trr_books_' || picked.n
      from public.payouts p join picked on picked.id = p.booking_id where picked.n % 50 = 1;
      insert into public.payment_methods (profile_id, stripe_payment_method_id, brand, last4)
      select pg_temp.id_of('guest', n), 'pm_books_' || n, 'visa', '4242' from generate_series(0, ${guests - 1}) n;
      insert into private.planned_charges (booking_id, total, due_at)
      select id, 30000, now() + interval '100 days' from picked where n % 20 = 0;
      insert into private.stripe_events (id, type, object_id, payload, created, applied_at, outcome)
      select 'evt_books_' || n, 'payment_intent.succeeded', 'pi_books_' || n, '{}', created_at, created_at, 'applied' from picked;
      insert into private.stripe_tasks (kind, subject, ordering_key, done_at)
      select 'event', 'evt_books_' || n, id, created_at from picked;
      insert into private.stripe_tasks (kind, subject, ordering_key, done_at)
      select 'transfer', p.id, p.booking_id, p.created_at from public.payouts p join picked on picked.id = p.booking_id;

      insert into private.ledger_accounts (purpose, party_id, currency)
      select 'platform_fee'::private.ledger_purpose, null::uuid, 'EUR' union all select 'stripe_clearing', null, 'EUR'
      union all select 'guest', pg_temp.id_of('guest', n), 'EUR' from generate_series(0, ${guests - 1}) n
      union all select 'host_payable', pg_temp.id_of('host', n), 'EUR' from generate_series(1, ${hosts}) n
      on conflict do nothing;
      analyze private.ledger_accounts;
      create temporary table movements on commit drop as
      select ${above} + row_number() over (order by m.at, m.id, m.kind) as n, m.*, g.id as guest_account, h.id as host_account
      from (
        select id, guest_id, host_id, 'agreement' as kind, created_at as at from picked
        union all select id, guest_id, host_id, 'charge', created_at + interval '1 minute' from picked
        union all select id, guest_id, host_id, 'transfer', check_in + interval '2 days' from picked where is_paid_out
      ) m
      join private.ledger_accounts g on g.party_id = m.guest_id and g.purpose = 'guest' and g.currency = 'EUR'
      join private.ledger_accounts h on h.party_id = m.host_id and h.purpose = 'host_payable' and h.currency = 'EUR';
      analyze movements;
      insert into private.ledger_transactions (id, key, kind, description, stripe_id, occurred_at)
      overriding system value
      select n, kind || ':' || id, kind, 'Booking', case when kind <> 'agreement' then 'txn_books_' || n end, at from movements;
      insert into private.ledger_entries (
        id, transaction_id, account_id, booking_id, amount, purpose, party_id, currency, balance_after
      )
      overriding system value
      select
        e.id, e.n, e.account_id, e.booking_id, e.amount, e.purpose, e.party_id, 'EUR',
        case when e.purpose = 'host_payable' then sum(e.amount) over (partition by e.account_id order by e.id) end
      from (
        select
          ${above} + row_number() over (order by m.n, s.purpose) as id, m.n, m.id as booking_id, s.amount,
          s.purpose::private.ledger_purpose as purpose,
          case s.purpose when 'guest' then m.guest_id when 'host_payable' then m.host_id end as party_id,
          case s.purpose when 'guest' then m.guest_account when 'host_payable' then m.host_account else p.id end as account_id
        from movements m
        join (values
          ('agreement', 'guest', 30000), ('agreement', 'host_payable', -28000), ('agreement', 'platform_fee', -2000),
          ('charge', 'stripe_clearing', 30000), ('charge', 'guest', -30000),
          ('transfer', 'stripe_clearing', -28000), ('transfer', 'host_payable', 28000)
        ) s (kind, purpose, amount) on s.kind = m.kind
        left join private.ledger_accounts p on p.purpose::text = s.purpose and p.party_id is null and p.currency = 'EUR'
      ) e
      order by e.id;
      insert into private.open_payables (booking_id, host_id, currency, balance, due_at)
      select id, host_id, 'EUR', -28000, check_in + time '15:00' + interval '1 day' from picked where not is_paid_out;`);
  await addSpaces(tx);
  await tx`set local session_replication_role = origin`;
  const [row] = await tx<[Books]>`
    select md5('host1')::uuid as "largestHost", md5('host2')::uuid as host, guest_id as guest
    from private.bookings where id = md5('booking' || ${largestHostBookings})::uuid`;
  return row;
}
