// The errors of the API: read from the database's table of errors, and written as docs/errors.md and types/errors.ts.

import type { StackConfig } from "../lib/config.ts";
import { bareErrors } from "./bare-errors.ts";
import { readRows } from "./database.ts";
import type { Document, Path } from "./document.ts";
import { type Catalogue, errorCodes, type OperationName } from "./error-codes.ts";

export interface ErrorRow {
  code: string;
  /** The HTTP status, 400 to 599; REST's `code` is PT and the status. */
  status: number;
  /** For a person; values stand in braces: `Send {field}.` */
  message: string;
  hint: string | null;
}

export interface ErrorFacts {
  errors: ErrorRow[];
  /** The codes that each function and each statement on a table may raise. */
  codes: Record<OperationName, string[]>;
}

/** Reads the errors of a running stack. */
export async function readErrorFacts(config: StackConfig): Promise<ErrorFacts> {
  const [table] = await readRows<{ name: string | null }>(
    config,
    "select to_regclass('private.errors') as name",
  );
  if (!table?.name) return { errors: [], codes: {} };
  const [errors, [row]] = await Promise.all([
    readRows<ErrorRow>(config, "select code, status, message, hint from private.errors order by code"),
    readRows<{ catalogue: Catalogue }>(config, "error-codes.sql"),
  ]);
  const known = errors.map(({ code }) => code);
  return { errors, codes: errorCodes((row as { catalogue: Catalogue }).catalogue, known) };
}

/** docs/errors.md: every code with the operations that may raise it, then the errors that have no code of ours. */
export function errorsDocument(errors: ErrorRow[], document: Pick<Document, "paths">): string {
  const raisers = operationsByCode(errors, document.paths);
  const rows = errors.map(({ code, status, message, hint }) => [
    `<a id="${code}"></a>\`${code}\``,
    String(status),
    message,
    hint ?? "",
    shortList(raisers.get(code) ?? []),
  ]);
  const bare = bareErrors.map(({ code, status, when, remedy }) => [`\`${code}\``, status, when, remedy]);
  return `# Errors

Every error of REST is \`{ code, message, details, hint }\`. \`code\` is \`PT\` and the HTTP status; \`details\` is JSON, a list with
the code of each fault: \`[{ "code": … }]\`; \`message\` joins the messages of all. GraphQL answers \`{ message }\` alone, and every code has a message of its own.
\`errorCode\` in [types/errors.ts](../types/errors.ts) finds the code in both. Words in braces stand for values.

${table(["Code", "Status", "Message", "Hint", "Raised by"], rows)}

## Errors without a code of ours

Postgres and PostgREST refuse these before any rule of ours is asked. \`code\` is theirs.

${table(["Code", "Status", "When", "What to do"], bare)}
`;
}

/** Operations as they are called, \`bookings\` (POST, PATCH) and \`rpc/quote_stay\`, by the codes that their answers name. */
function operationsByCode(errors: ErrorRow[], paths: Record<string, Path>): Map<string, string[]> {
  const raisers = new Map(errors.map(({ code }) => [code, [] as string[]]));
  for (const [path, item] of Object.entries(paths)) {
    const methods = new Map<string, string[]>();
    for (const [method, { responses, tags }] of Object.entries(item)) {
      if (tags.includes("Internal")) continue;
      for (const response of Object.values(responses)) {
        const examples = "content" in response ? response.content?.["application/json"]?.examples : undefined;
        for (const code of Object.keys(examples ?? {}))
          methods.set(code, [...(methods.get(code) ?? []), method.toUpperCase()]);
      }
    }
    const name = `\`${path.replace("/rest/v1/", "")}\``;
    for (const [code, list] of methods)
      raisers.get(code)?.push(path.includes("/rpc/") ? name : `${name} (${list.join(", ")})`);
  }
  return raisers;
}

function shortList(operations: string[]): string {
  const others = operations.length - 6;
  if (operations.length === 0) return "internal calls";
  return others > 0 ? `${operations.slice(0, 6).join(", ")} and ${others} others` : operations.join(", ");
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

/** types/errors.ts: the codes as a type, and a function that finds the code of an error. It imports nothing, so apps can copy it. */
export function errorsModule(errors: ErrorRow[]): string {
  const entries = errors.map(({ code, status, message, hint }) => {
    const text = JSON.stringify({ status, message, hint });
    return `  ${JSON.stringify(code)}: ${text},`;
  });
  return `// The errors of the API by their codes, and the code of an error. An app can copy this file: it imports nothing.

/** Status, message and hint of every code. Words in braces stand for values. */
export const errors = {
${entries.join("\n")}
} as const satisfies Record<string, { status: number; message: string; hint: string | null }>;

export type ErrorCode = keyof typeof errors;

/**
 * The code of an error: of REST from its details, of GraphQL from its message; when several rules are broken, the first code.
 * Undefined for errors of Postgres and PostgREST, which have codes of their own.
 */
export function errorCode(error: { message: string; details?: unknown }): ErrorCode | undefined {
  return codeInDetails(error.details) ?? codeOfMessage(error.message);
}

function codeInDetails(details: unknown): ErrorCode | undefined {
  try {
    const faults: unknown = typeof details === "string" ? JSON.parse(details) : details;
    const [first] = Array.isArray(faults) ? faults : [faults];
    return isCode(first?.code) ? first.code : undefined;
  } catch {
    return undefined; // details of Postgres are prose
  }
}

/** Several faults make several sentences, of which only the first is compared. When it fits several messages, the most literal one counts. */
function codeOfMessage(message: string): ErrorCode | undefined {
  const [best] = patterns
    .filter(({ start }) => start.test(message))
    .concat(patterns.filter(({ whole }) => whole.test(message)))
    .sort((a, b) => b.length - a.length);
  return best?.code;
}

function isCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(errors, value);
}

const patterns = Object.entries<{ message: string }>(errors).map(([code, { message }]) => {
  const words = message.split(/\\{\\w+\\}/);
  const escaped = words.map((part) => part.replace(/[.*+?^\${}()|[\\]\\\\]/g, "\\\\$&"));
  return {
    code: code as ErrorCode,
    length: words.join("").length,
    // in the first of several sentences, a value contains no end of a sentence
    start: new RegExp(\`^\${escaped.join("(?:(?!\\\\. )[^])*?")}( |$)\`),
    whole: new RegExp(\`^\${escaped.join("[^]*")}$\`),
  };
});
`;
}
