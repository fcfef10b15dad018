// Runs an Edge Function under Deno as edge-runtime does: it provides EdgeRuntime and serves the function's default export, unless the
// function calls Deno.serve itself. Deno listens on the address in DENO_SERVE_ADDRESS.

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
  // Answers until the file is fixed, which restarts this program.
  console.error(error);
  const body = { code: "BOOT_ERROR", message: "Function failed to start (please check logs)" };
  Deno.serve(() => Response.json(body, { status: 503 }));
}
