// Where Auth may lead back to, the site itself and the patterns in additional_redirect_urls, and what it gives the app on the way.

import type { Call } from "./call.ts";
import { escapeHtml } from "./mails.ts";
import type { Settings } from "./settings.ts";

/** The address that the request names, when it is allowed; otherwise the site. */
export function redirectOf(call: Call, settings: Settings): string {
  const named = [
    call.headers.get("redirect_to"),
    call.query.get("redirect_to"),
    call.headers.get("referer"),
  ].find((url) => url !== null && mayRedirect(url, settings));
  return named ?? settings.site_url;
}

export function mayRedirect(url: string, settings: Settings): boolean {
  const target = parse(url);
  const site = parse(settings.site_url);
  if (target === undefined || site === undefined) return false;
  const samePort = target.port === site.port || isLoopback(target.hostname);
  if (target.protocol === site.protocol && target.hostname === site.hostname && samePort) return true;
  if (isAddress(target.hostname) && !isLoopback(target.hostname)) return false;
  const [withoutFragment = ""] = url.split("#", 1);
  return settings.additional_redirect_urls.some((pattern) => toRegExp(pattern).test(withoutFragment));
}

function parse(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(\.\d+){3}$/.test(host);
}

function isAddress(host: string): boolean {
  return /^\d+$/.test(host) || /^\d+(\.\d+){3}$/.test(host) || host.startsWith("[");
}

/** A pattern of Supabase Auth: `*` stops at dots and slashes, `**` does not, `?` is one character. */
function toRegExp(pattern: string): RegExp {
  const source = pattern.replaceAll(/\*\*|\*|\?|[\\^$.|+()[\]{}]/g, (part) => {
    if (part === "**") return ".*";
    if (part === "*") return "[^./]*";
    return part === "?" ? "[^./]" : `\\${part}`;
  });
  return new RegExp(`^${source}$`);
}

export function redirect(location: string, status: 302 | 303 = 303): Response {
  const page = `<a href="${escapeHtml(location)}">${status === 302 ? "Found" : "See Other"}</a>.\n\n`;
  return new Response(page, { status, headers: { location, "content-type": "text/html; charset=utf-8" } });
}

/** An address with more values in its query, in the order of their names. */
export function withQuery(url: string, values: Record<string, string>): string {
  const [base = "", query = ""] = (url.split("#", 1)[0] ?? "").split("?", 2);
  const parameters = new URLSearchParams(query);
  for (const [name, value] of Object.entries(values)) parameters.set(name, value);
  parameters.sort();
  return `${base}?${parameters}`;
}

/** An address with a fragment of these values, and Supabase's mark of its own fragments. */
export function withFragment(url: string, values: Record<string, unknown>): string {
  const fragment = new URLSearchParams(
    Object.entries({ ...values, sb: "" }).map(([name, value]): [string, string] => [name, String(value)]),
  );
  fragment.sort();
  return `${url.split("#", 1)[0]}#${fragment}`;
}

/** The name that OAuth has for an error. */
export function oauthError(status: number): string {
  const names: Record<number, string> = {
    400: "invalid_request",
    401: "unauthorized_client",
    403: "access_denied",
  };
  return names[status] ?? "server_error";
}
