// Answers of the running stack that docs/openapi.json must allow.

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { service } from "../support/clients.ts";
import { signUp } from "../support/people.ts";

const { paths } = JSON.parse(readFileSync(new URL("../../../docs/openapi.json", import.meta.url), "utf8"));
const resultOf = (name: string) =>
  paths[`/rest/v1/rpc/${name}`].post.responses["200"].content["application/json"].schema;

it("functions that have no result answer null, as documented", async () => {
  const client = service();
  const answers = {
    unsubscribe: await client.rpc("unsubscribe", { p_token: "no token" }),
    fail_job: await client.rpc("fail_job", {
      p_queue: "no queue",
      p_job_id: 1,
      p_attempt: 1,
      p_error: "broken",
    }),
  };
  for (const [name, { status, data }] of Object.entries(answers)) {
    expect([name, status, data]).toEqual([name, 200, null]);
    expect(resultOf(name).type).toEqual(["string", "null"]);
  }
});

it("an upsert that adds no row answers 200, as documented", async () => {
  const { id, client } = await signUp("Ana");
  const { status } = await client.from("profiles").upsert({ id, display_name: "Ana" }).select();
  expect(Object.keys(paths["/rest/v1/profiles"].post.responses)).toContain(`${status}`);
  expect(status).toBe(200);
});
