// Auth and Storage run on @supabase/lite, each as its own database role and on its own path, so that triggers and policies meet
// the same privileges as on hosted Supabase.

import { App, type EmailDriver, type IAppConfig } from "@supabase/lite";
import { createPostgresConnection } from "@supabase/lite/postgres";
import { databaseUrl, type StackConfig } from "../lib/config.ts";
import type { Service } from "./service.ts";

/**
 * lite passes JSON to the driver as text. The driver would encode it again, and raw_user_meta_data would hold a string instead of an
 * object.
 */
const jsonb = {
  to: 3802,
  from: [3802],
  serialize: (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value)),
  parse: (text: string): unknown => JSON.parse(text),
};

export type SupabaseLiteApp = App<IAppConfig>;
type Answer = (request: Request) => Promise<Response>;

/** A service that answers requests in this process. */
export interface SupabaseLiteService extends Service {
  fetch: Answer;
}

/**
 * @param create creates the application with its connection
 * @param around passes requests on to lite, and corrects answers that differ from Supabase's
 */
export function createSupabaseLiteService(
  name: string,
  create: () => SupabaseLiteApp,
  around: (request: Request, answer: Answer) => Promise<Response>,
): SupabaseLiteService {
  let app: SupabaseLiteApp | undefined;
  return {
    name,
    async start() {
      app = create();
    },
    async ready() {
      await app?.init();
    },
    async stop() {
      const ending = app;
      app = undefined; // answers 503 from here on
      await ending?.connection.close();
    },
    async fetch(request) {
      return app === undefined ? new Response(null, { status: 503 }) : around(request, app.fetch);
    },
  };
}

interface Settings {
  /** Sections of config.toml; lite validates them. */
  auth: Record<string, unknown>;
  storage?: Record<string, unknown>;
  drivers?: { email: EmailDriver };
}

/** A lite application on the stack's Postgres, connected as `role`. */
export function createSupabaseLiteApp(
  config: StackConfig,
  role: string,
  { drivers, ...sections }: Settings,
): SupabaseLiteApp {
  const connection = createPostgresConnection({
    url: databaseUrl(config, role),
    postgresOptions: { max: 5, idle_timeout: 30, onnotice: () => {}, types: { jsonb } },
  });
  Object.assign(connection, {
    // Prevents lite from granting all privileges in every schema to anon and authenticated, which it does before its first request.
    ensureRlsContext: async () => true,
    // lite's own waits without end for requests that wait for a connection, and for transactions whose client has gone
    close: () => connection.driver.end({ timeout: 1 }),
  });
  const options = {
    server: { apiKeys: false as const, disableStudio: true, disableFallback: true },
    ...(drivers === undefined ? {} : { drivers }),
  };
  return new App<IAppConfig>({ ...sections, connection, options });
}
