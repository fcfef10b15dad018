// Deploying, with the commands of .github/workflows/deploy.yml against an imitation of Supabase's Management API.

import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { loadConfig, projectRoot } from "../../../scripts/lib/config.ts";
import { database } from "../support/database.ts";

const project = "abcdefghijklmnopqrst";
const cli = join(createRequire(import.meta.url).resolve("supabase/package.json"), "../dist/supabase.js");
const workflow = readFileSync(join(projectRoot, ".github/workflows/deploy.yml"), "utf8");

let server: Server;
let folder: string;
let requests: { method: string; path: string; body: string }[] = [];

/** What a new project answers to a request for its configuration. */
const configuration = {
  api: { db_schema: "public,graphql_public", db_extra_search_path: "public, extensions", max_rows: 1000 },
  auth: { site_url: "https://shop.example" },
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "staybase-deploy-"));
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = "", url: path = "" } = request;
    requests.push({ method, path, body: Buffer.concat(chunks).toString("latin1") });
    response.setHeader("content-type", "application/json");
    if (path.includes("/addons")) response.end('{"selected_addons": [], "available_addons": []}');
    else if (path.startsWith("/v2/")) response.end(JSON.stringify({ data: { attributes: configuration } }));
    else if (path.includes("/functions/deploy"))
      response
        .writeHead(201)
        .end(
          '{"id": "1", "slug": "f", "name": "f", "version": 1, "status": "ACTIVE", "created_at": 1, "updated_at": 1}',
        );
    else response.end(path.includes("/functions") ? "[]" : "{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  writeFileSync(
    join(folder, "profile.yaml"),
    `name: imitation\napi_url: ${url}\ndashboard_url: ${url}\nproject_host: localhost\n`,
  );
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a command of the CLI and returns what it sent. The imitation's answers are short, so the CLI may end with an error. */
async function sent(...args: string[]): Promise<typeof requests> {
  requests = [];
  await promisify(execFile)(
    process.execPath,
    [cli, ...args, "--yes", "--profile", join(folder, "profile.yaml"), `--remote=${project}`],
    {
      cwd: projectRoot,
      env: {
        ...process.env,
        SUPABASE_ACCESS_TOKEN: `sbp_${"0".repeat(40)}`,
        SUPABASE_TELEMETRY_DISABLED: "1",
        DO_NOT_TRACK: "1",
      },
    },
  ).catch(() => {});
  return requests;
}

it("uploads of every function only files of supabase/functions", async () => {
  expect(workflow).toContain("npx supabase functions deploy --use-api --yes");
  const uploads = (await sent("functions", "deploy", "--use-api")).filter(({ method }) => method === "POST");
  const slugs = uploads.map(({ path }) => new URLSearchParams(path.split("?")[1]).get("slug") ?? "");
  expect(slugs.sort()).toEqual(Object.keys(loadConfig().toml.functions).sort());
  const files = uploads.flatMap(({ body }) =>
    [...body.matchAll(/form-data; name="[^"]+"; filename="([^"]+)"/gi)].map(([, name = ""]) => name),
  );
  expect(files).toContain("supabase/functions/_shared/database.ts");
  expect(files.filter((name) => !name.startsWith("supabase/functions/"))).toEqual([]);
});

it("pushes the configuration that the migrations rely on, and nothing of Auth", async () => {
  const hosted = join(folder, "hosted");
  expect(workflow).toContain('node scripts/hosted-config.ts "$RUNNER_TEMP/hosted"');
  expect(workflow).toContain('npx supabase config push --workdir "$RUNNER_TEMP/hosted"');
  await promisify(execFile)(process.execPath, [join(projectRoot, "scripts/hosted-config.ts"), hosted]);
  const changes = (await sent("config", "push", "--workdir", hosted)).filter(
    ({ method }) => method !== "GET",
  );
  expect(changes).toEqual([
    {
      method: "PATCH",
      path: `/v1/projects/${project}/postgrest`,
      body: '{"db_extra_search_path":"public,graphql_shapes,extensions"}',
    },
  ]);
});

it("sends the SQL that sets the project's own addresses", async () => {
  const steps = (parse(workflow) as { jobs: { deploy: { steps: { run?: string }[] } } }).jobs.deploy.steps;
  const step = steps.find(({ run }) => run?.startsWith("npx supabase db query"))?.run ?? "";
  const [, statement = ""] = /^npx supabase db query --remote --yes "(.*)"\s*$/s.exec(step) ?? [];
  const query = statement.replaceAll("$PROJECT_REF", project);
  const posts = (await sent("db", "query", query)).filter(({ method }) => method === "POST");
  expect(posts.map(({ path, body }) => [path, body])).toEqual([
    [`/v1/projects/${project}/database/query`, JSON.stringify({ query })],
  ]);
  const sql = database();
  const rolledBack = new Error("rolled back");
  await sql
    .begin(async (tx) => {
      const set = await tx.unsafe(`${query} returning name, value`);
      expect(Object.fromEntries(set.map(({ name, value }) => [name, value]))).toEqual({
        functions_url: `https://${project}.supabase.co/functions/v1`,
        public_api_url: `https://${project}.supabase.co`,
      });
      throw rolledBack;
    })
    .catch((error) => expect(error).toBe(rolledBack));
  await sql.end();
});
