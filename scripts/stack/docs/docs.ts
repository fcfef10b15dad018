// The documentation that the stack serves: the page at `/` with the status and the API, GraphiQL at `/graphql`, and the files that
// they load. All files are local; packages are read at the first visit.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { createClock } from "../../../supabase/functions/_shared/clock.ts";
import { clockFile, databaseUrl, type StackConfig } from "../../lib/config.ts";
import { listens } from "../../lib/ports.ts";
import type { Rest } from "../rest.ts";

export interface Docs {
  /** The page or file at a path, or undefined. */
  find(path: string): Promise<Document | undefined>;
}

export interface Document {
  headers: Record<string, string>;
  body: string | Buffer;
}

const require = createRequire(import.meta.url);
const pages = join(import.meta.dirname, "pages");

const types: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
};

/** Both viewers write styles into the page, so styles may be inline; scripts may not. No other host is contacted. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

export function createDocs(config: StackConfig, rest: Rest): Docs {
  const ours = (name: string) => readFile(join(pages, name), "utf8");
  const swagger = (name: string) => readFile(join(dirname(require.resolve("swagger-ui-dist")), name));
  const graphiql = async (name: keyof typeof import("@graphql-yoga/render-graphiql/graphiql")) =>
    (await import("@graphql-yoga/render-graphiql/graphiql"))[name];

  const files: Record<string, () => Promise<string | Buffer>> = {
    "/": async () => page(config, await ours("home.html")),
    "/graphql": async () => page(config, await ours("graphiql.html")),
    "/openapi.json": () => description(config),
    "/status.json": async () => JSON.stringify(await status(config, rest)),
    "/docs/style.css": () => ours("style.css"),
    "/docs/session.js": () => ours("session.js"),
    "/docs/home.js": () => ours("home.js"),
    "/docs/explorer.js": () => ours("explorer.js"),
    "/docs/swagger-ui.css": () => swagger("swagger-ui.css"),
    "/docs/swagger-ui.js": () => swagger("swagger-ui-bundle.js"),
    "/docs/graphiql.css": () => graphiql("css"),
    "/docs/graphiql.js": () => graphiql("js"),
    "/docs/editorWorkerService.js": () => graphiql("editorWorkerService"),
    "/docs/json.js": () => graphiql("jsonWorker"),
    "/docs/graphql.js": () => graphiql("graphqlWorker"),
  };

  return {
    async find(path) {
      const read = Object.hasOwn(files, path) ? files[path] : undefined;
      if (read === undefined) return undefined;
      return {
        headers: {
          "content-type": types[extname(path)] ?? (types[".html"] as string),
          "content-security-policy": policy,
          "x-content-type-options": "nosniff",
          "referrer-policy": "no-referrer",
          "cache-control": "no-cache",
        },
        body: await read(),
      };
    },
  };
}

/** A page with the addresses and keys of this stack in place of `{{apiUrl}}` and the like. None of them contains HTML. */
function page(config: StackConfig, html: string): string {
  const { apiUrl, mailUrl, stripeUrl, keys } = config;
  const values: Record<string, string> = {
    apiUrl,
    mailUrl,
    stripeUrl,
    databaseUrl: databaseUrl(config),
    publishable: keys.publishable,
    secret: keys.secret,
  };
  return html.replace(/\{\{(\w+)\}\}/g, (_match, name: string) => values[name] ?? "");
}

/** docs/openapi.json with this stack as its first server, and the dates of its examples 60 to 90 days ahead. */
async function description(config: StackConfig): Promise<string> {
  const { root, apiUrl } = config;
  const now = createClock(clockFile(config));
  const ahead = (days: number) => new Date(now() + days * 86_400_000).toISOString().slice(0, 10);
  const text = (await readFile(join(root, "docs/openapi.json"), "utf8"))
    .replaceAll("2027-06-04", ahead(60))
    .replaceAll("2027-06-06", ahead(62))
    .replaceAll("2027-07-02", ahead(88))
    .replaceAll("2027-07-04", ahead(90));
  const document = JSON.parse(text);
  document.servers[0].url = apiUrl;
  return JSON.stringify(document);
}

/** Which of the servers behind the gateway answer. The other parts run in the gateway's own process. */
async function status({ ports }: StackConfig, rest: Rest): Promise<Record<string, boolean>> {
  const servers = { Database: ports.db, REST: rest.port, "Mail catcher": ports.mail, Payments: ports.stripe };
  const answers = Object.entries(servers).map(async ([name, port]) => [name, await listens(port)] as const);
  return Object.fromEntries(await Promise.all(answers));
}
