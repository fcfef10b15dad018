// Auth: sign-up, sign-in, mails. Settings come from [auth] in supabase/config.toml; mails go by SMTP to the catcher.

import { join } from "node:path";
import { type EmailMessage, SmtpEmailDriver } from "@supabase/lite";
import { completeTokens } from "./auth-tokens.ts";
import type { StackConfig } from "./config.ts";
import { createLite, createLitePart, type LitePart } from "./lite.ts";
import type { Mail } from "./mail.ts";

export function createAuth(config: StackConfig, mail: Mail): LitePart {
  const { apiUrl, keys, toml } = config;
  return createLitePart(
    "auth",
    () =>
      createLite(config, "supabase_auth_admin", {
        auth: { ...toml.auth, enabled: true, jwt_secret: keys.jwtSecret, email: emailSettings(config) },
        drivers: { email: mailer(config, mail) },
      }),
    async (request, answer) => {
      const context = { issuer: `${apiUrl}/auth/v1`, secret: keys.jwtSecret, answer };
      return completeTokens(await verifyByEmail(request, answer), context);
    },
  );
}

/**
 * A code of type `email` confirms a sign-up or signs in, whichever it was mailed for. lite knows only the two by themselves.
 * https://supabase.com/docs/reference/javascript/auth-verifyotp
 */
async function verifyByEmail(
  request: Request,
  answer: (request: Request) => Promise<Response>,
): Promise<Response> {
  if (request.method !== "POST" || !request.url.endsWith("/auth/v1/verify")) return answer(request);
  const text = await request.text();
  const again = (body: string) =>
    answer(new Request(request.url, { method: "POST", headers: request.headers, body }));
  const body = parseObject(text);
  if (body?.type !== "email") return again(text);
  const signedIn = await again(JSON.stringify({ ...body, type: "magiclink" }));
  return signedIn.ok ? signedIn : again(JSON.stringify({ ...body, type: "signup" }));
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** lite builds the links in mails on `site_url`; hosted Supabase builds them on the API's address, and so must we. */
function mailer(config: StackConfig, mail: Mail) {
  const smtp = new SmtpEmailDriver({
    host: "127.0.0.1",
    port: mail.smtpPort,
    from: { name: "Staybase", address: "noreply@staybase.local" },
  });
  const verify = (base: string) => `${base.replace(/\/$/, "")}/auth/v1/verify`;
  const onApi = (text: string) => text.replaceAll(verify(config.toml.auth.site_url), verify(config.apiUrl));
  return {
    send: (message: EmailMessage) =>
      smtp.send({
        ...message,
        ...(message.text === undefined ? {} : { text: onApi(message.text) }),
        ...(message.html === undefined ? {} : { html: onApi(message.html) }),
      }),
  };
}

/** lite knows `enabled` by its older name, and reads templates relative to the process's folder instead of the project's. */
function emailSettings(config: StackConfig) {
  const { template, enabled, ...email } = config.toml.auth.email;
  const entries = Object.entries(template).map(([name, { content_path, ...rest }]) => [
    name,
    { ...rest, ...(content_path === undefined ? {} : { content_path: join(config.root, content_path) }) },
  ]);
  return { ...email, enable_signup: enabled, template: Object.fromEntries(entries) };
}
