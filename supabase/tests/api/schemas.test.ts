// What the API reaches: only its own schemas. Schemas of the platform grant more than clients may do, for example net, where PUBLIC may
// send HTTP requests and read those of others with their keys.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "smol-toml";
import { expect, it } from "vitest";
import { projectRoot } from "../../../scripts/lib/config.ts";
import { request, service } from "../support/clients.ts";
import { database } from "../support/database.ts";
import { signUp } from "../support/people.ts";

const json = async (response: Response) =>
  (await response.json()) as { code?: string; errors?: { message: string }[] };

interface Config {
  api: { schemas: string[]; extra_search_path: string[] };
}
const { api } = parse(readFileSync(join(projectRoot, "supabase/config.toml"), "utf8")) as unknown as Config;

it("exposes two schemas, and finds names of GraphQL in no schema of the platform", () => {
  expect(api).toMatchObject({
    schemas: ["public", "graphql_public"],
    // GraphQL leaves out the functions of extensions.
    extra_search_path: ["public", "graphql_shapes", "extensions"],
  });
});

it("answers nothing from another schema, to anyone", async () => {
  const sql = database();
  const schemas = await sql<{ name: string }[]>`
    select nspname as name from pg_namespace where nspname !~ '^pg_(toast|temp)' and nspname <> all (${api.schemas})`;
  await sql.end();
  expect(schemas.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["net", "vault", "cron", "pgmq", "auth", "storage", "private"]),
  );
  const ada = await signUp("Ada");
  for (const { name } of schemas) {
    for (const caller of [undefined, ada]) {
      const reading = await request(caller, "/rest/v1/secrets", { headers: { "accept-profile": name } });
      expect([name, reading.status, (await json(reading)).code]).toEqual([name, 406, "PGRST106"]);
      const calling = await request(caller, "/rest/v1/rpc/http_post", {
        method: "POST",
        headers: { "content-profile": name },
        body: JSON.stringify({ url: "http://127.0.0.1:9/" }),
      });
      expect([name, calling.status, (await json(calling)).code]).toEqual([name, 406, "PGRST106"]);
    }
  }
});

it.each(["http_get", "http_post", "http_delete"])("calls no net.%s", async (name) => {
  const field = name.replace(/_(.)/, (_, letter: string) => letter.toUpperCase());
  for (const caller of [undefined, await signUp("Ada")]) {
    const rest = await request(caller, `/rest/v1/rpc/${name}`, {
      method: "POST",
      body: JSON.stringify({ url: "http://127.0.0.1:9/" }),
    });
    expect([rest.status, (await json(rest)).code]).toEqual([404, "PGRST202"]);
    const graphql = await request(caller, "/graphql/v1", {
      method: "POST",
      body: JSON.stringify({ query: `mutation { ${field}(url: "http://127.0.0.1:9/") }` }),
    });
    expect((await json(graphql)).errors).toHaveLength(1);
  }
  const { error } = await service().rpc(name as never, { url: "http://127.0.0.1:9/" } as never);
  expect(error?.code).toBe("PGRST202");
});
