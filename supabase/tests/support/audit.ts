// Ways to break each check of ops/audit.sql, each undone by a rollback.

/** The check that must fail, and the SQL, run as superuser without triggers, that breaks it. */
export const faults: Record<string, string> = {
  "I1 no night of a property is taken twice": `
    alter table public.occupancies drop constraint occupancies_do_not_overlap;
    insert into public.occupancies (property_id, space_id, kind, check_in, check_out, host_block_id)
    select id, id, 'host_block', current_date + 400 + n, current_date + 403 + n, gen_random_uuid()
    from (select id from public.properties limit 1) p, generate_series(0, 1) n`,
  "I2 bookings and nights match": `
    insert into public.occupancies (property_id, space_id, kind, check_in, check_out, booking_id)
    select id, id, 'booking', current_date + 400, current_date + 403, gen_random_uuid() from public.properties limit 1`,
  "I3 every ledger transaction sums to zero": `
    with account as (
      insert into private.ledger_accounts (purpose, currency) values ('tax_payable', 'EUR')
      on conflict on constraint ledger_accounts_are_unique do update set currency = excluded.currency returning id
    ), posted as (
      insert into private.ledger_transactions (key, kind, description, occurred_at) values ('forced', 'correction', '', now()) returning id
    )
    insert into private.ledger_entries (transaction_id, account_id, amount, purpose, currency)
    select posted.id, account.id, 1, 'tax_payable', 'EUR' from posted, account`,
  "I4 payments and refunds match the ledger": `
    insert into public.payments (booking_id, guest_id, kind, status, is_manual, currency, amount, captured_amount)
    values (gen_random_uuid(), gen_random_uuid(), 'booking', 'captured', false, 'EUR', 100, 100)`,
  "I5 every event of Stripe is applied once": `
    insert into private.stripe_events (id, type, payload, created, applied_at) values ('evt_audit', 'x', '{}', now(), now())`,
  "I6 no work waits for more than an hour": `
    select pgmq.send('mails', '{}');
    update pgmq.q_mails set vt = now() - interval '2 hours'`,
  "I6 what is marked as sent has its effect": `
    with payout as (
      insert into public.payouts (booking_id, host_id, currency, amount, sent_currency, sent_amount)
      values (gen_random_uuid(), gen_random_uuid(), 'EUR', 100, 'EUR', 100) returning id
    )
    insert into private.stripe_tasks (kind, subject, ordering_key, done_at) select 'transfer', id, id, now() from payout`,
  "I7 what was acknowledged is there": `
    insert into private.stripe_events (id, type, object_id, payload, created, applied_at, outcome)
    values ('evt_lost', 'payment_intent.succeeded', 'pi_lost', '{}', now(), now(), 'applied');
    insert into private.stripe_tasks (kind, subject, ordering_key, done_at) values ('event', 'evt_lost', 'pi_lost', now())`,
  "foreign keys have their rows": `
    insert into public.wishlist_items (wishlist_id, property_id, added_by)
    select gen_random_uuid(), id, host_id from public.properties limit 1`,
  "indexes are whole": `
    create extension amcheck with schema extensions;
    update pg_catalog.pg_index set indisready = false where indexrelid = 'public.properties_pkey'::regclass;
    update public.properties set id = gen_random_uuid() where id = (select id from public.properties limit 1);
    update pg_catalog.pg_index set indisready = true where indexrelid = 'public.properties_pkey'::regclass`,
  "search, rebuilt, is as it was kept": `
    update private.property_search set max_guests = max_guests + 1
    where property_id = (select property_id from private.property_search limit 1)`,
  "every stored object says its version and size": `
    update storage.objects set metadata = metadata - 'size' where id = (select id from storage.objects limit 1)`,
};
