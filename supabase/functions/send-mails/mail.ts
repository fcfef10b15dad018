// Writes an e-mail from its template, as plain text and as HTML.

import { escapeHtml } from "../_shared/escape-html.ts";
import { type Data, templates } from "./templates.ts";

/** The answer of public.mail_to_send. */
export interface MailRequest {
  to: string;
  name?: string;
  kind: string;
  message_id: string;
  data: Data;
  unsubscribe_token?: string;
  app_url: string;
  public_api_url: string;
}

export interface Mail {
  subject: string;
  text: string;
  html: string;
}

/** The link that turns off e-mails of this topic (RFC 8058); undefined for e-mails that cannot be turned off. */
export function unsubscribeUrl(request: MailRequest): string | undefined {
  const { public_api_url, unsubscribe_token } = request;
  return unsubscribe_token === undefined
    ? undefined
    : `${public_api_url}/functions/v1/unsubscribe?token=${encodeURIComponent(unsubscribe_token)}`;
}

/**
 * Writes the e-mail of a request.
 *
 * @throws when its kind has no template
 */
export function writeMail(request: MailRequest): Mail {
  const template = templates[request.kind];
  if (template === undefined) throw new Error(`no template for ${request.kind}`);
  const { subject, paragraphs, action } = template(request.data);
  const link = action === undefined ? undefined : { ...action, url: `${request.app_url}${action.path}` };
  const greeting = request.name === undefined ? "Hello," : `Hello ${request.name},`;
  const unsubscribe = unsubscribeUrl(request);
  const lines = [greeting, ...paragraphs.filter((paragraph) => paragraph !== "")];
  return {
    subject: subject.replaceAll(/\s+/g, " "),
    text: [
      ...lines,
      ...(link === undefined ? [] : [`${link.label}: ${link.url}`]),
      ...(unsubscribe === undefined ? [] : [`-- \nTurn off e-mails like this: ${unsubscribe}`]),
    ].join("\n\n"),
    html: `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="color-scheme" content="light dark" />
    <title>${escapeHtml(subject)}</title>
  </head>
  <body style="font: 16px/1.6 system-ui, sans-serif; max-width: 32rem; margin: 2rem auto; padding: 0 1rem">
    <h1 style="font-size: 1.4rem">${escapeHtml(subject)}</h1>
${lines.map((line) => `    <p>${escapeHtml(line).replaceAll("\n", "<br />")}</p>`).join("\n")}
${link === undefined ? "" : `    <p><a href="${escapeHtml(link.url)}" style="display: inline-block; padding: 0.7rem 1.2rem; border-radius: 0.4rem; background: #14532d; color: #fff; text-decoration: none">${escapeHtml(link.label)}</a></p>\n`}${unsubscribe === undefined ? "" : `    <p style="opacity: 0.7; font-size: 0.85rem"><a href="${escapeHtml(unsubscribe)}" style="color: inherit">Turn off e-mails like this</a></p>\n`}  </body>
</html>
`,
  };
}
