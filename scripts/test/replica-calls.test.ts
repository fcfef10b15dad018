import { expect, it } from "vitest";
import { problemsInDocument, problemsOfClients } from "./replica-calls.ts";

const pair = `
const search = createClient<Database>("https://abc-all.supabase.co", key);
const supabase = createClient<Database>("https://abc.supabase.co", key);
`;

it("lets a client of the load balancer search by GET, and the other client do everything", () => {
  const code = `${pair}
await search.rpc("search_properties", { p_area: "Lisboa" }, { get: true }).throwOnError();
await supabase.from("bookings").select();
await supabase.rpc("quote_stay", stay);
`;
  expect(problemsOfClients("a.ts", code)).toEqual([]);
});

it.each([
  ["a table", 'search.from("bookings").select()'],
  ["a search by POST", 'search.rpc("search_properties", { p_area: "Lisboa" })'],
  ["another function", 'search.rpc("quote_stay", stay, { get: true })'],
  ["a name that is not known", "search.rpc(name, {}, { get: true })"],
  ["a use out of sight", "useClient(search)"],
  ["signing in", "search.auth.signInWithPassword(person)"],
])("refuses a client of the load balancer %s", (_what, call) => {
  expect(problemsOfClients("a.ts", `${pair}await ${call};`)).toEqual([
    expect.stringMatching(/^a\.ts:4: search reads replicas/),
  ]);
});

it("knows the client by a variable with its address, too", () => {
  const code = 'const s = createClient(process.env.LOAD_BALANCER_URL, key);\ns.from("profiles");';
  expect(problemsOfClients("a.ts", code)).toHaveLength(1);
});

it("refuses a document that searches by POST, and names the line", () => {
  const document = (options: string) => `# Search

\`\`\`ts search.ts
const a = 1;
await supabase.rpc("count_properties", { p_area: "Lisboa" }${options});
\`\`\`
`;
  expect(problemsInDocument("a.md", document(""))).toEqual([
    expect.stringMatching(/^a\.md:5: call count_properties by GET/),
  ]);
  expect(problemsInDocument("a.md", document(", { get: true }"))).toEqual([]);
});
