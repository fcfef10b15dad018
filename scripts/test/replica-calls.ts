// The check of calls that replicas answer: documents search by GET, and a client of the address that leads to replicas makes no other call.

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { cacheableFunctions } from "../stack/replicas/cacheable.ts";

/** A client with such an address reads replicas: of hosted Supabase's load balancer, or a variable that says so. */
const ofReplicas = /-all\.supabase\.co|load_?balancer/i;

/** @returns the faults, each as an editor's terminal links it */
export function replicaCallProblems(root: string): string[] {
  const documents = globSync(["README.md", "docs/**/*.md"], { cwd: root });
  const sources = globSync(["{scripts,supabase}/**/*.ts"], { cwd: root, exclude: ["**/node_modules/**"] });
  const read = (file: string) => readFileSync(join(root, file), "utf8");
  return [
    ...documents.flatMap((file) => problemsInDocument(file, read(file))),
    ...sources
      .filter((file) => ofReplicas.test(read(file)))
      .flatMap((file) => problemsOfClients(file, read(file))),
  ];
}

/** Faults in the TypeScript blocks of a document. */
export function problemsInDocument(file: string, text: string): string[] {
  return [...text.matchAll(/^```ts\b.*\n([\s\S]*?)^```/gm)].flatMap((block) => {
    const [, code = ""] = block;
    const before = text.slice(0, block.index).split("\n").length; // the line of the opening
    return [...problemsOfSearches(file, code, before), ...problemsOfClients(file, code, before)];
  });
}

function problemsOfSearches(file: string, code: string, before: number): string[] {
  return nodesOf(code).flatMap((node) => {
    const name = ts.isCallExpression(node) ? calledFunction(node) : undefined;
    // a calendar is also read back after a change, by POST
    if (!name?.match(/search|count/) || !ts.isCallExpression(node) || isGet(node)) return [];
    return `${file}:${lineOf(node, before)}: call ${name} by GET, with { get: true }: caches and replicas answer no POST`;
  });
}

/** Faults of clients that read replicas. @param before the number of lines before the code */
export function problemsOfClients(file: string, code: string, before = 0): string[] {
  const nodes = nodesOf(code);
  const clients = nodes.flatMap((node) => {
    if (!ts.isVariableDeclaration(node) || !ts.isIdentifier(node.name) || node.initializer === undefined)
      return [];
    const { initializer } = node;
    const isClient = ts.isCallExpression(initializer) && initializer.expression.getText() === "createClient";
    return isClient && ofReplicas.test(initializer.arguments[0]?.getText() ?? "") ? [node.name.text] : [];
  });
  return nodes.flatMap((node) => {
    if (!ts.isIdentifier(node) || !clients.includes(node.text)) return [];
    const { parent } = node;
    if (ts.isVariableDeclaration(parent) && parent.name === node) return [];
    if (ts.isPropertyAccessExpression(parent) && parent.name === node) return []; // a member of another object
    const call = ts.isPropertyAccessExpression(parent) ? parent.parent : undefined;
    if (call !== undefined && ts.isCallExpression(call) && calledFunction(call) !== undefined && isGet(call))
      return [];
    return `${file}:${lineOf(node, before)}: ${node.text} reads replicas: call nothing but rpc of ${cacheableFunctions.join(", ")} with { get: true }`;
  });
}

/** The cacheable function that a call of supabase-js calls, if any. */
function calledFunction({ expression, arguments: [name] }: ts.CallExpression): string | undefined {
  const isRpc = ts.isPropertyAccessExpression(expression) && expression.name.text === "rpc";
  if (!isRpc || name === undefined || !ts.isStringLiteralLike(name)) return undefined;
  return cacheableFunctions.includes(name.text) ? name.text : undefined;
}

function isGet({ arguments: [, , options] }: ts.CallExpression): boolean {
  return /\bget: true\b/.test(options?.getText() ?? "");
}

function nodesOf(code: string): ts.Node[] {
  const source = ts.createSourceFile("code.ts", code, ts.ScriptTarget.Latest, true);
  const nodes: ts.Node[] = [];
  const visit = (node: ts.Node) => {
    nodes.push(node);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return nodes;
}

function lineOf(node: ts.Node, before: number): number {
  return before + node.getSourceFile().getLineAndCharacterOfPosition(node.getStart()).line + 1;
}
