// What stays true until the database's schema changes: the schemas that roles see, their settings, and whether the extension is there.

import type postgres from "postgres";
import { loadCatalogue } from "./catalogue.ts";
import { Schema } from "./schema.ts";
import { type RoleSettings, readRoleSettings } from "./session.ts";
import type { Run } from "./sql.ts";

const EXTENSION = `
select exists (
    select from pg_catalog.pg_proc as p
    join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
    where n.nspname = 'graphql' and p.proname = 'resolve'
) as installed`;

/** All that is known of one version of the database's schema. */
export class Version {
  readonly roleSettings: RoleSettings;
  /** Whether pg_graphql itself is installed. */
  readonly hasExtension: boolean;
  readonly #schemas = new Map<string, Schema>();

  constructor(roleSettings: RoleSettings, hasExtension: boolean) {
    this.roleSettings = roleSettings;
    this.hasExtension = hasExtension;
  }

  /** The schema of a role, if it has been asked for before. */
  known(role: string): Schema | undefined {
    return this.#schemas.get(role);
  }

  /** Reads the schema that a role sees, on a connection that has taken it on. */
  async load(role: string, run: Run): Promise<Schema> {
    const schema = new Schema(await loadCatalogue(run));
    this.#schemas.set(role, schema);
    return schema;
  }
}

/**
 * Keeps the current version. PostgREST's channel `pgrst` tells when it is over: the event trigger of the stack notifies after
 * each change of the schema, and so does whoever reloads PostgREST by hand.
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

  /** The version that holds now. */
  async current(): Promise<Version> {
    try {
      // Also after the listener has lost its connection: notifications may have been missed.
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

  /** Ends the current version: the next request reads anew. */
  readonly forget = (): void => {
    this.#current = undefined;
  };

  /** Stops listening. */
  async close(): Promise<void> {
    const listener = await this.#listening?.catch(() => undefined);
    await listener?.unlisten();
  }

  async #read(): Promise<Version> {
    const [roleSettings, [extension]] = await Promise.all([
      readRoleSettings(this.#run),
      this.#run(EXTENSION, []),
    ]);
    return new Version(roleSettings, extension?.installed === true);
  }
}
