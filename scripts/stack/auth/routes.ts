// The paths of Auth, those of Supabase Auth. https://github.com/supabase/auth/blob/master/openapi.yaml

import * as admin from "./admin.ts";
import type { Auth, Handler } from "./auth-service.ts";
import { readCall } from "./call.ts";
import { AuthError, errorAnswer } from "./errors.ts";
import * as factors from "./factors.ts";
import { generateLink, invite } from "./links.ts";
import * as mailRequests from "./mail-requests.ts";
import * as oauth from "./oauth.ts";
import { publicSettings } from "./settings.ts";
import { signUp } from "./sign-up.ts";
import { grantToken } from "./token.ts";
import * as user from "./user.ts";
import { followLink, verify } from "./verify.ts";

const health: Handler = async () =>
  Response.json({
    version: "staybase",
    name: "GoTrue",
    description: "GoTrue is a user registration and authentication API",
  });

/** By path, in which `*` stands for one segment, and by method. */
const routes: Record<string, Record<string, Handler>> = {
  "/health": { GET: health },
  "/settings": { GET: async ({ settings }) => Response.json(publicSettings(settings)) },
  "/.well-known/jwks.json": { GET: async () => Response.json({ keys: [] }) },
  "/signup": { POST: signUp },
  "/token": { POST: grantToken },
  "/otp": { POST: mailRequests.sendOtp },
  "/magiclink": { POST: mailRequests.sendMagicLink },
  "/recover": { POST: mailRequests.sendRecovery },
  "/resend": { POST: mailRequests.sendAgain },
  "/verify": { POST: verify, GET: followLink },
  "/user": { GET: user.getUser, PUT: user.changeUser },
  "/user/identities/authorize": { GET: oauth.linkIdentity },
  "/user/identities/*": { DELETE: user.unlinkIdentity },
  "/reauthenticate": { GET: user.reauthenticate },
  "/logout": { POST: user.signOut },
  "/authorize": { GET: oauth.authorize },
  "/callback": { GET: oauth.callback },
  "/factors": { POST: factors.enrollFactor },
  "/factors/*": { DELETE: factors.unenrollFactor },
  "/factors/*/challenge": { POST: factors.challengeFactor },
  "/factors/*/verify": { POST: factors.verifyFactor },
  "/invite": { POST: invite },
  "/admin/generate_link": { POST: generateLink },
  "/admin/audit": { GET: admin.readAuditLog },
  "/admin/users": { GET: admin.listAllUsers, POST: admin.addUser },
  "/admin/users/*": { GET: admin.readUser, PUT: admin.editUser, DELETE: admin.removeUser },
  "/admin/users/*/factors": { GET: admin.listFactors },
  "/admin/users/*/factors/*": { PUT: admin.editFactor, DELETE: admin.deleteFactor },
};

/** Features that the embedded Auth lacks, with the errors of Supabase Auth where they are off. */
const missing: [RegExp, string, string][] = [
  [/^\/sso(\/|$)/, "saml_provider_disabled", "SAML 2.0 is disabled"],
  [/^\/passkeys(\/|$)/, "passkey_disabled", "Passkeys are disabled"],
  [/^(\/admin)?\/oauth(\/|$)/, "feature_disabled", "OAuth server is disabled"],
];

const patterns = Object.entries(routes).map(([path, methods]) => ({
  pattern: new RegExp(`^${path.replaceAll(".", "\\.").replaceAll("*", "[^/]+")}$`),
  methods,
}));

export async function answer(auth: Auth, request: Request): Promise<Response> {
  try {
    const call = await readCall(request);
    for (const [pattern, code, message] of missing) {
      if (pattern.test(call.path)) throw new AuthError(404, code, message);
    }
    const methods = patterns.find(({ pattern }) => pattern.test(call.path))?.methods;
    if (methods === undefined) return new Response("404 page not found\n", { status: 404 });
    const handler = methods[call.method];
    if (handler === undefined) {
      return new Response(null, { status: 405, headers: { allow: Object.keys(methods).join(", ") } });
    }
    return await handler(auth, call);
  } catch (cause) {
    return errorAnswer(cause, request.headers);
  }
}
