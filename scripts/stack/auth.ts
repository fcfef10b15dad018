// Auth: sign-up, sign-in, mails. Settings come from [auth] in supabase/config.toml; mails go by SMTP to the catcher.

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

/**
 * lite knows `enabled` by its older name, and reads templates relative to the process's folder instead of the project's. Of the
 * two mails that `double_confirm_changes` asks for it sends one; better the one that proves the new address.
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
