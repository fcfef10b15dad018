// The queries that the growth test asks for, beside the lists and searches of everyone: functions, and pages of a person who has many rows.

import type { Books } from "../bench/books.ts";
import type { Reader } from "./growth-lists.ts";

export interface Query {
  name: string;
  /** The person who runs it; the owner of the database when left out. */
  as?: keyof Books | Reader;
  /** Whether a list may walk an index until its page is full, and whether only whole reads count. */
  mayWalk?: boolean;
  /** How many queries it may run at most, those in functions included. */
  most?: number;
  /** How many rows a step of its plans may return at most; for pages of someone who has many more. */
  rows?: number;
  /** What a list asks for; counts read the reader's own rows. */
  shape?: "page" | "count";
  /** SQL, where $host, $booking and so on stand for ids of the books. A call is run, and every query in it is checked. */
  sql: string;
}

export const queries: Query[] = [
  {
    name: "statement of a host",
    as: "largestHost",
    sql: "select * from public.host_statement order by id desc limit 50",
  },
  { name: "statement, no order", as: "largestHost", sql: "select * from public.host_statement limit 50" },
  {
    name: "statement, next page of the file",
    as: "largestHost",
    sql: "select * from public.host_statement where id > 0 order by id limit 1000",
  },
  {
    name: "statement, next page",
    as: "host",
    sql: "select * from public.host_statement where id < 0 order by id desc limit 1000",
  },
  {
    name: "money of a guest",
    as: "guest",
    sql: "select * from public.booking_money order by id desc limit 50",
  },
  {
    name: "money of a booking",
    as: "guest",
    sql: "select * from public.booking_money where booking_id = $booking",
  },
  {
    name: "open money of a person who leaves",
    sql: "select private.account_deletion_blockers_of_money($host)",
  },
  { name: "release of a payout", sql: "select private.release_payout($due, now())" },
  { name: "sweep of payouts", sql: "select private.release_payouts(now())" },
  { name: "sweep of charges", sql: "select private.charge_balances(now())" },
  { name: "charge of a balance", sql: "select private.charge_balance($booking, now())" },
  { name: "sweep of authorisations", sql: "select private.end_stale_authorizations(now())" },
  { name: "wake of the money worker", sql: "select private.wake_money_worker()" },
  { name: "Stripe tasks taken", sql: "select public.take_stripe_tasks(20)" },
  {
    name: "event stored",
    sql: `select public.store_stripe_event('{"id": "evt_growth", "type": "charge.refunded", "created": 1800000000}')`,
  },
  {
    name: "payment applied",
    sql: `select public.apply_payment_intent(jsonb_build_object('id', $intent, 'payment_id', $payment, 'status', 'succeeded',
      'amount', 30000, 'amount_received', 30000, 'currency', 'eur', 'created', 1800000000, 'charge', 'ch_growth'))`,
  },
  {
    name: "refund applied",
    sql: `select public.apply_refund(jsonb_build_object('id', 're_growth', 'payment_intent', $intent, 'status', 'succeeded',
      'amount', 1000, 'currency', 'eur', 'created', 1800000000,
      'settlement', jsonb_build_object('id', 'txn_re', 'currency', 'eur', 'amount', -1000, 'fee', 0, 'net', -1000)))`,
  },
  {
    name: "dispute applied",
    sql: `select public.apply_dispute(jsonb_build_object('id', 'dp_growth', 'payment_intent', $intent, 'status', 'lost',
      'reason', 'fraudulent', 'amount', 30000, 'currency', 'eur', 'created', 1800000000, 'movements', jsonb_build_array(jsonb_build_object(
      'id', 'txn_dp', 'currency', 'eur', 'amount', -30000, 'fee', 1500, 'net', -31500, 'created', 1800000000))))`,
  },
  {
    name: "transfer applied, with a reversal",
    sql: `select public.apply_transfer(jsonb_build_object('id', $transfer, 'payout_id', $payout, 'amount', 28000, 'currency', 'eur',
      'created', 1800000000, 'balance_transaction', 'txn_tr', 'reversals', jsonb_build_array(jsonb_build_object('id', 'trr_growth',
      'amount', 100, 'created', 1800000000, 'balance_transaction', 'txn_trr', 'reversal_id', $payout))))`,
  },
  { name: "transfer refused", sql: "select public.fail_transfer($payout, 'no')" },
  { name: "cancellation", as: "guest", sql: "select public.cancel_booking($booking)" },
  { name: "jobs", as: "operator", sql: "select public.job_metrics()" },
  { name: "tasks", as: "operator", sql: "select public.periodic_tasks()" },
  { name: "metrics", sql: "select public.metrics()" },
  { name: "health", sql: "select public.health()" },
  {
    name: "cover photo",
    as: "guest",
    sql: "select public.cover_photo(p) from public.properties p where p.id = $property",
  },
  {
    name: "house rules",
    as: "guest",
    sql: "select public.current_house_rules(p) from public.properties p where p.id = $property",
  },
  {
    name: "calendar",
    as: "guest",
    sql: "select public.property_calendar($property, current_date::text, (current_date + 90)::text)",
  },
  {
    name: "lines of a booking",
    as: "guest",
    sql: "select public.booking_line_items(b) from public.bookings b where b.id = $booking",
  },
  {
    name: "bookings with their lines",
    as: "host",
    sql: `select b.id, i.lines from public.bookings b
      left join lateral (select json_agg(x) as lines from public.booking_line_items(b) x) i on true order by b.created_at desc limit 20`,
  },
  {
    name: "lines with their bookings",
    as: "host",
    sql: `select (p.i).amount, b.check_in from (select i from public.booking_line_items i order by i.booking_id desc limit 20) p
      cross join lateral public.bookings(p.i) b`,
  },
  {
    name: "properties with rare words",
    sql: `select private.ids_by_words(jsonb_populate_record(null::private.search,
      '{"words": "lighthouse", "area_names": ["city"], "tiles": [1], "west": 0, "east": 1, "south": 0, "north": 1}'), null, 'infinity')`,
  },
  {
    name: "calendar set",
    as: "host",
    sql: `select public.set_calendar($property, jsonb_build_array(jsonb_build_object(
      'from', current_date + 30, 'until', current_date + 60, 'price', 12000, 'min_nights', 2, 'closed', true)))`,
  },
  {
    name: "stay of a channel that comes, moves and goes",
    sql: `insert into public.external_blocks (property_id, source, source_id, check_in, check_out)
      values ($property, 'airbnb', 'growth', current_date + 30, current_date + 60);
      update public.external_blocks set check_out = current_date + 61 where (property_id, source, source_id) = ($property, 'airbnb', 'growth');
      delete from public.external_blocks where (property_id, source, source_id) = ($property, 'airbnb', 'growth')`,
  },
  { name: "one stay of the same guest", as: "host", sql: "select public.mark_same_guest($booking)" },
  { name: "units made", as: "host", sql: "select public.set_units($property, array['1', '2'])" },
  { name: "unit renamed", as: "host", sql: "select public.rename_unit($property, 'x')" },
  { name: "unit chosen", as: "host", sql: "select public.assign_unit($booking, null, true)" },
  { name: "units of a booking", as: "guest", sql: "select public.booking_units($booking)" },
  { name: "that taken back", as: "host", sql: "select public.unmark_same_guest($booking)" },
  {
    name: "other properties for an overbooked guest",
    as: "host",
    sql: "select public.overbooking_alternatives($booking)",
  },
  {
    name: "own booking that is entered, changed and deleted",
    as: "host",
    sql: `insert into public.own_bookings (id, property_id, origin, check_in, check_out, price)
      values ($payout, $property, 'phone', current_date + 70, current_date + 72, 20000);
      update public.own_bookings set check_out = current_date + 73 where id = $payout;
      delete from public.own_bookings where id = $payout`,
  },
  { name: "acceptance", as: "host", sql: "select public.accept_booking($booking)" },
  { name: "refusal", as: "host", sql: "select public.decline_booking($booking)" },
  { name: "confirmation", as: "operator", sql: "select public.confirm_booking($booking)" },
  { name: "alteration accepted", as: "host", sql: "select public.accept_alteration($booking)" },
  { name: "alteration declined", as: "host", sql: "select public.decline_alteration($booking)" },
  { name: "contacts", as: "guest", sql: "select public.booking_contacts($booking)" },
  { name: "payment schedule", as: "guest", sql: "select public.payment_schedule($booking)" },
  { name: "refund", as: "host", sql: "select public.refund_booking($booking, 100, 'Sorry')" },
  { name: "goodwill", as: "operator", sql: "select public.assign_goodwill($booking, 'host')" },
  { name: "money request accepted", as: "guest", sql: "select public.accept_money_request($booking)" },
  { name: "money request declined", as: "guest", sql: "select public.decline_money_request($booking)" },
  { name: "reply to a review", as: "host", sql: "select public.reply_to_review($booking, 'Thanks')" },
  {
    name: "review moderated",
    as: "operator",
    sql: "select public.moderate_review($booking, 'removed', 'Spam')",
  },
  { name: "response of a host", as: "guest", sql: "select public.host_response($host)" },
  { name: "report resolved", as: "operator", sql: "select public.resolve_report($booking, 'Done')" },
  { name: "webhooks of calendars", sql: "select private.send_calendar_changes()" },
  { name: "retention", as: "operator", sql: "select public.retention()" },
  { name: "orphans searched", as: "operator", sql: "select public.sweep_orphans(now())" },
  {
    name: "page of a search for orphans",
    sql: `select public.save_orphan_page((public.sweep_orphans(now())).id, 0, jsonb_build_array(
      jsonb_build_object('id', 'x_growth', 'status', 'succeeded', 'payment_intent', $intent, 'reversals', jsonb_build_array('trr_x'),
      'metadata', private.stripe_metadata('growth'))), true)`,
  },
  { name: "orphan booked again", as: "operator", sql: "select public.rebook_orphan($booking)" },
  { name: "orphan given back", as: "operator", sql: "select public.refund_orphan($booking)" },
  {
    name: "payouts paused and resumed",
    as: "operator",
    sql: "select public.pause_operation('payouts', 'Growth'); select public.resume_operation('payouts', 'Growth')",
  },
  { name: "suspension", as: "operator", sql: "select public.suspend_profile($guest, 'Fraud')" },
  { name: "audit trail", as: "operator", sql: "select public.audit_trail($booking)" },
  {
    name: "unread messages of a page",
    as: "largestHost",
    shape: "page",
    // some for each of the 20 threads, and not for each of the host's 200
    most: 160,
    sql: "select t.id, public.unread_count(t) from public.threads t order by t.last_message_at desc limit 20",
  },
  {
    name: "check of a request",
    as: "guest",
    most: 4,
    sql: `select set_config('request.method', 'POST', true), set_config('request.path', '/bookings', true),
        set_config('request.headers', '{"prefer": "return=representation", "x-request-id": "growth"}', true);
      select private.check_request()`,
  },
  {
    name: "hold",
    // its rules, foreign keys and triggers, to the commit
    most: 94,
    sql: `insert into auth.users (id, email, email_confirmed_at)
        values ('00000000-0000-4000-8000-0000000000aa', 'growth@example.com', now());
      select private.create_booking('00000000-0000-4000-8000-0000000000aa', $property, current_date + 150, current_date + 153,
        2, 0, 0, 0, null, null, now())`,
  },
  {
    name: "figures of a year by month",
    as: "host",
    sql: "select public.host_metrics('2026-01-01', '2027-01-01')",
  },
  {
    name: "figures of weeks by day",
    as: "host",
    sql: "select public.host_metrics('2026-01-05', '2026-02-03', 'day')",
  },
  { name: "pace", as: "host", sql: "select public.pace('2026-12', now() - interval '30 days')" },
  { name: "lost demand", as: "host", sql: "select public.lost_demand('2026-01-01', '2027-01-01')" },
  {
    name: "quote reported",
    as: "guest",
    sql: "select public.report_quote($property, (current_date + 5)::text, (current_date + 8)::text)",
  },
  {
    name: "lost search reported",
    as: "guest",
    sql: "select public.report_lost_search($property, p_check_in => (current_date + 5)::text, p_check_out => (current_date + 8)::text)",
  },
  {
    name: "prices simulated",
    as: "host",
    sql: "select public.simulate_prices('2026-01-01', '2027-01-01')",
  },
  {
    name: "policy simulated",
    as: "host",
    sql: "select public.simulate_policy('firm', '2026-01-01', '2027-01-01')",
  },
];

/** Pages of 20 in the orders that an index serves, and of the ledger without an order, as a host who has 200 of each. */
export const flatPages = [
  "bookings order by created_at desc",
  "bookings order by check_in desc",
  "messages order by created_at desc",
  "messages",
  "payouts order by created_at desc",
  "booking_line_items order by booking_id desc, position desc",
  "host_statement order by id desc",
  "booking_money order by id desc",
  "host_statement",
  "booking_money",
].map(
  (list): Query => ({
    name: `page of ${list}`,
    as: "largestHost",
    shape: "page",
    rows: 120,
    sql: `select * from public.${list} limit 20`,
  }),
);

/** Queries whose work is in proportion to what they do: a part of the ledger, a digest for each person who wants one, deletions of what is old, a person's own rows or properties, the days of a call. */
export const batches = [
  "task check_ledger",
  "task queue_digests",
  "task apply_retention",
  "task remove_expired_occupancies",
  "task remove_unused_files",
  "open money of a person who leaves",
  "figures of a year by month",
  "figures of weeks by day",
  "calendar set",
];

/** Partial indexes of the rows that wait for a task, which takes some of them at a time. */
export const waiting = ["search_areas_waiting_idx", "search_tiles_waiting_idx"];
