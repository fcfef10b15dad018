// GraphQL as a service of the stack: the engine in graphql/, on its own connection pool.

import type { Sql } from "postgres";
import { errors } from "../../types/errors.ts";
import type { StackConfig } from "../lib/config.ts";
import { openDatabase } from "../lib/database.ts";
import { type Answer, type Caller, createGraphql, type Graphql } from "./graphql/index.ts";
import type { Service } from "./service.ts";

/** The SQLSTATE of a write in a transaction that private.check_request has made read-only, because everything is paused. */
const readOnly = "25006";

export interface GraphqlService extends Service {
  /** Answers the body of a request for a caller whose token has been verified. */
  answer(caller: Caller, body: string): Promise<Answer>;
}

export function createGraphqlService(config: StackConfig): GraphqlService {
  let sql: Sql | undefined;
  let engine: Graphql | undefined;
  return {
    name: "graphql",
    async start() {
      sql = openDatabase(config, "authenticator", { max: 5, idle_timeout: 30 });
      engine = createGraphql(sql, {
        searchPath: ["graphql_public", ...config.toml.api.extra_search_path],
        messages: { [readOnly]: errors.operations_paused.message },
      });
    },
    async ready() {},
    async stop() {
      await engine?.close();
      await sql?.end({ timeout: 1 });
      engine = undefined;
      sql = undefined;
    },
    async answer(caller, body) {
      if (engine === undefined) return { status: 503, body: '{"message":"GraphQL is not running."}' };
      return engine.answer(caller, body);
    },
  };
}
