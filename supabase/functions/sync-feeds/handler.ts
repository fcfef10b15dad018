// Reads calendar feeds that are due. What follows from them is decided in the database.

import { describeError } from "../_shared/describe-error.ts";
import { type Answer, GetError } from "../_shared/get-public.ts";
import { dayIn } from "../_shared/ical/days.ts";
import { type Feed, readFeed } from "../_shared/ical/feed.ts";
import { FeedError } from "../_shared/ical/lines.ts";
import { createInternalFunction, type Internal } from "../_shared/internal.ts";
import type { Log } from "../_shared/log.ts";

/** As take_due_feeds returns it. `lease` is the fencing token: only the latest run can record an answer. */
export interface DueFeed {
  feed_id: string;
  lease: string;
  url: string;
  /** IANA zone of the property. */
  time_zone: string;
  etag: string | null;
  last_modified: string | null;
}

/** As record_feed_sync takes it. */
export type FeedAnswer =
  | (Feed & { etag: string | undefined; last_modified: string | undefined })
  | { not_modified: true }
  | { error: string };

/** What the worker needs; index.ts provides it. */
export interface Dependencies {
  internal: Internal;
  take(): Promise<DueFeed[]>;
  /** False when the feed was paused or deleted, or another run has taken it meanwhile. */
  record(feed: DueFeed, answer: FeedAnswer): Promise<boolean>;
  /** Reads a URL of a public address within the limits. */
  get(url: string, headers: Record<string, string>): Promise<Answer>;
  /** Milliseconds since 1970. */
  now(): number;
  log: Log;
}

/** How many feeds are read at the same time. */
const concurrency = 5;

export function createHandler(dependencies: Dependencies): (request: Request) => Promise<Response> {
  const { internal, take, record, get, now, log } = dependencies;

  async function read(feed: DueFeed): Promise<FeedAnswer> {
    const answer = await get(feed.url, {
      accept: "text/calendar, */*;q=0.1",
      // Airbnb refuses callers that do not name themselves
      "user-agent": "Staybase/1 (calendar sync)",
      ...(feed.etag === null ? {} : { "if-none-match": feed.etag }),
      ...(feed.last_modified === null ? {} : { "if-modified-since": feed.last_modified }),
    });
    if (answer.status === 304) return { not_modified: true };
    if (answer.status !== 200) return { error: `status_${answer.status}` };
    const today = dayIn(feed.time_zone, now(), "UTC");
    return {
      ...readFeed(answer.body, { timeZone: feed.time_zone, today }),
      etag: answer.etag,
      last_modified: answer.lastModified,
    };
  }

  /** Nothing of a feed goes into the log but its id: address and content are secret. */
  async function sync(feed: DueFeed): Promise<boolean> {
    let answer: FeedAnswer;
    try {
      answer = await read(feed);
    } catch (error) {
      if (!(error instanceof GetError || error instanceof FeedError)) throw error;
      answer = { error: error.code };
    }
    const isRecorded = await record(feed, answer);
    const outcome = "error" in answer ? answer.error : "read";
    log(`feed ${feed.feed_id}: ${isRecorded ? outcome : "paused, deleted or taken meanwhile"}`, "info");
    return !("error" in answer);
  }

  return createInternalFunction({
    internal,
    log,
    async work(run) {
      const count = { read: 0, failed: 0 };
      do {
        for (let feeds = await take(); feeds.length > 0; feeds = run.mayContinue() ? await take() : []) {
          const waiting = [...feeds];
          const lanes = Array.from({ length: concurrency }, async () => {
            for (let feed = waiting.shift(); feed !== undefined; feed = waiting.shift()) {
              const { feed_id } = feed;
              const isRead = await sync(feed).catch((error) => {
                // the database gives the feed to another run in 2 minutes
                log(`feed ${feed_id}: ${describeError(error)}`);
                return false;
              });
              count[isRead ? "read" : "failed"] += 1;
            }
          });
          await Promise.all(lanes);
        }
      } while (await run.again());
      return count;
    },
  });
}
