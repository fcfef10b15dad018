// The alerts of ops/prometheus/rules.yml.

import { readFileSync } from "node:fs";
import { parse } from "yaml";

export interface Rule {
  alert: string;
  expr: string;
  for?: string;
  labels: Record<string, string>;
  annotations: { summary: string };
}

const { groups } = parse(readFileSync("ops/prometheus/rules.yml", "utf8")) as { groups: { rules: Rule[] }[] };

export const alertRules = groups.flatMap(({ rules }) => rules);
