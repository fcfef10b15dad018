// Read-only checks of a project: whether it has what this repository's migrations, configuration and functions give, with the remedy for
// what differs. docs/stacks.md describes them.

import { readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import type { Toml } from "../lib/config.ts";

export interface Project {
  url: string;
  /** A publishable or a secret key. */
  key: string;
}

/** What differs, and what to do; undefined when it does not. */
type Check = () => Promise<string | undefined>;

interface Answer {
  status: number;
  body: unknown;
}

/** Schemas that the API must not expose. */
const closedSchemas = ["private", "net", "vault", "auth", "pgmq", "cron", "graphql_shapes"];

/** The checks by name. @param root the folder of docs/openapi.json */
export function projectChecks(project: Project, root: string, toml: Toml): Record<string, Check> {
  const send = async (method: string, path: string, init: RequestInit = {}): Promise<Answer> => {
    const response = await fetch(new URL(path, project.url), {
      ...init,
      method,
      headers: { apikey: project.key, "content-type": "application/json", ...init.headers },
      signal: AbortSignal.timeout(20_000),
    });
    const text = await response.text();
    return { status: response.status, body: parsed(text) };
  };
  const graphql = async (query: string) => {
    const { body } = await send("POST", "/graphql/v1", { body: JSON.stringify({ query }) });
    return body as { data?: unknown; errors?: { message: string }[] };
  };

  return {
    "the key opens the API": async () => {
      const { status } = await send("GET", "/rest/v1/properties?select=id&limit=1");
      return status === 200 ? undefined : `properties answered ${status}: check the address and the key.`;
    },
    "every table is there, with its columns": async () => {
      const missing: string[] = [];
      for (const [table, columns] of tables(root)) {
        const { status, body } = await send("GET", `/rest/v1/${table}?select=${columns}&limit=0`);
        if (status === 404) missing.push(table);
        if (status === 400) missing.push(`${table} (${(body as { message?: string }).message})`);
      }
      return missing.length === 0 ? undefined : `missing: ${missing.join(", ")}. Run: npx supabase db push`;
    },
    // a function, because policies alone refuse the estimates of tables
    "requests are checked before they run": async () => {
      const { body } = await send("GET", "/rest/v1/rpc/search_properties?p_area=-&limit=0", {
        headers: { prefer: "count=planned" },
      });
      return refusesEstimate(body)
        ? undefined
        : "private.check_request does not run: set pgrst.db_pre_request of the role authenticator, as migration 0106 does.";
    },
    "tables are never counted by estimate": async () => {
      const body = await sendTwoPreferences(project, "/rest/v1/properties?limit=0", [
        "count=planned",
        "tx=commit",
      ]);
      return refusesEstimate(body)
        ? undefined
        : "a policy with private.refuse_estimate is missing: run the last migration again.";
    },
    "the API has no other schema": async () => {
      const open: string[] = [];
      for (const schema of closedSchemas) {
        const { status } = await send("GET", "/rest/v1/x?limit=0", { headers: { "accept-profile": schema } });
        if (status !== 406) open.push(schema);
      }
      return open.length === 0
        ? undefined
        : `open: ${open.join(", ")}. Remove them from the exposed schemas at once.`;
    },
    "GraphQL answers": async () => {
      const { errors } = await graphql("{ propertiesCollection(first: 1) { edges { node { id } } } }");
      if (errors === undefined) return undefined;
      const [{ message } = { message: "" }] = errors;
      if (message.includes("not enabled"))
        return "pg_graphql is off. Run: npx supabase db query --remote 'create extension pg_graphql'";
      return message.includes("Unknown field")
        ? 'GraphQL finds no table: see "An empty search path" in docs/stacks.md.'
        : message;
    },
    "GraphQL has the functions of graphql_shapes": async () => {
      const { errors } = await graphql('{ searchProperties(pArea: "-", first: 1) { edges { cursor } } }');
      return errors?.[0]?.message.includes("Unknown field")
        ? "api.extra_search_path lacks graphql_shapes: push the configuration as docs/guide/deploy.md does."
        : undefined;
    },
    "every Edge Function is deployed": async () => {
      const missing: string[] = [];
      for (const name of Object.keys(toml.functions)) {
        const { status } = await send("OPTIONS", `/functions/v1/${name}`);
        if (status === 404) missing.push(name);
      }
      return missing.length === 0
        ? undefined
        : `missing: ${missing.join(", ")}. Run: npx supabase functions deploy --use-api`;
    },
    "Auth is set up as in config.toml": async () => {
      const { body } = await send("GET", "/auth/v1/settings");
      const { disable_signup, mailer_autoconfirm } = body as Record<string, boolean | undefined>;
      const { enable_signup, email } = toml.auth;
      const differing = [
        ...(disable_signup === !enable_signup ? [] : ["enable_signup"]),
        ...(mailer_autoconfirm === !email.enable_confirmations ? [] : ["email.enable_confirmations"]),
      ];
      return differing.length === 0 ? undefined : `differs: ${differing.join(", ")} of [auth].`;
    },
  };
}

const refusesEstimate = (body: unknown): boolean => JSON.stringify(body).includes("estimate_not_allowed");

/** Reads with two headers `Prefer`, which fetch would join. PostgREST obeys the first and shows the database the last. */
function sendTwoPreferences({ url, key }: Project, path: string, prefer: string[]): Promise<unknown> {
  const target = new URL(path, url);
  const request = target.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const sent = request(target, { headers: { apikey: key, prefer }, timeout: 20_000 }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      resolve(parsed(Buffer.concat(chunks).toString()));
    });
    sent.on("timeout", () => sent.destroy(new Error("no answer")));
    sent.on("error", reject).end();
  });
}

/** The tables and views of the API, with their columns. */
function tables(root: string): [table: string, columns: string][] {
  const { paths, components } = JSON.parse(readFileSync(join(root, "docs/openapi.json"), "utf8")) as {
    paths: Record<string, { get?: unknown }>;
    components: { schemas: Record<string, { properties?: object }> };
  };
  return Object.entries(paths).flatMap(([path, { get }]): [string, string][] => {
    const [, table = ""] = /^\/rest\/v1\/([a-z_]+)$/.exec(path) ?? [];
    const columns = Object.keys(components.schemas[table]?.properties ?? {}).join(",");
    return get === undefined || columns === "" ? [] : [[table, columns]];
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Runs the checks and prints them; returns how many differ. @param print receives a line */
export async function checkProject(
  project: Project,
  root: string,
  toml: Toml,
  print: (line: string) => void,
): Promise<number> {
  let differing = 0;
  for (const [name, check] of Object.entries(projectChecks(project, root, toml))) {
    const problem = await check().catch((error: unknown) => String(error));
    if (problem !== undefined) differing += 1;
    print(problem === undefined ? `ok       ${name}` : `DIFFERS  ${name}\n         ${problem}`);
  }
  return differing;
}
