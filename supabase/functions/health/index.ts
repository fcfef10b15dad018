// health: load balancers and monitors ask it whether the project works. The embedded stack has the same in its gateway, at /health.

import { type Environment, environment, required, serviceKeys } from "../_shared/environment.ts";
import { createLog } from "../_shared/log.ts";
import { createServiceClient } from "../_shared/supabase.ts";
import { fetchWithin } from "../_shared/timeout.ts";
import { traced } from "../_shared/trace.ts";
import { createHandler } from "./handler.ts";

/** In ms; a part that takes longer is not ready. */
const limit = 3_000;

Deno.serve(createHandler({ parts: () => check(environment), now: Date.now, log: createLog("health") }));

/** Asks the parts all at once. */
async function check(env: Environment): Promise<Record<string, boolean>> {
  const get = traced(fetchWithin(limit));
  const apikey = serviceKeys(env)[0];
  const answers = async (path: string, method = "GET") => {
    const response = await get(`${required(env, "SUPABASE_URL")}${path}`, { method, headers: { apikey } });
    await response.body?.cancel();
    return response.ok;
  };
  const isReady = (answer: Promise<boolean>) => answer.catch(() => false);
  const database = createServiceClient(env, limit).rpc("health");
  const [rest, auth, storage, known] = await Promise.all([
    isReady(answers("/rest/v1/currencies?select=code&limit=1")),
    isReady(answers("/auth/v1/health")),
    isReady(answers("/storage/v1/bucket/property-photos")),
    database.then(
      ({ data }) => data,
      () => null,
    ),
  ]);
  const partsOfDatabase = Object.fromEntries((known ?? []).map(({ part, is_ready }) => [part, is_ready]));
  return { database: known !== null, rest, auth, storage, cron: false, mail: false, ...partsOfDatabase };
}
