// Auth: sign-up, sign-in, mails. Settings come from [auth] in supabase/config.toml; mails go to the mail catcher by SMTP.

import { join } from "node:path";
import { type EmailMessage, SmtpEmailDriver } from "@supabase/lite";
import type { StackConfig } from "../lib/config.ts";
import { answerAsSupabase } from "./auth-requests.ts";
import { completeTokens } from "./auth-tokens.ts";
import type { Mail } from "./mail.ts";
import {
  createSupabaseLiteApp,
  createSupabaseLiteService,
  type SupabaseLiteService,
} from "./supabase-lite.ts";

export function createAuth(config: StackConfig, mail: Mail): SupabaseLiteService {
  const { apiUrl, keys, toml } = config;
  return createSupabaseLiteService(
    "auth",
    () =>
      createSupabaseLiteApp(config, "supabase_auth_admin", {
        auth: { ...toml.auth, enabled: true, jwt_secret: keys.jwtSecret, email: emailSettings(config) },
        drivers: { email: mailer(config, mail) },
      }),
    async (request, answer) => {
      const context = { issuer: `${apiUrl}/auth/v1`, secret: keys.jwtSecret, answer };
      return completeTokens(await answerAsSupabase(request, answer), context);
    },
  );
}

/** Sends mails with links to the API's address, as hosted Supabase does; lite builds them on `site_url`. */
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

/**
 * Adapts [auth.email] to lite: it knows `enabled` as `enable_signup` and reads templates from the current folder. It sends only one of
 * the two mails of `double_confirm_changes`, so that is off, and the mail proves the new address.
 */
function emailSettings(config: StackConfig) {
  const { template, enabled, ...email } = config.toml.auth.email;
  const entries = Object.entries(template).map(([name, { content_path, ...rest }]) => [
    name,
    { ...rest, ...(content_path === undefined ? {} : { content_path: join(config.root, content_path) }) },
  ]);
  return {
    ...email,
    enable_signup: enabled,
    double_confirm_changes: false,
    template: Object.fromEntries(entries),
  };
}
