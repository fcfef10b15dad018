// Samples of requests in curl and supabase-js, for OpenAPI's x-codeSamples. In curl, $API_URL, $PUBLISHABLE_KEY and
// $ACCESS_TOKEN are the reader's own; in supabase-js, `supabase` is a client.

import type { CodeSample, Document, Operation } from "./document.ts";
import { type ExampleRequest, exampleRequests } from "./examples.ts";

/** Adds the samples, and the example of the body, to every operation that has an example request. */
export function addExamples(paths: Document["paths"]): void {
  for (const [path, item] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const name = path.replace("/rest/v1/", "");
      const request = exampleRequests[name.startsWith("rpc/") ? name : `${method} ${name}`];
      if (request === undefined) continue;
      const { body = {} } = request;
      const content = operation.requestBody?.content["application/json"];
      if (content !== undefined) content.examples = { example: { value: body } };
      for (const parameter of operation.parameters ?? []) {
        if ("name" in parameter && parameter.name in body) parameter.example = body[parameter.name];
      }
      operation["x-codeSamples"] = codeSamples(method, path, operation, request);
    }
  }
}

function codeSamples(
  method: string,
  path: string,
  operation: Pick<Operation, "security">,
  request: ExampleRequest,
): CodeSample[] {
  return [
    { lang: "Shell", label: "curl", source: curl(method, path, operation, request) },
    {
      lang: "JavaScript",
      label: "supabase-js",
      source: `const { data, error } = await supabase${call(method, path, request)};`,
    },
  ];
}

function curl(
  method: string,
  path: string,
  { security }: Pick<Operation, "security">,
  { query, body }: ExampleRequest,
): string {
  const inQuery = method === "get" && body !== undefined;
  const search = inQuery ? new URLSearchParams(body as Record<string, string>).toString() : query;
  const needsPerson = !security.some((scheme) => "apikey" in scheme && !("bearer" in scheme));
  const answersRows = path.startsWith("/rest/v1/") && !path.includes("/rpc/") && method !== "get";
  const lines = [
    `curl${method === "get" ? "" : ` -X ${method.toUpperCase()}`} "$API_URL${path}${search ? `?${search}` : ""}"`,
    `-H "apikey: $PUBLISHABLE_KEY"`,
    ...(needsPerson ? [`-H "Authorization: Bearer $ACCESS_TOKEN"`] : []),
    ...(answersRows ? [`-H "Prefer: return=representation"`] : []),
  ];
  if (body !== undefined && !inQuery) {
    lines.push(
      `-H "Content-Type: application/json"`,
      `-d '${JSON.stringify(body, null, 2).replaceAll("'", "'\\''")}'`,
    );
  }
  return lines.join(" \\\n  ");
}

function call(method: string, path: string, request: ExampleRequest): string {
  const [, api = "", name = ""] = /^\/(\w+)\/v1\/(.+)$/.exec(path) ?? [];
  const { body = {} } = request;
  if (api === "functions") return `.functions.invoke("${name}", { body: ${literal(body)} })`;
  if (api === "auth") return authCall(name, body);
  if (name.startsWith("rpc/")) {
    return `.rpc("${name.slice(4)}", ${literal(body)}${method === "get" ? ", { get: true }" : ""})`;
  }
  return `\n  .from("${name}")${tableCalls(method, request)
    .map((text) => `\n  .${text.replaceAll("\n", "\n  ")}`)
    .join("")}`;
}

function authCall(name: string, body: Record<string, unknown>): string {
  const { data, ...rest } = body;
  if (name === "signup") return `.auth.signUp(${literal({ ...rest, options: { data } })})`;
  if (name === "verify") return `.auth.verifyOtp(${literal(body)})`;
  return name === "token" ? `.auth.signInWithPassword(${literal(body)})` : ".auth.getUser()";
}

function tableCalls(method: string, { query = "", body = {} }: ExampleRequest): string[] {
  const parameters = [...new URLSearchParams(query)];
  const filters = parameters.flatMap(([name, value]) => {
    const [, operator = "", operand = ""] = /^(\w+)\.(.*)$/.exec(value) ?? [];
    return isFilter(name) ? [`${operator}("${name}", "${operand}")`] : [];
  });
  const others = parameters.flatMap(([name, value]) => {
    if (name === "limit") return [`limit(${value})`];
    if (name !== "order") return [];
    const [column, direction] = value.split(".");
    return [`order("${column}"${direction === "desc" ? ", { ascending: false }" : ""})`];
  });
  const select = parameters.find(([name]) => name === "select")?.[1] ?? "*";
  if (method === "get") return [`select("${select.replaceAll(",", ", ")}")`, ...filters, ...others];
  if (method === "post") return [`insert(${literal(body)})`, "select()", "single()"];
  return [method === "patch" ? `update(${literal(body)})` : "delete()", ...filters, "select()"];
}

const isFilter = (name: string): boolean => !["select", "order", "limit"].includes(name);

/** A value as JavaScript writes it: keys need no quotes. */
const literal = (value: unknown): string =>
  JSON.stringify(value, null, 2).replace(/^(\s*)"(\w+)":/gm, "$1$2:");
