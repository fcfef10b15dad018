// What events are made with: people of the seed who sign in, and the Stripe emulator.

import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import type { Sql } from "postgres";
import type { Database } from "../../types/database.ts";
import type { StackConfig } from "../lib/config.ts";
import { StackError } from "../lib/errors.ts";
import { findFreeStay } from "../lib/free-stay.ts";

export type Client = SupabaseClient<Database>;

export interface Session {
  config: StackConfig;
  /** A superuser's connection, only to look things up. */
  sql: Sql;
  /** Signs a person of the seed in. */
  as(name: string): Promise<Client>;
  /**
   * Books a free stay as Gita, where she has the fewest unpaid bookings: their number is limited.
   *
   * @param homes the numbers of properties in supabase/seed.sql
   */
  book(homes: number[], daysAhead?: number): Promise<{ id: string; guest: Client }>;
  /** Pays on the emulator's page. @returns the PaymentIntent */
  pay(guest: Client, bookingId: string, card?: string): Promise<string>;
  /** A command of the emulator's control surface. */
  atStripe<T = { id: string }>(command: string, request: object): Promise<T>;
  /** Asks every 50 ms until the answer is not undefined. */
  until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T>;
}

const goodCard = "4242424242424242";
const patience = 60_000;

export function openSession(config: StackConfig, sql: Sql): Session {
  const clients = new Map<string, Client>();
  const session: Session = {
    config,
    sql,
    async as(name) {
      const known = clients.get(name);
      if (known !== undefined) return known;
      const client = createClient<Database>(config.apiUrl, config.keys.publishable, {
        auth: { persistSession: false, autoRefreshToken: false },
      });
      const { error } = await client.auth.signInWithPassword({
        email: `${name}@example.com`,
        password: "staybase",
      });
      if (error !== null) {
        throw new StackError(
          `${name}@example.com cannot sign in: ${error.message}`,
          "Events are made by the people of the seed. `npm run reset` and `npm start` create them.",
        );
      }
      clients.set(name, client);
      return client;
    },
    async book(homes, daysAhead = 14) {
      const ids = homes.map((home) => `5eed0000-0000-4000-8000-0000000001${String(home).padStart(2, "0")}`);
      const [home] = await sql<{ id: string }[]>`
        select p.id from public.properties p
        where p.id = any (${ids}::uuid[])
        order by (
          select count(*) from private.bookings b join auth.users g on g.id = b.guest_id
          where g.email = 'gita@example.com' and b.property_id = p.id
            and (b.expires_at > now() or b.status in ('withdrawn', 'expired') and b.status_at > now() - interval '1 day')
        ), p.id
        limit 1`;
      const property = home?.id ?? "";
      const { checkIn, checkOut } = await findFreeStay(sql, property, daysAhead);
      const guest = await session.as("gita");
      const { data } = await guest
        .from("bookings")
        .insert({ property_id: property, check_in: checkIn, check_out: checkOut })
        .select("id")
        .single()
        .throwOnError();
      return { id: data.id, guest };
    },
    async pay(guest, bookingId, card = goodCard) {
      const { data, error } = await guest.functions.invoke<{ pay_url: string; client_secret: string }>(
        "payments",
        {
          body: { booking_id: bookingId },
        },
      );
      if (error !== null || data === null) throw new Error(`payments: ${String(error)}`);
      await fetch(data.pay_url, { method: "POST", body: new URLSearchParams({ card }), redirect: "manual" });
      return data.client_secret.split("_secret_")[0] ?? "";
    },
    async atStripe<T>(command: string, request: object) {
      const url = `${config.stripeUrl}/_emulator/${command}`;
      const response = await fetch(url, { method: "POST", body: JSON.stringify(request) });
      if (!response.ok) throw new Error(`emulator, ${command}: ${await response.text()}`);
      return (await response.json()) as T;
    },
    async until(what, ask) {
      for (const deadline = Date.now() + patience; Date.now() < deadline; ) {
        const answer = await ask();
        if (answer !== undefined) return answer;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new StackError(`Waited a minute for ${what}.`, "`npm run logs` shows what the services say.");
    },
  };
  return session;
}
