// What visitors of a market ask for: the kinds of visits, their shares, and the requests of each.

import { SignJWT } from "jose";
import type { StackConfig } from "../lib/config.ts";
import { type BusyMarket, freeFrom } from "./busy-market.ts";
import { day } from "./dates.ts";
import { around, mulberry32, weighted } from "./search-arguments.ts";

/** Makes the requests of one visit, and returns the answers. */
export type Visit = () => Promise<Response[]>;

export interface Kind {
  name: string;
  /** In per cent of all visits. */
  share: number;
  visit: Visit;
}

export interface Visits {
  kinds: Kind[];
  /** A row by its key, to compare with. */
  keyRead: Visit;
  /** A host's change: a price, or a block made and removed. */
  write: Visit;
}

const page =
  "*,host:profiles!host_id(display_name),amenities(name),property_photos(path,alt_text),property_ratings(*),house_rules(*)";
const sorts = ["price", "price", "rating", "recommended", "distance"];

/** The same market gives the same visits, in the same order. */
export async function createVisits(config: StackConfig, market: BusyMarket): Promise<Visits> {
  const random = mulberry32(11);
  const pick = <T>(list: T[]) => list[Math.floor(random() * list.length)] as T;
  const number = (from: number, to: number) => from + Math.floor(random() * (to - from + 1));
  const tokens = await signTokens(config, [
    ...market.guests,
    ...new Set(market.properties.map(({ host }) => host)),
  ]);

  async function send(method: string, path: string, person?: string, body?: object): Promise<Response> {
    const response = await fetch(`${config.apiUrl}/rest/v1/${path}`, {
      method,
      headers: {
        apikey: config.keys.publishable,
        prefer: "return=representation",
        ...(body !== undefined && { "content-type": "application/json" }),
        ...(person !== undefined && { authorization: `Bearer ${tokens.get(person)}` }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    // the body is part of the time
    const { status, statusText, headers, url } = response;
    const whole = await response.arrayBuffer();
    const copy = new Response(whole.byteLength === 0 ? null : whole, { status, statusText, headers });
    return Object.defineProperty(copy, "url", { value: url });
  }
  const call = (name: string, values: Record<string, unknown>) =>
    send("GET", `rpc/${name}?${new URLSearchParams(asText(values))}`);

  function area(): Record<string, unknown> {
    const city = weighted(market.cities, random);
    const draw = random();
    if (draw < 0.2) return { p_area: `City ${city.id}` };
    if (draw < 0.23) return { p_west: -180, p_south: -85, p_east: 180, p_north: 85 };
    const at = {
      latitude: city.latitude + (random() - 0.5) * 0.1,
      longitude: city.longitude + (random() - 0.5) * 0.1,
    };
    if (draw < 0.35)
      return { p_latitude: at.latitude, p_longitude: at.longitude, p_radius: number(1, 25) * 1_000 };
    return around(at, pick([4, 10, 30, 60]));
  }
  function dates(): Record<string, unknown> {
    if (random() < 0.3) return {};
    const from = number(5, 250);
    return { p_check_in: day(from), p_check_out: day(from + number(2, 9)) };
  }
  /** Five nights that nothing of the market takes; stays that are booked are later than those that are quoted. */
  function freeStay(isBooked: boolean): [checkIn: string, checkOut: string] {
    const from = freeFrom + (isBooked ? number(55, 100) : number(5, 45));
    return [day(from), day(from + 5)];
  }
  const filters = () => ({
    p_adults: number(1, 4),
    ...(random() < 0.4 && { p_currency: "EUR", p_max_price: number(80, 400) * 100 }),
    ...(random() < 0.3 && { p_amenities: "{wifi}" }),
  });

  let turn = 0;
  const kinds: Kind[] = [
    {
      name: "search",
      share: 60,
      async visit() {
        return [
          await call("search_properties", { ...area(), ...dates(), ...filters(), p_sort: pick(sorts) }),
        ];
      },
    },
    {
      name: "property page",
      share: 15,
      async visit() {
        return [await send("GET", `properties?id=eq.${pick(market.properties).id}&select=${page}`)];
      },
    },
    {
      name: "calendar",
      share: 10,
      async visit() {
        const from = number(0, 200);
        const values = { p_from: day(from), p_to: day(from + number(30, 120)) };
        return [await call("property_calendar", { p_property_id: pick(market.properties).id, ...values })];
      },
    },
    {
      name: "quote",
      share: 8,
      async visit() {
        const [p_check_in, p_check_out] = freeStay(false);
        const values = { p_property_id: pick(market.properties).id, p_check_in, p_check_out, p_adults: 2 };
        return [await call("quote_stay", values)];
      },
    },
    {
      name: "facets",
      share: 4,
      async visit() {
        return [await call("search_facets", { ...area(), ...dates(), ...filters() })];
      },
    },
    {
      name: "book and give up",
      share: 3,
      async visit() {
        const guest = market.guests[turn % market.guests.length];
        const property_id = market.properties[turn++ % market.properties.length]?.id;
        const [check_in, check_out] = freeStay(true);
        const made = await send("POST", "bookings?select=id", guest, {
          property_id,
          check_in,
          check_out,
          adults: 2,
        });
        if (!made.ok) return [made];
        const [booking] = (await made.clone().json()) as { id: string }[];
        return [made, await send("DELETE", `bookings?id=eq.${booking?.id}&select=id`, guest)];
      },
    },
  ];
  return {
    kinds,
    keyRead: async () => [
      await send("GET", `properties?id=eq.${pick(market.properties).id}&select=id,title,base_price`),
    ],
    async write() {
      const { id, host } = pick(market.properties);
      if (random() < 0.5)
        return [
          await send("PATCH", `properties?id=eq.${id}&select=id`, host, {
            base_price: number(30, 300) * 100,
          }),
        ];
      const from = freeFrom + number(109, 115);
      const block = { property_id: id, check_in: day(from), check_out: day(from + 2) };
      const made = await send("POST", "host_blocks?select=id", host, block);
      if (!made.ok) return [made];
      const [row] = (await made.clone().json()) as { id: string }[];
      return [made, await send("DELETE", `host_blocks?id=eq.${row?.id}&select=id`, host)];
    },
  };
}

function asText(values: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));
}

async function signTokens(config: StackConfig, people: string[]): Promise<Map<string, string>> {
  const secret = new TextEncoder().encode(config.keys.jwtSecret);
  const tokens = await Promise.all(
    people.map(
      async (id): Promise<[string, string]> => [
        id,
        await new SignJWT({ role: "authenticated" })
          .setProtectedHeader({ alg: "HS256" })
          .setSubject(id)
          .setAudience("authenticated")
          .setExpirationTime("1h")
          .sign(secret),
      ],
    ),
  );
  return new Map(tokens);
}
