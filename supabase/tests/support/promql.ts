// Evaluates PromQL as far as our alerts use it: selectors, arithmetic and comparisons, `and`, `unless on()`, `sum`, `increase` and `time()`. Prometheus's
// own grammar parses; anything else in an expression is an error. `promtool test rules` gives the same results.

import type { SyntaxNode, Tree } from "@lezer/common";
import { parser } from "@prometheus-io/lezer-promql";

export interface Series {
  name: string;
  labels: Record<string, string>;
  /** In order; times in seconds. */
  samples: { at: number; value: number }[];
}

export interface Point {
  labels: Record<string, string>;
  value: number;
}

type Value = number | Point[];

/** In seconds: how long a sample counts as the present value. */
const lookback = 300;

/** @throws when the expression is not PromQL */
export function parse(expression: string): Tree {
  const tree = parser.parse(expression);
  tree.iterate({
    enter({ type, from }) {
      if (type.isError) throw new Error(`no PromQL at ${from}: ${expression}`);
    },
  });
  return tree;
}

/** The metrics that an expression names. */
export function metricsIn(expression: string): string[] {
  const names: string[] = [];
  parse(expression).iterate({
    enter({ name, from, to }) {
      if (name === "Identifier") names.push(expression.slice(from, to));
    },
  });
  return names;
}

/** The result of an expression at a time, in seconds: the series for which an alert's condition is true. */
export function evaluate(expression: string, series: Series[], at: number): Point[] {
  const text = (node: SyntaxNode) => expression.slice(node.from, node.to);

  function resultOf(node: SyntaxNode): Value {
    const [first, second] = childrenOf(node);
    switch (node.name) {
      case "PromQL":
      case "ParenExpr":
        return resultOf(the(first, node));
      case "NumberDurationLiteral":
        return Number(text(node));
      case "VectorSelector":
        return select(node).flatMap(({ labels, samples }) => {
          const last = samples.findLast((sample) => sample.at <= at);
          return last === undefined || last.at <= at - lookback ? [] : [{ labels, value: last.value }];
        });
      case "FunctionCall":
        return call(text(the(first, node)), childrenOf(the(second, node)));
      case "AggregateExpr": {
        const [argument, ...others] = childrenOf(the(second, node));
        if (text(the(first, node)) !== "sum" || second?.name !== "FunctionCallBody" || others.length > 0)
          return unknown(node);
        const points = vector(resultOf(the(argument, node)));
        const value = points.reduce((sum, point) => sum + point.value, 0);
        return points.length === 0 ? [] : [{ labels: {}, value }];
      }
      case "BinaryExpr": {
        const [left, operator, ...others] = childrenOf(node);
        const right = others.pop();
        if (operator?.name === "Unless" && others.map(text).join() === "on()") {
          const isEmpty = vector(resultOf(the(right, node))).length === 0;
          return isEmpty ? vector(resultOf(the(left, node))) : [];
        }
        if (others.length > 0) return unknown(node);
        return binary(text(the(operator, node)), resultOf(the(left, node)), resultOf(the(right, node)));
      }
      default:
        return unknown(node);
    }
  }

  function call(name: string, [argument]: SyntaxNode[]): Value {
    if (name === "time" && argument === undefined) return at;
    const [selector, range] = argument === undefined ? [] : childrenOf(argument);
    if (name !== "increase" || selector === undefined || range === undefined)
      throw new Error(`${name}() is not known here`);
    const length = seconds(text(range));
    return select(selector).flatMap(({ labels, samples }) => {
      const seen = samples.filter((sample) => sample.at >= at - length && sample.at <= at);
      const [first] = seen;
      const last = seen.at(-1);
      if (first === undefined || last === undefined || last.at === first.at) return [];
      // a counter that has become smaller began again at 0
      const grown = seen.reduce((sum, { value }, index) => {
        const before = seen[index - 1]?.value ?? value;
        return sum + (value < before ? value : value - before);
      }, 0);
      return [{ labels, value: (grown * length) / (last.at - first.at) }];
    });
  }

  function select(node: SyntaxNode): Series[] {
    const [identifier, matchers] = childrenOf(node);
    const name = text(the(identifier, node));
    const tests = (matchers === undefined ? [] : childrenOf(matchers)).map((matcher) => {
      const [label, operator, value] = childrenOf(matcher).map(text);
      const wanted = JSON.parse(value ?? "") as string;
      const pattern = new RegExp(`^(?:${wanted})$`);
      return ({ labels }: Series) => {
        const found = labels[label ?? ""] ?? "";
        if (operator === "=") return found === wanted;
        if (operator === "!=") return found !== wanted;
        return pattern.test(found) === (operator === "=~");
      };
    });
    return series.filter((one) => one.name === name && tests.every((test) => test(one)));
  }

  return vector(resultOf(parse(expression).topNode));
}

const operators: Record<string, (a: number, b: number) => number | boolean> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  ">": (a, b) => a > b,
  "<": (a, b) => a < b,
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
};

function binary(operator: string, left: Value, right: Value): Value {
  if (operator === "and") {
    const kept = new Set(vector(right).map(({ labels }) => keyOf(labels)));
    return vector(left).filter(({ labels }) => kept.has(keyOf(labels)));
  }
  const apply = operators[operator];
  if (apply === undefined) throw new Error(`${operator} is not known here`);
  if (typeof left === "number" && typeof right === "number") {
    const result = apply(left, right);
    if (typeof result === "boolean") throw new Error("Prometheus compares two numbers with bool only");
    return result;
  }
  const others =
    typeof right === "number" ? undefined : new Map(right.map((p) => [keyOf(p.labels), p.value]));
  const points = typeof left === "number" ? vector(right).map((point) => ({ ...point, value: left })) : left;
  return points.flatMap(({ labels, value }): Point[] => {
    const other = others === undefined ? (right as number) : others.get(keyOf(labels));
    if (other === undefined) return [];
    const result = apply(value, other);
    // a comparison keeps the series for which it is true
    if (typeof result === "boolean") return result ? [{ labels, value }] : [];
    return [{ labels, value: result }];
  });
}

function vector(value: Value): Point[] {
  if (typeof value === "number") throw new Error("the result is a number, not series");
  return value;
}

function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child !== null; child = child.nextSibling) children.push(child);
  return children;
}

function the(node: SyntaxNode | undefined, parent: SyntaxNode): SyntaxNode {
  return node ?? unknown(parent);
}

function unknown(node: SyntaxNode): never {
  throw new Error(`${node.name} in this form is not known here`);
}

function keyOf(labels: Record<string, string>): string {
  return JSON.stringify(Object.entries(labels).sort());
}

/** @param duration such as 5m */
export function seconds(duration: string): number {
  const [, number, unit = ""] = /^(\d+)(s|m|h|d)$/.exec(duration) ?? [];
  const factor = { s: 1, m: 60, h: 3600, d: 86_400 }[unit];
  if (factor === undefined) throw new Error(`${duration} is no duration`);
  return Number(number) * factor;
}

/** The series of a scrape at a time, in seconds. */
export function seriesOf(scrape: string, at: number): Series[] {
  return scrape.split("\n").flatMap((line): Series[] => {
    if (line === "" || line.startsWith("#")) return [];
    const [, name, labels = "", value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (name === undefined) throw new Error(`no sample: ${line}`);
    return [{ name, labels: labelsOf(labels), samples: [{ at, value: Number(value) }] }];
  });
}

/** @param text such as `queue="mails",status="a"` */
export function labelsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    [...text.matchAll(/(\w+)=("(?:[^"\\]|\\.)*")/g)].map(([, name, value = '""']) => [
      name,
      JSON.parse(value),
    ]),
  );
}
