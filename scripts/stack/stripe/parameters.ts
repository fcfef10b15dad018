// The check of a request's parameters against what its route takes, before anything is done.

import { invalid, lacking } from "./errors.ts";
import type { Parameters, Value } from "./form.ts";

/** How the value of a parameter must look. `clearable` texts and choices may be empty, which unsets them. */
export type Rule =
  | "text"
  | "clearable"
  | "flag"
  | "integer"
  | "texts"
  | "metadata"
  | "time"
  | { choices: readonly string[]; clearable?: boolean }
  /** Values that the emulator has, of more that Stripe has. */
  | { has: readonly string[] }
  | { fields: Rules; clearable?: boolean };

export type Rules = Record<string, Rule>;

export interface Contract {
  takes: Rules;
  /** Parameters without which Stripe refuses the request. */
  needs?: readonly string[];
  /** Parameters that Stripe takes and the emulator lacks, separated by spaces. */
  lacks?: string;
}

/** @throws StripeFault 400 for the first parameter that is missing, unknown, lacking or malformed */
export function checkParameters(
  name: string,
  { takes, needs, lacks }: Contract,
  parameters: Parameters,
): void {
  const unsupported = new Set(lacks?.split(" "));
  for (const key of Object.keys(parameters)) {
    if (unsupported.has(key)) throw lacking(`the parameter \`${key}\` of ${name}`, key);
  }
  checkFields("", { ...takes, expand: "texts" }, parameters);
  for (const key of needs ?? []) {
    if (parameters[key] === undefined) {
      throw invalid(`Missing required param: ${key}.`, key, "parameter_missing");
    }
  }
}

function checkFields(path: string, rules: Rules, values: Parameters): void {
  for (const [key, value] of Object.entries(values)) {
    const name = path === "" ? key : `${path}[${key}]`;
    const rule = Object.hasOwn(rules, key) ? rules[key] : undefined;
    if (rule === undefined) throw invalid(`Received unknown parameter: ${name}`, name, "parameter_unknown");
    if (value !== undefined) checkValue(name, rule, value);
  }
}

function checkValue(name: string, rule: Rule, value: Value): void {
  if (rule === "metadata") {
    checkMetadata(name, value);
  } else if (rule === "time" && isObject(value)) {
    checkFields(name, bounds, value);
  } else if (rule === "texts" || (isList(rule) && Array.isArray(value))) {
    if (!Array.isArray(value)) throw invalid("Invalid array", name);
    value.forEach((each, index) => {
      checkValue(`${name}[${index}]`, rule === "texts" ? "text" : rule, each);
    });
  } else if (typeof rule === "object" && "fields" in rule && isObject(value)) {
    checkFields(name, rule.fields, value);
  } else if (value !== "" || !isClearable(rule)) {
    checkText(name, rule, value);
  }
}

const bounds: Rules = { gt: "integer", gte: "integer", lt: "integer", lte: "integer" };
const isList = (rule: Rule) => typeof rule === "object" && "has" in rule;

function isClearable(rule: Rule): boolean {
  return rule === "clearable" || (typeof rule === "object" && "clearable" in rule && rule.clearable === true);
}

function checkText(name: string, rule: Rule, value: Value): void {
  if (typeof rule === "object" && "fields" in rule) throw invalid("Invalid object", name);
  if (typeof value !== "string") throw invalid("Invalid string", name);
  if (value === "") {
    throw invalid(
      `You passed an empty string for '${name}'. We assume empty values are an attempt to unset a parameter; however '${name}' cannot be unset. You should remove '${name}' from your request or supply a non-empty value.`,
      name,
      "parameter_invalid_empty",
    );
  }
  if (rule === "flag" && value !== "true" && value !== "false") {
    throw invalid(`Invalid boolean: ${value}`, name);
  }
  if ((rule === "integer" || rule === "time") && !/^-?[0-9]{1,15}$/.test(value)) {
    throw invalid(`Invalid integer: ${value}`, name, "parameter_invalid_integer");
  }
  if (typeof rule === "object" && "choices" in rule && !rule.choices.includes(value)) {
    throw invalid(`Invalid ${name}: must be one of ${rule.choices.join(", ")}`, name);
  }
  if (typeof rule === "object" && "has" in rule && !rule.has.includes(value)) {
    throw lacking(`the value \`${value}\` of ${name}`, name);
  }
}

/** https://docs.stripe.com/api/metadata: 50 keys of 40 characters with values of 500. */
function checkMetadata(name: string, value: Value): void {
  if (value === "") return;
  if (typeof value === "string") throw invalid("Invalid object", name);
  const entries = Object.entries(value);
  if (entries.length > 50) throw invalid("Metadata can have up to 50 keys.", name);
  for (const [key, inner] of entries) {
    const param = `${name}[${key}]`;
    if (key.length > 40) {
      throw invalid(
        `Metadata keys can have up to 40 characters, but you passed in a key that is ${key.length} characters.`,
        param,
      );
    }
    if (typeof inner !== "string") throw invalid("Metadata values must be strings.", param);
    if (inner.length > 500) {
      throw invalid(
        `Metadata values can have up to 500 characters, but you passed in a value that is ${inner.length} characters.`,
        param,
      );
    }
  }
}

function isObject(value: Value): value is Parameters {
  return typeof value === "object" && !Array.isArray(value);
}
