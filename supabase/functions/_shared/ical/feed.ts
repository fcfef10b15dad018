// A channel's calendar feed: which nights it says are taken. Sources of the rules: docs/decisions/calendar-feeds.md.

import { createHash } from "node:crypto";
import { eventsOf } from "./components.ts";
import { type ParsedEvent, type ReadOptions, readEvent } from "./event.ts";
import { FeedError, linesOf } from "./lines.ts";

/** Nights that a channel states. It has nothing personal: no name, no description. */
export interface FeedEvent {
  /** The channel's UID; one of our own where the channel has none or uses it for several stays. */
  uid: string;
  check_in: string;
  check_out: string;
  /** `closed`: the channel does not say that it is a stay. */
  kind: "stay" | "closed";
}

export interface Feed {
  /** Those that end after today, by first night. */
  events: FeedEvent[];
  /** How many events could not be read. */
  unreadable: number;
}

/** The most events that end after today. */
export const mostEvents = 500;

/** Every channel's words for nights that are not available, whether sold elsewhere or closed by the host. */
const closed = /not available|unavailable|blocked|closed|indisponible|bloqu/i;

/**
 * Reads a feed. An event that cannot be read is counted and left out.
 *
 * @throws FeedError when the feed as a whole cannot be used: then nothing may change
 */
export function readFeed(bytes: Uint8Array, options: ReadOptions): Feed {
  const parsed: ParsedEvent[] = [];
  let unreadable = 0;
  for (const lines of eventsOf(linesOf(bytes))) {
    try {
      parsed.push(readEvent(lines, options));
    } catch {
      unreadable += 1;
    }
  }
  const events = stated(valid(parsed).filter(({ blocks }) => blocks)).filter(
    ({ check_out }) => check_out > options.today,
  );
  if (events.length > mostEvents) throw new FeedError("too_many_events");
  return { events, unreadable };
}

/** The versions that count: of one UID those with the highest SEQUENCE, without the repetitions that others replace. */
function valid(parsed: ParsedEvent[]): ParsedEvent[] {
  const keyOf = ({ uid, replaces = "" }: ParsedEvent) => `${uid}\n${replaces}`;
  const highest = new Map<string, number>();
  const replaced = new Map<string, Set<string>>();
  for (const event of parsed) {
    if (event.uid === "") continue;
    highest.set(keyOf(event), Math.max(event.sequence, highest.get(keyOf(event)) ?? 0));
    if (event.replaces !== undefined) {
      replaced.set(event.uid, (replaced.get(event.uid) ?? new Set()).add(event.replaces));
    }
  }
  return parsed
    .filter((event) => event.uid === "" || event.sequence === highest.get(keyOf(event)))
    .map((event) =>
      event.replaces === undefined
        ? { ...event, nights: event.nights.filter(([day]) => !replaced.get(event.uid)?.has(day)) }
        : event,
    );
}

/** One event for each UID and nights, by first night. */
function stated(parsed: ParsedEvent[]): FeedEvent[] {
  const byUid = new Map<string, Map<string, FeedEvent>>();
  for (const { uid, summary, nights } of parsed) {
    const kind = closed.test(summary) ? "closed" : "stay";
    const group = byUid.get(uid) ?? new Map<string, FeedEvent>();
    for (const [check_in, check_out] of nights) {
      group.set(`${check_in}/${check_out}`, { uid, check_in, check_out, kind });
    }
    byUid.set(uid, group);
  }
  return [...byUid.entries()]
    .flatMap(([uid, group]) =>
      [...group.entries()].map(([nights, event]) => ({
        ...event,
        uid: short(uid !== "" && group.size === 1 ? uid : `${uid}#${nights}`),
      })),
    )
    .sort((a, b) => a.check_in.localeCompare(b.check_in) || a.uid.localeCompare(b.uid));
}

/** A UID may have any length; the database keeps up to 200 characters. */
function short(uid: string): string {
  return uid.length <= 200 ? uid : `sha256:${createHash("sha256").update(uid).digest("hex")}`;
}
