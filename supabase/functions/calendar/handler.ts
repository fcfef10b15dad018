// GET calendar/<token>.ics: the nights that are taken, for a channel that imports them.

import { createHash } from "node:crypto";
import { anyone } from "../_shared/authenticate.ts";
import { apiError } from "../_shared/errors.ts";
import type { Log } from "../_shared/log.ts";
import { serve } from "../_shared/serve.ts";
import { type ExportedCalendar, writeCalendar } from "./calendar.ts";

/** What the handler needs; index.ts provides it. */
export interface Dependencies {
  /** Null when there is no such link. */
  calendarOf(token: string): Promise<ExportedCalendar | null>;
  log: Log;
}

/** Answers 304 when the caller has the file already: channels ask every hour, and calendars change a few times a week. */
export function createHandler({ calendarOf, log }: Dependencies): (request: Request) => Promise<Response> {
  return serve({
    methods: ["GET", "HEAD"],
    authenticate: anyone,
    log,
    async handle(request) {
      const [, token] = /\/calendar\/([0-9a-f]{32})\.ics$/.exec(new URL(request.url).pathname) ?? [];
      const found = token === undefined ? null : await calendarOf(token);
      if (found === null) throw apiError("calendar_not_found");
      const file = writeCalendar(found);
      const etag = `"${createHash("sha256").update(file).digest("base64url")}"`;
      const known = request.headers.get("if-none-match")?.split(",") ?? [];
      const isKnown = known.some((one) => ["*", etag].includes(one.trim().replace(/^W\//, "")));
      return new Response(isKnown || request.method === "HEAD" ? null : file, {
        status: isKnown ? 304 : 200,
        headers: {
          etag,
          "cache-control": "private, no-cache",
          "content-type": "text/calendar; charset=utf-8",
          "content-disposition": 'attachment; filename="calendar.ics"',
          "x-robots-tag": "noindex",
        },
      });
    },
  });
}
