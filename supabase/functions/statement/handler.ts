// The whole statement of a host as one CSV file, however long it is: the function holds one page at a time, and reads the next one when
// the caller has taken it.

import { signedIn, type UserOf } from "../_shared/authenticate.ts";
import { describeError, positionOf } from "../_shared/describe-error.ts";
import type { Log } from "../_shared/log.ts";
import { serve } from "../_shared/serve.ts";
import { columns } from "./schema.ts";

export type Line = Record<(typeof columns)[number], string | number | null>;

/** What the handler needs; services.ts implements it. */
export interface Dependencies {
  userOf: UserOf;
  /** The lines after an id that the caller may read, the oldest first; none after the last one. */
  linesAfter(id: number, authorization: string): Promise<Line[]>;
  log: Log;
}

/** `GET` answers CSV. An error after the first page ends the answer early, so that the download fails. */
export function createHandler({
  userOf,
  linesAfter,
  log,
}: Dependencies): (request: Request) => Promise<Response> {
  return serve({
    methods: ["GET"],
    cors: true,
    authenticate: signedIn(userOf),
    log,
    async handle(request) {
      const authorization = request.headers.get("authorization") ?? "";
      let lines = await linesAfter(0, authorization);
      let text = `${columns.join(",")}\n`;
      const file = new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            controller.enqueue(new TextEncoder().encode(text + lines.map(csv).join("")));
            text = "";
            const last = lines.at(-1);
            if (last === undefined) return controller.close();
            try {
              lines = await linesAfter(Number(last.id), authorization);
            } catch (error) {
              log(`unexpected error: ${describeError(error)} (${positionOf(error)})`);
              throw error;
            }
          },
        },
        { highWaterMark: 0 },
      );
      return new Response(file, {
        headers: {
          "content-type": "text/csv; charset=utf-8",
          "content-disposition": 'attachment; filename="statement.csv"',
          "cache-control": "no-store",
        },
      });
    },
  });
}

/** A line of the file, as in RFC 4180. */
function csv(line: Line): string {
  const fields = columns.map((column) => {
    const field = String(line[column] ?? "");
    return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
  });
  return `${fields.join(",")}\n`;
}
