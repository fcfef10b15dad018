// `npm run test:official -- --url … --key …`: finds nothing on a complete project, finds what is missing, and only reads.

import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { loadConfig, projectRoot } from "../../../scripts/lib/config.ts";
import { checkProject } from "../../../scripts/official/check-project.ts";
import { database } from "../support/database.ts";
import { stack } from "../support/stack.ts";

const { toml } = loadConfig();
let server: Server | undefined;
afterEach(() => server?.close());

/** A project like the stack under test, save for the answers to some paths. Notes what it received. */
async function projectWithout(answers: Record<string, [status: number, body: unknown]>) {
  const seen: string[] = [];
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = "GET", url = "/" } = request;
    seen.push(`${method} ${url.split("?")[0]}`);
    const [, answer] = Object.entries(answers).find(([path]) => url.startsWith(path)) ?? [];
    if (answer !== undefined) {
      response.writeHead(answer[0], { "content-type": "application/json" }).end(JSON.stringify(answer[1]));
      return;
    }
    const { host: _, connection: __, ...headers } = request.headers;
    const real = await fetch(`${stack.apiUrl}${url}`, {
      method,
      headers: headers as Record<string, string>,
      ...(chunks.length === 0 ? {} : { body: new Uint8Array(Buffer.concat(chunks)) }),
    });
    response.writeHead(real.status, { "content-type": "application/json" }).end(await real.text());
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

async function check(url: string, key = stack.publishableKey): Promise<string[]> {
  const lines: string[] = [];
  const differing = await checkProject({ url, key }, projectRoot, toml, (line) => lines.push(line));
  const found = lines.filter((line) => !line.startsWith("ok"));
  expect(found).toHaveLength(differing);
  return found.map((line) => line.replace("DIFFERS  ", "").replace(/\n\s+/, ": "));
}

it.each([
  ["publishable", stack.publishableKey],
  ["secret", stack.secretKey],
])("finds nothing with the %s key, and only reads", async (_kind, key) => {
  const { url, seen } = await projectWithout({});
  expect(await check(url, key)).toEqual([]);
  expect(seen.length).toBeGreaterThan(60);
  expect(seen.filter((request) => !/^(GET|OPTIONS) |^POST \/graphql\/v1$/.test(request))).toEqual([]);
});

it.each<[string, Record<string, [number, unknown]>, string[]]>([
  [
    "GraphQL that is off",
    { "/graphql/v1": [200, { errors: [{ message: "pg_graphql extension is not enabled." }] }] },
    ["GraphQL answers: pg_graphql is off. Run: npx supabase db query --remote 'create extension pg_graphql'"],
  ],
  [
    "GraphQL with an empty search path",
    {
      "/graphql/v1": [
        200,
        { data: null, errors: [{ message: 'Unknown field "propertiesCollection" on type Query' }] },
      ],
    },
    [
      'GraphQL answers: GraphQL finds no table: see "An empty search path" in docs/stacks.md.',
      "GraphQL has the functions of graphql_shapes: api.extra_search_path lacks graphql_shapes: push the configuration as docs/guide/deploy.md does.",
    ],
  ],
  [
    "migrations that are missing",
    {
      "/rest/v1/host_blocks": [404, { code: "PGRST205" }],
      "/rest/v1/reviews": [400, { code: "42703", message: "column reviews.reply does not exist" }],
    },
    [
      "every table is there, with its columns: missing: host_blocks, reviews (column reviews.reply does not exist). Run: npx supabase db push",
    ],
  ],
  [
    "a function that is missing",
    { "/functions/v1/statement": [404, { code: "NOT_FOUND" }] },
    ["every Edge Function is deployed: missing: statement. Run: npx supabase functions deploy --use-api"],
  ],
  [
    "an open sign-up",
    { "/auth/v1/settings": [200, { disable_signup: false, mailer_autoconfirm: true }] },
    ["Auth is set up as in config.toml: differs: email.enable_confirmations of [auth]."],
  ],
])("finds %s", async (_what, answers, expected) => {
  const { url } = await projectWithout(answers);
  expect(await check(url)).toEqual(expected);
});

it("finds an exposed schema, checks that do not run, and a project that does not answer", async () => {
  const { url } = await projectWithout({
    "/rest/v1/x": [200, []],
    "/rest/v1/properties?limit=0": [200, []],
    "/rest/v1/rpc/search_properties?p_area=-": [200, []],
  });
  expect((await check(url)).map((line) => line.split(":")[0])).toEqual([
    "requests are checked before they run",
    "tables are never counted by estimate",
    "the API has no other schema",
  ]);
  server?.close();
  expect((await check("http://127.0.0.1:9")).length).toBe(9);
});

it("finds that PostgREST runs no check, though policies still refuse estimates", async () => {
  const sql = database();
  const setting = (value: string) =>
    sql.unsafe(`alter role authenticator ${value}; notify pgrst, 'reload config'`);
  const found = () => check(stack.apiUrl).then((lines) => lines.map((line) => line.split(":")[0]));
  try {
    await setting("reset pgrst.db_pre_request");
    await expect.poll(found, { timeout: 20_000 }).toEqual(["requests are checked before they run"]);
  } finally {
    await setting("set pgrst.db_pre_request = 'private.check_request'");
    await expect.poll(found, { timeout: 20_000 }).toEqual([]);
    await sql.end();
  }
});
