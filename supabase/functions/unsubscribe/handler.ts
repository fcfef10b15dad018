// The unsubscribe link of e-mails. GET only shows a button, because mail scanners open links; POST, from that button or from a mail
// program (RFC 8058, one click), turns the e-mails off.

import { anyone } from "../_shared/authenticate.ts";
import { functionErrors } from "../_shared/errors.ts";
import { escapeHtml } from "../_shared/escape-html.ts";
import type { Log } from "../_shared/log.ts";
import { serve } from "../_shared/serve.ts";

/** What the handler needs; index.ts provides it. */
export interface Dependencies {
  /** Turns off the topic of the token, or `digest`, and returns it; null when the token is not valid. */
  unsubscribe(token: string): Promise<string | null>;
  log: Log;
}

export function createHandler({ unsubscribe, log }: Dependencies): (request: Request) => Promise<Response> {
  return serve({
    methods: ["GET", "HEAD", "POST"],
    authenticate: anyone,
    log,
    async handle(request) {
      if (request.method !== "POST") {
        return page(200, "Turn off these e-mails?", '<form method="post"><button>Turn off</button></form>');
      }
      const topic = await unsubscribe(new URL(request.url).searchParams.get("token") ?? "");
      if (topic === null) {
        const { status, message, hint } = functionErrors.invalid_link;
        return page(status, message, `<p>${escapeHtml(hint)}</p>`);
      }
      return page(
        200,
        topic === "digest" ? "You will get no more digests." : `You will get no more e-mails about ${topic}.`,
        "<p>You can turn them on again in the settings of the app.</p>",
      );
    },
  });
}

function page(status: number, title: string, body: string): Response {
  const html = `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8" /><meta name="viewport" content="width=device-width" /><meta name="robots" content="noindex" /><title>${escapeHtml(title)}</title></head>
  <body style="font: 16px/1.6 system-ui, sans-serif; max-width: 32rem; margin: 2rem auto; padding: 0 1rem"><h1>${escapeHtml(title)}</h1>${body}</body>
</html>
`;
  const headers = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
  };
  return new Response(html, { status, headers });
}
