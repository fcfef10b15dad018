// The wording check: words and phrases that a reader stumbles over, and what to write instead.

import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The files that are checked. */
const checked = [
  "*.md",
  ".github/**/*.{md,yml}",
  "{docs,scripts,supabase}/**/*.{md,ts,mjs,js,sql,html,toml}",
];
/** These files name the words. */
const ignored = ["scripts/test/wording*.ts", "**/node_modules/**"];

interface Rule {
  pattern: RegExp;
  better: string;
}

const rules: Rule[] = [
  {
    // Also inside names such as `p_place` and `findPlace`. "in place of", "takes place", "wrong place" and "decimal places" are fine.
    pattern:
      /(?<!\b(?:in|one|first|wrong|takes?|Takes?|took|taken|taking|decimal|Decimal|its|their) )(?:(?<![A-Za-z])place|(?<![A-Z])Place|PLACE)s?(?![A-Za-z])|(?<=[a-z])Places?(?=[A-Z_])/g,
    better: "property (area on the map, position in a list)",
  },
  { pattern: /\bsomebody\b/gi, better: "the role (a guest, a host, a developer), or a person" },
  { pattern: /(?<!["'`])\bnobody\b/gi, better: "no one, no user, no <role>" },
  { pattern: /\beverybody\b/gi, better: "everyone, all users" },
  { pattern: /\bwhoever\b/gi, better: "the user who, anyone who" },
  { pattern: /\bmend(?:s|ed|ing)?\b/gi, better: "fix, correct" },
  { pattern: /\bfor good\b/gi, better: "permanently" },
  {
    pattern: /\b(?:is|are|was|were|be|been|being) told\b|\btold by\b/gi,
    better: "is determined by, follows from, receives",
  },
  { pattern: /\bwhat (?:\w+ ){1,4}is what\b/gi, better: "name the thing" },
  { pattern: /\b(?:is|are) (?:not )?(?:yours|theirs) to\b/gi, better: "you are (not) allowed to" },
  { pattern: /\bwould not say the same\b/gi, better: "do not match" },
  { pattern: /\bbut (?:for|where|when|by) (?!now\b)/gi, better: "except, unless" },
  { pattern: /\banew\b/gi, better: "again, from scratch" },
  { pattern: /\bdearer\b/gi, better: "more expensive" },
  { pattern: /\bhopeless/gi, better: "permanent" },
  { pattern: /\ball the same\b/gi, better: "still, anyway" },
  { pattern: /\b(?:whence|whither|wherein|whereof|thereof|therein|hereof|lest)\b/gi, better: "plain words" },
  { pattern: /\bmany a\b/gi, better: "many" },
];

export interface Finding {
  file: string;
  line: number;
  found: string;
  better: string;
}

/** @param patterns Globs from the project folder. */
export function findWording(root: string, patterns: string[] = checked): Finding[] {
  const files = globSync(patterns, { cwd: root, exclude: ignored }).sort();
  return files.flatMap((file) => findInText(file, readFileSync(join(root, file), "utf8")));
}

export function findInText(file: string, text: string): Finding[] {
  return text
    .split("\n")
    .flatMap((content, index) =>
      rules.flatMap(({ pattern, better }) =>
        [...content.matchAll(pattern)].map(([found]) => ({ file, line: index + 1, found, better })),
      ),
    );
}

/** A finding as an editor's terminal links it. */
export function inWords({ file, line, found, better }: Finding): string {
  return `${file}:${line}: "${found}": write ${better}`;
}
