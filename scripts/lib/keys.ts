// The API keys of a local project: the same that `supabase start` prints on every machine, so that snippets work on both stacks.
// They are public, so the stack listens on 127.0.0.1 only.

import { createHmac } from "node:crypto";

/** Whom the tokens of Auth are for. API keys name none; a token that names another audience is refused. */
export const audience = "authenticated";

export interface Keys {
  publishable: string;
  secret: string;
  /** Legacy JWT keys, signed with jwtSecret. */
  anon: string;
  serviceRole: string;
  /** HS256 secret of all tokens: Auth signs with it, REST and the gateway verify with it. */
  jwtSecret: string;
}

/** The keys of a local project, as the Supabase CLI creates them. */
export function createKeys(): Keys {
  const jwtSecret = "super-secret-jwt-token-with-at-least-32-characters-long";
  return {
    publishable: "sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH",
    secret: "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz",
    anon: legacyKey("anon", jwtSecret),
    serviceRole: legacyKey("service_role", jwtSecret),
    jwtSecret,
  };
}

/** The same token as the CLI's, byte by byte; jose would order the header's fields differently. */
function legacyKey(role: string, secret: string): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const body = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ iss: "supabase-demo", role, exp: 1983812996 })}`;
  return `${body}.${createHmac("sha256", secret).update(body).digest("base64url")}`;
}
