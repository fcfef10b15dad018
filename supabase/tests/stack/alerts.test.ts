// The alerts of ops/prometheus: the cases of rules.test.yml, by our own evaluation and, where it is installed, by promtool.

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { alertRules, type Rule } from "../support/alerts.ts";
import { evaluate, labelsOf, type Series, seconds } from "../support/promql.ts";

interface Case {
  name: string;
  interval: string;
  input_series: { series: string; values: string }[];
  alert_rule_test: {
    eval_time: string;
    alertname: string;
    exp_alerts: { exp_labels: Record<string, string>; exp_annotations: Record<string, string> }[];
  }[];
}

const { tests } = parseYaml(readFileSync("ops/prometheus/rules.test.yml", "utf8")) as { tests: Case[] };
const rules = new Map(alertRules.map((rule) => [rule.alert, rule]));

it.each(alertRules)("$alert has a case that fires and one that stays silent", ({ alert }) => {
  const cases = tests.flatMap(({ alert_rule_test }) =>
    alert_rule_test.filter((one) => one.alertname === alert),
  );
  expect(new Set(cases.map(({ exp_alerts }) => exp_alerts.length))).toEqual(new Set([0, 1]));
});

describe("cases", () => {
  it.each(tests)("$name", ({ interval, input_series, alert_rule_test }) => {
    const series = input_series.map((one) => readSeries(one, seconds(interval)));
    for (const { eval_time, alertname, exp_alerts } of alert_rule_test) {
      const rule = rules.get(alertname);
      if (rule === undefined) throw new Error(`there is no alert ${alertname}`);
      expect(firing(rule, series, seconds(eval_time), seconds(interval))).toEqual(exp_alerts);
    }
  });

  const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;
  it.runIf(hasPromtool)("promtool agrees", () => {
    execFileSync("promtool", ["test", "rules", "rules.test.yml"], { cwd: "ops/prometheus" });
  });
});

/** The alerts that fire at a time, when the rule is evaluated at every interval from the beginning. */
function firing(rule: Rule, series: Series[], until: number, interval: number) {
  const since = new Map<string, number>();
  for (let at = 0; at <= until; at += interval) {
    const found = evaluate(rule.expr, series, at).map(({ labels }) => JSON.stringify(labels));
    for (const labels of since.keys()) if (!found.includes(labels)) since.delete(labels);
    for (const labels of found) if (!since.has(labels)) since.set(labels, at);
  }
  return [...since]
    .filter(([, at]) => until - at >= seconds(rule.for ?? "0s"))
    .map(([json]) => {
      const labels = JSON.parse(json) as Record<string, string>;
      return {
        exp_labels: { ...rule.labels, ...labels },
        exp_annotations: {
          summary: rule.annotations.summary.replace(
            /\{\{ \$labels\.(\w+) \}\}/g,
            (_, name: string) => labels[name] ?? "",
          ),
        },
      };
    });
}

/** Reads promtool's notation: `a+bxn` stands for a and n more samples, each b larger. */
function readSeries({ series, values }: Case["input_series"][number], interval: number): Series {
  const [, name = "", labels = ""] = /^(\w+)(?:\{(.*)\})?$/.exec(series) ?? [];
  const numbers = values.split(" ").flatMap((part) => {
    const [, first, step = "0", times = "0"] = /^(-?\d+(?:\.\d+)?)(?:\+(\d+))?(?:x(\d+))?$/.exec(part) ?? [];
    if (first === undefined) throw new Error(`cannot read the values ${part}`);
    return Array.from({ length: Number(times) + 1 }, (_, index) => Number(first) + index * Number(step));
  });
  return {
    name,
    labels: labelsOf(labels),
    samples: numbers.map((value, index) => ({ at: index * interval, value })),
  };
}
