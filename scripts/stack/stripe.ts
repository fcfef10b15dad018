// Stripe as a service of the stack: the emulator in stripe/, on its own port.

import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { createClock } from "../../supabase/functions/_shared/clock.ts";
import { clockFile, type StackConfig } from "../lib/config.ts";
import { listening } from "../lib/server.ts";
import type { Service } from "./service.ts";
import { createEmulator, type Emulator } from "./stripe/emulator.ts";

export function createStripe(config: StackConfig): Service {
  let emulator: Emulator | undefined;
  let server: Server | undefined;
  return {
    name: "stripe (emulated)",
    async start() {
      emulator = createEmulator({
        url: config.stripeUrl,
        webhookUrl: `${config.apiUrl}/functions/v1/stripe-webhook`,
        file: join(config.dataDir, "stripe.json"),
        now: createClock(clockFile(config)),
      });
      server = createServer(emulator.handle).listen(config.ports.stripe, "127.0.0.1");
    },
    async ready() {
      await listening(server);
    },
    async stop() {
      server?.closeAllConnections();
      server?.close();
      emulator?.close();
      emulator = undefined;
    },
  };
}
