// Judges answers of REST: an error is either one of private.errors or one of those that Postgres and PostgREST raise before any
// trigger runs.

import type { Sql } from "postgres";
import { nameProblem } from "./catalogue.ts";
import { request } from "./clients.ts";

/** A person who sends requests; `caller` is undefined when they are not signed in. */
export interface Sender {
  name: string;
  caller: Parameters<typeof request>[0];
}

export interface Attempt {
  sender: Sender;
  method: string;
  path: string;
  body?: unknown;
  prefer?: string | undefined;
  /** Whether the caller lacks the privilege for one of the columns that are sent. */
  isColumnDenied?: boolean;
}

interface Problem {
  code: string;
  message: string;
  [detail: string]: unknown;
}

/** What is left bare: values that cannot be read as their type, and identity columns. docs/decisions/errors.md says why. */
const bareCodes = /^(PGRST\w+|22P02|22003|22007|22008|22P05|22021|428C9)$/;

/** Sends requests and collects what is wrong with their answers. */
export function createJudge(sql: Sql) {
  /** The first attempt with each fault. */
  const faults = new Map<string, string>();
  const problems: Problem[] = [];

  async function send(attempt: Attempt): Promise<{ status: number; body: unknown }> {
    const { sender, method, path, body, prefer } = attempt;
    const response = await request(sender.caller, `/rest/v1/${path}`, {
      method,
      headers: { prefer: ["return=representation", prefer].filter(Boolean).join(",") },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const answer = { status: response.status, body: parse(text) };
    const fault = judge(answer, attempt);
    if (fault !== undefined && !faults.has(fault))
      faults.set(fault, `${describe(attempt)} → ${fault}: ${text.slice(0, 300)}`);
    return answer;
  }

  function judge({ status, body }: { status: number; body: unknown }, attempt: Attempt): string | undefined {
    if (status < 400) return undefined;
    if (status >= 500 && status !== 503) return `status ${status}`;
    const { code, message, details, hint } = (body ?? {}) as Record<string, string | null | undefined>;
    if (typeof code !== "string") return "no code";
    if (bareCodes.test(code)) return undefined;
    if (code === "42501" && attempt.isColumnDenied) return undefined;
    if (code !== `PT${status}`) return `a bare ${code} (${message})`;
    const listed = parse(details ?? "") as Problem[] | undefined;
    if (!Array.isArray(listed) || listed.length === 0) return `details are not a list (${message})`;
    problems.push(...listed);
    // The message is also the reason phrase of the answer's first line, so it is one line.
    if (message !== listed.map((problem) => problem.message).join(" "))
      return `the message is not that of the details (${message})`;
    if (!hint) return "no hint";
    return undefined;
  }

  return {
    send,
    /** The problems of all answers, each once, by name. */
    seen: () => new Set(problems.map(({ code, field, fields }) => nameProblem(code, field ?? fields))),
    /** What is wrong with the answers, also with codes and messages that are not those of private.errors. */
    async faults(): Promise<string[]> {
      const unknown = await sql<{ problem: Problem }[]>`
        select distinct p.problem from jsonb_array_elements(${sql.json(problems as never)}) as p (problem)
        left join private.errors e on e.code = p.problem ->> 'code'
        where e.code is null or p.problem ->> 'message' is distinct from private.fill_template(e.message, p.problem - 'code' - 'message')`;
      return [...faults.values()].concat(
        unknown.map(({ problem }) => `not as in private.errors: ${JSON.stringify(problem)}`),
      );
    },
  };
}

export type Judge = ReturnType<typeof createJudge>;

function describe({ sender, method, path, body, prefer = "" }: Attempt): string {
  const sent = JSON.stringify(body)?.replaceAll(/(.)\1{99,}/g, "$1…") ?? "";
  return `${sender.name} ${method} ${path} ${prefer} ${sent}`.slice(0, 600);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
