// Runs one Edge Function under Deno as edge-runtime does: sets EdgeRuntime, then loads the function's index.ts, which either
// calls Deno.serve itself or exports an object with `fetch`. Deno takes the address to listen on from DENO_SERVE_ADDRESS.

declare const Deno: {
  args: string[];
  serve(handler: (request: Request) => Response | Promise<Response>): unknown;
};

const pending = new Set<Promise<unknown>>();
Object.assign(globalThis, {
  EdgeRuntime: {
    waitUntil(promise: Promise<unknown>) {
      const settled = promise.catch((error) => console.error(error)).finally(() => pending.delete(settled));
      pending.add(settled);
    },
  },
});

try {
  const loaded: { default?: { fetch?: (request: Request) => Response | Promise<Response> } } = await import(
    String(Deno.args[0])
  );
  const handler = loaded.default?.fetch;
  if (handler !== undefined) Deno.serve((request) => handler(request));
} catch (error) {
  // Until the file is mended, which starts this program again.
  console.error(error);
  const body = { code: "BOOT_ERROR", message: "Function failed to start (please check logs)" };
  Deno.serve(() => Response.json(body, { status: 503 }));
}
