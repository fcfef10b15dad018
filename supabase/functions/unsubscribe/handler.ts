// The link at the end of mails. GET shows a page with a button, because programs that look through mails open links; POST, from
// that button or from a mail program (RFC 8058, one click), turns the mails off.

/** What the function needs of the outside; index.ts gives the real ones. */
export interface Dependencies {
  /** Turns off the topic that a token is for, or `digest`, and returns it; null when the token is not ours. */
  unsubscribe(token: string): Promise<string | null>;
}

export function createHandler({ unsubscribe }: Dependencies): (request: Request) => Promise<Response> {
  return async (request) => {
    const token = new URL(request.url).searchParams.get("token") ?? "";
    if (request.method === "GET" || request.method === "HEAD") {
      return page(
        200,
        "No more mails like this?",
        '<form method="post"><button>Turn them off</button></form>',
      );
    }
    if (request.method !== "POST") return page(405, "Use the link in the mail.", "");
    const topic = await unsubscribe(token);
    return topic === null
      ? page(404, "This link is not valid.", "<p>You can choose your mails in the settings of the app.</p>")
      : page(
          200,
          topic === "digest" ? "You get no more digests." : `You get no more mails about ${topic}.`,
          "<p>You can turn them on again in the settings of the app.</p>",
        );
  };
}

function page(status: number, title: string, body: string): Response {
  const html = `<!doctype html>
<html lang="en">
  <head><meta charset="utf-8" /><meta name="viewport" content="width=device-width" /><meta name="robots" content="noindex" /><title>${title}</title></head>
  <body style="font: 16px/1.6 system-ui, sans-serif; max-width: 32rem; margin: 2rem auto; padding: 0 1rem"><h1>${title}</h1>${body}</body>
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
