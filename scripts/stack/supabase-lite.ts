// @supabase/lite answers for Auth and Storage. It is used for those two alone: each runs as its own service's database role
// and on its own path, so that a trigger or a policy meets the same rights as on hosted Supabase.

import { App, type EmailDriver, type IAppConfig } from "@supabase/lite";
import { createPostgresConnection } from "@supabase/lite/postgres";
import { databaseUrl, type StackConfig } from "../lib/config.ts";
import type { Service } from "./service.ts";

/**
 * lite hands JSON to the driver as text that is ready; the driver's own way would encode it once more, and a trigger on
 * auth.users would find a string in raw_user_meta_data where hosted Supabase has an object.
 */
const jsonb = {
  to: 3802,
  from: [3802],
  serialize: (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value)),
  parse: (text: string): unknown => JSON.parse(text),
};

type LiteApp = App<IAppConfig>;
type Answer = (request: Request) => Promise<Response>;

/** A part of the stack that answers requests in this process. */
export interface SupabaseLiteService extends Service {
  fetch: Answer;
}

/**
 * @param create makes the application, connected and set up
 * @param around passes a request on and sets right what lite answers otherwise than Supabase
 */
export function createSupabaseLiteService(
  name: string,
  create: () => LiteApp,
  around: (request: Request, answer: Answer) => Promise<Response>,
): SupabaseLiteService {
  let app: LiteApp | undefined;
  return {
    name,
    async start() {
      app = create();
    },
    async ready() {
      await app?.init();
    },
    async stop() {
      await app?.connection.close();
      app = undefined;
    },
    async fetch(request) {
      return app === undefined ? new Response(null, { status: 503 }) : around(request, app.fetch);
    },
  };
}

interface Settings {
  /** Sections as in config.toml; lite checks them when the application is made. */
  auth: Record<string, unknown>;
  storage?: Record<string, unknown>;
  drivers?: { email: EmailDriver };
}

/** A lite application on the stack's Postgres, connected as `role`. */
export function createSupabaseLiteApp(
  config: StackConfig,
  role: string,
  { drivers, ...sections }: Settings,
): LiteApp {
  const connection = createPostgresConnection({
    url: databaseUrl(config, role),
    postgresOptions: { max: 5, idle_timeout: 30, onnotice: () => {}, types: { jsonb } },
  });
  // Before its first request under RLS, lite grants everything in every schema to anon and authenticated. Never here.
  Object.assign(connection, { ensureRlsContext: async () => true });
  const options = {
    server: { apiKeys: false as const, disableStudio: true, disableFallback: true },
    ...(drivers === undefined ? {} : { drivers }),
  };
  return new App<IAppConfig>({ ...sections, connection, options });
}
