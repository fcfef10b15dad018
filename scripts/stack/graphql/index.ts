// A GraphQL endpoint on Postgres that answers as Supabase's `POST /graphql/v1` does, where pg_graphql runs behind PostgREST.
//
// The files, by task. Request: body, session, cache, statements. Schema: catalogue, directives, schema, tables, collection-args,
// relations, functions, aggregates, builtin, naming, types. SQL: limits, document, values, plan, roots, selection, columns,
// page-info, paging, filters, mutations, sql. Introspection: introspection.

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

/** An answer. Its body is text, because parsing the JSON would round large numbers. */
export interface Answer {
  status: number;
  body: string;
}

export interface Graphql {
  /**
   * Answers a body given as parsed JSON or as text. Never rejects: GraphQL errors have status 200, others PostgREST's status and
   * format.
   */
  answer(caller: Caller, body: unknown): Promise<Answer>;
  /** Makes the next request read the database's schema again, without a notification. */
  reload(): void;
  /** Stops listening for changes of the schema. The pool stays open. */
  close(): Promise<void>;
}

export interface Options {
  /** Schemas to expose, in this order. */
  searchPath?: string[];
  /** Messages to show in place of Postgres's own, by SQLSTATE. */
  messages?: Readonly<Record<string, string>>;
  /** Receives unexpected errors, whose details are not sent to the client; console.error by default. */
  report?: (error: unknown) => void;
}

const SEARCH_PATH = ["graphql_public", "public", "extensions"];

/**
 * Creates the GraphQL endpoint of a database.
 * @param sql a pool connected as `authenticator`, a role that may only switch to the callers' roles
 */
export function createGraphql(sql: postgres.Sql, options: Options = {}): Graphql {
  const { searchPath = SEARCH_PATH, messages = {}, report = console.error } = options;
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
      // The statements are sent without waiting for the settings, which saves a round trip.
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
        return answerError(error, messages, report);
      }
    },
    reload: versions.forget,
    close: () => versions.close(),
  };
}

/** Switches to the caller's role and calls the pre-request function. @throws RestError when the pool may not switch to it */
async function enter(run: Run, caller: Caller, path: string, version: Version): Promise<void> {
  try {
    await Promise.all([
      run(...enterSession(caller, path, version.roleSettings)),
      version.preRequest && run(`select ${version.preRequest}()`, []),
    ]);
  } catch (error) {
    if (!(error instanceof postgres.PostgresError) || isConnectionError(error)) throw error;
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

/** The answer after an error, when the transaction has been rolled back. */
function answerError(
  error: unknown,
  messages: Readonly<Record<string, string>>,
  report: (error: unknown) => void,
): Answer {
  if (error instanceof DocumentError) {
    return { status: 200, body: jsonText({ errors: [{ message: error.message }] }) };
  }
  if (error instanceof GraphqlError) return { status: 200, body: failed(error.message) };
  if (error instanceof RestError) return { status: error.status, body: jsonText(error.toJSON()) };
  if (isConnectionError(error)) {
    const lost = new RestError(503, "PGRST000", "Database connection error. Retrying the connection.");
    return { status: 503, body: jsonText(lost.toJSON()) };
  }
  if (error instanceof postgres.PostgresError)
    return { status: 200, body: failed(messages[error.code] ?? error.message) };
  report(error);
  return { status: 500, body: jsonText(new RestError(500, "XX000", "GraphQL could not answer").toJSON()) };
}

/** Whether the connection failed, by the SQLSTATE or the code of the driver or of Node. */
const isConnectionError = (error: unknown): boolean =>
  error instanceof Error &&
  "code" in error &&
  /^(08|57P|CONN|CONNECT_|ECONN|ENOTFOUND|EPIPE)/.test(String(error.code));
