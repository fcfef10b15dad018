// What Edge Functions use of Deno and of the web, for the parts of them that run here in Node.

declare const Deno: { env: { get(name: string): string | undefined } };
type BlobPart = ConstructorParameters<typeof Blob>[0] extends (infer Part)[] | undefined ? Part : never;
