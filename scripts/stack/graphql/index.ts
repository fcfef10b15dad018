// GraphQL for the embedded stack: answers as Supabase's `POST /graphql/v1` does, where pg_graphql answers through PostgREST.
//
// Around a request, as PostgREST: body, session, cache, statements. From the database to a schema: catalogue (with directives),
// schema, tables, relations, functions, aggregates, builtin, naming, types. From a document to SQL: limits, document, values,
// plan, roots, connection, paging, filters, selection, mutations, sql. From the schema to itself: introspection.

import postgres from "postgres";
import { type Body, RestError, readBody } from "./body.ts";
import { type Version, Versions } from "./cache.ts";
import { failed, resolve } from "./engine.ts";
import { DocumentError, GraphqlError } from "./errors.ts";
import { jsonText } from "./json.ts";
import { type Caller, enterSession } from "./session.ts";
import { ident, type Run } from "./sql.ts";
import { PreparedStatements } from "./statements.ts";

export type { Caller } from "./session.ts";

/** An answer to send: JSON text, since parsing it again would round large numbers. */
export interface Answer {
  status: number;
  body: string;
}

export interface Graphql {
  /**
   * Answers the body of a request, as parsed JSON or as its text. Never rejects: GraphQL's own errors are in the answer with
   * status 200, the others have PostgREST's shape and status.
   */
  answer(caller: Caller, body: unknown): Promise<Answer>;
  /** Makes the next request read the database's schema anew, without waiting for a notification. */
  reload(): void;
  /** Stops listening for changes of the schema. The pool stays open. */
  close(): Promise<void>;
}

export interface Options {
  /** Schemas to expose, the first ones first. */
  searchPath?: string[];
  /** Takes errors that nobody foresaw; their callers learn no more than that there was one. */
  report?: (error: unknown) => void;
}

const SEARCH_PATH = ["graphql_public", "public", "extensions"];

/**
 * Makes the GraphQL endpoint of a database.
 * @param sql pool that is connected as `authenticator`, which may take on the callers' roles and nothing else
 */
export function createGraphql(sql: postgres.Sql, options: Options = {}): Graphql {
  const { searchPath = SEARCH_PATH, report = console.error } = options;
  const path = searchPath.map(ident).join(", ");
  const prepared = new PreparedStatements();
  const runOn =
    (connection: postgres.Sql | postgres.TransactionSql): Run =>
    (text, params) =>
      connection.unsafe(text, [...params], { prepare: prepared.keeps(text) });
  const versions = new Versions(sql, runOn(sql));

  async function answerInTransaction(caller: Caller, body: Body): Promise<string> {
    const version = await versions.current();
    return sql.begin(async (transaction) => {
      const run = runOn(transaction);
      const entered = enter(run, caller, path, version);
      // The statements follow the settings on their way: nothing waits for a round trip that it does not need.
      const answered = version.hasExtension ? askExtension(run, body) : ask(run, caller, body, version);
      const [, answer] = await Promise.all([entered, answered]);
      return answer;
    }) as Promise<string>;
  }

  return {
    async answer(caller, body) {
      try {
        return { status: 200, body: await answerInTransaction(caller, readBody(body)) };
      } catch (error) {
        return answerError(error, report);
      }
    },
    reload: versions.forget,
    close: () => versions.close(),
  };
}

/** Takes on the caller's role. A role that the pool may not take on is the gateway's error, not GraphQL's. */
async function enter(run: Run, caller: Caller, path: string, version: Version): Promise<void> {
  try {
    await run(...enterSession(caller, path, version.roleSettings));
  } catch (error) {
    if (!(error instanceof postgres.PostgresError) || isLost(error)) throw error;
    throw new RestError(error.code === "42501" ? 403 : 400, error.code, error.message);
  }
}

async function ask(
  run: Run,
  caller: Caller,
  { query, operationName, variables }: Body,
  version: Version,
): Promise<string> {
  if (query === null) throw new GraphqlError("argument `query` must not be null");
  const schema = version.known(caller.role) ?? (await version.load(caller.role, run));
  return resolve({ query, operationName, variables }, schema, run);
}

async function askExtension(
  run: Run,
  { operationName, query, variables, extensions }: Body,
): Promise<string> {
  const [row] = await run(
    `select graphql_public.graphql(
      "operationName" => $1::text, query => $2::text, variables => $3::text::jsonb, extensions => $4::text::jsonb
    )::text as answer`,
    [operationName, query, jsonText(variables), jsonText(extensions)],
  );
  return (row?.answer as string | null | undefined) ?? "null";
}

/** The transaction has been rolled back; what is left is to say why. */
function answerError(error: unknown, report: (error: unknown) => void): Answer {
  if (error instanceof DocumentError) {
    return { status: 200, body: jsonText({ errors: [{ message: error.message }] }) };
  }
  if (error instanceof GraphqlError) return { status: 200, body: failed(error.message) };
  if (error instanceof RestError) return { status: error.status, body: jsonText(error.toJSON()) };
  if (isLost(error)) {
    const lost = new RestError(503, "PGRST000", "Database connection error. Retrying the connection.");
    return { status: 503, body: jsonText(lost.toJSON()) };
  }
  if (error instanceof postgres.PostgresError) return { status: 200, body: failed(error.message) };
  report(error);
  return { status: 500, body: jsonText(new RestError(500, "XX000", "GraphQL could not answer").toJSON()) };
}

/** Whether an error tells of a connection that was lost or never made, by its SQLSTATE or by the code of the driver or of Node. */
const isLost = (error: unknown): boolean =>
  error instanceof Error &&
  "code" in error &&
  /^(08|57P|CONN|CONNECT_|ECONN|ENOTFOUND|EPIPE)/.test(String(error.code));
