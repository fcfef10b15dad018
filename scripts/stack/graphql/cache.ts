// Caches what depends on the database's schema: the GraphQL schema and settings of each role, and whether pg_graphql is installed.

import type postgres from "postgres";
import { loadCatalogue } from "./catalogue.ts";
import { Schema } from "./schema.ts";
import { type RoleSettings, readPreRequest, readRoleSettings } from "./session.ts";
import type { Run } from "./sql.ts";

const EXTENSION = `
select exists (
    select from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where n.nspname = 'graphql' and p.proname = 'resolve'
) as installed`;

/** The cache of one version of the database's schema. */
export class Version {
  readonly roleSettings: RoleSettings;
  /** The function to call at the start of each request. */
  readonly preRequest: string | undefined;
  /** Whether pg_graphql is installed. */
  readonly hasExtension: boolean;
  readonly #schemas = new Map<string, Schema>();

  constructor(roleSettings: RoleSettings, preRequest: string | undefined, hasExtension: boolean) {
    this.roleSettings = roleSettings;
    this.preRequest = preRequest;
    this.hasExtension = hasExtension;
  }

  /** The cached schema of a role, if any. */
  known(role: string): Schema | undefined {
    return this.#schemas.get(role);
  }

  /** Reads and caches the schema of a role. @param run runs statements as that role */
  async load(role: string, run: Run): Promise<Schema> {
    const schema = new Schema(await loadCatalogue(run));
    this.#schemas.set(role, schema);
    return schema;
  }
}

/**
 * Holds the current version until a notification on PostgREST's channel `pgrst`, which the stack's event trigger sends after each
 * change of the schema.
 */
export class Versions {
  readonly #sql: postgres.Sql;
  readonly #run: Run;
  #listening: Promise<postgres.ListenMeta> | undefined;
  #current: Promise<Version> | undefined;

  constructor(sql: postgres.Sql, run: Run) {
    this.#sql = sql;
    this.#run = run;
  }

  /** The current version. */
  async current(): Promise<Version> {
    try {
      // The second callback runs after a reconnection, when notifications may have been lost.
      this.#listening ??= this.#sql.listen("pgrst", this.forget, this.forget);
      await this.#listening;
      this.#current ??= this.#read();
      return await this.#current;
    } catch (error) {
      this.#listening = undefined;
      this.forget();
      throw error;
    }
  }

  /** Drops the current version, so that the next request reads the schema again. */
  readonly forget = (): void => {
    this.#current = undefined;
  };

  /** Stops listening. */
  async close(): Promise<void> {
    const listener = await this.#listening?.catch(() => undefined);
    await listener?.unlisten();
  }

  async #read(): Promise<Version> {
    const [roleSettings, preRequest, [extension]] = await Promise.all([
      readRoleSettings(this.#run),
      readPreRequest(this.#run),
      this.#run(EXTENSION, []),
    ]);
    return new Version(roleSettings, preRequest, extension?.installed === true);
  }
}
