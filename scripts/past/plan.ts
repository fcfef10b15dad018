// The stays of the past, planned ahead: who stays where and when, and how it goes. Days count from the last day of the past, which is
// today, so that the same stays run and come on every day.

import { gita, guests, hosts, type Person, tom } from "./people.ts";
import type { Random } from "./random.ts";

/** A property of supabase/seed.sql. */
export interface Home {
  id: string;
  host: Person;
  isInstant: boolean;
  maxGuests: number;
  minNights: number;
  /** From 2 to 5; decides its reviews. */
  quality: number;
}

/** How a booking goes. */
export type Course =
  | "stayed"
  | "altered"
  | "cancelled by the guest"
  | "cancelled by the host"
  | "no-show"
  | "declined"
  | "withdrawn"
  | "expired";

export interface Stay {
  home: Home;
  guest: Person;
  /** Days from today. */
  checkIn: number;
  nights: number;
  adults: number;
  /** Hours from today's midnight in UTC at which it is booked. */
  bookedAt: number;
  /** Minutes until the guest pays. */
  payAfter: number;
  /** Hours until the host answers a request. */
  answerAfter: number;
  course: Course;
  /** From 0 to 1: when between booking and check-in it is altered or cancelled. */
  turn: number;
  card: string;
  reviews: { guest: boolean; host: boolean; reply: boolean; note: boolean; after: number; stars: number };
  /** A number for texts. */
  text: number;
  talks: boolean;
}

/** In days. */
export const length = 730;
/** How far ahead guests have booked. */
const ahead = 75;

/** Each day from tomorrow on, for nine days, a stay ends at one of these properties, in Lisbon or Kyoto. */
const departures = [2, 8, 4, 18, 6, 10, 14, 24, 1].map((n, index) => ({
  homeId: `5eed0000-0000-4000-8000-0000000001${String(n).padStart(2, "0")}`,
  checkOut: index + 1,
}));

/** How many guests want to come in each month, where 1 is the average: Lisbon in summer, Kyoto for cherry blossom and autumn leaves. */
const seasons = {
  PT: [0.5, 0.6, 0.8, 1.1, 1.2, 1.5, 1.8, 1.9, 1.4, 1.0, 0.6, 0.7],
  JP: [0.6, 0.6, 1.4, 1.9, 1.1, 0.8, 0.9, 0.9, 0.8, 1.3, 1.9, 0.8],
};

/** @param today the last day of the past, in milliseconds since 1970 */
export function planStays(random: Random, homes: Home[], today: number): Stay[] {
  const stays: Stay[] = [];
  for (const home of homes) {
    const season = seasons[home.host.id < hosts.yuki.id ? "PT" : "JP"];
    let day = -length + random.between(20, 60);
    let departure = departures.find(({ homeId }) => homeId === home.id);
    while (day < ahead) {
      const month = new Date(today + day * 86_400_000).getUTCMonth();
      day += Math.max(2, Math.round((random.next() * 2 * 40) / (season[month] ?? 1)));
      let stay = planStay(random, home, day);
      if (departure !== undefined) {
        const nights = Math.max(home.minNights, 4);
        const checkIn = departure.checkOut - nights;
        if (day + (stay?.nights ?? 0) + 3 > checkIn) {
          day = checkIn;
          stay = {
            ...planStay(random, home, -30),
            checkIn,
            nights,
            bookedAt: -20 * 24 + 10,
            course: "stayed",
          } as Stay;
          departure = undefined;
        }
      }
      if (stay === undefined || day >= ahead) continue;
      stays.push(stay);
      day += stay.nights + 3; // an altered stay is a night longer, and preparation takes one
    }
  }
  return stays;
}

function planStay(random: Random, home: Home, checkIn: number): Stay | undefined {
  const nights = home.minNights + random.pick([0, 1, 1, 2, 2, 3, 4, 6]);
  const guest = random.chance(0.25) ? random.pick([gita, tom]) : random.pick(guests);
  const lead = random.pick([4, 6, 9, 13, 18, 25, 33, 46, 61, 80]) + random.between(0, 3);
  const bookedAt = (Math.max(checkIn - lead, -length + 5) - 1) * 24 + random.between(30, 44);
  const course = courseOf(random, home);
  const quality = home.quality + random.pick([-1, 0, 0, 0, 1]);
  const stay: Stay = {
    home,
    guest,
    checkIn,
    nights,
    adults: random.between(1, Math.min(home.maxGuests, 4)),
    bookedAt,
    payAfter: random.between(1, 12),
    answerAfter: random.between(1, 20),
    course,
    turn: 0.1 + random.next() * 0.8,
    card: random.pick(["pm_card_visa", "pm_card_mastercard"]),
    reviews: {
      guest: random.chance(0.72),
      host: random.chance(0.6),
      reply: random.chance(0.25),
      note: random.chance(0.1),
      after: random.between(8, 150),
      stars: Math.max(2, Math.min(5, quality)),
    },
    text: random.between(0, 1_000_000),
    talks: random.chance(0.45),
  };
  // the scenes of today show what happens from yesterday on
  return bookedAt > -30 ? undefined : stay;
}

function courseOf(random: Random, home: Home): Course {
  const chance = random.next();
  if (chance < 0.09) return "cancelled by the guest";
  if (chance < 0.115) return "cancelled by the host";
  if (chance < 0.125) return "no-show";
  if (chance < 0.19) return "altered";
  if (home.isInstant) return chance < 0.22 ? "expired" : "stayed";
  if (chance < 0.27) return "declined";
  if (chance < 0.3) return "withdrawn";
  if (chance < 0.32) return "expired";
  return "stayed";
}
