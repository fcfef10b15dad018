// The types of an OpenAPI 3.1 document, for the parts that this project writes. The types on npm do not compile with `exactOptionalPropertyTypes`.

/** JSON Schema 2020-12. */
export interface Schema {
  $ref?: string;
  type?: string | string[];
  format?: string;
  description?: string;
  enum?: unknown[];
  items?: Schema;
  required?: string[];
  properties?: Record<string, Schema>;
  [keyword: string]: unknown;
}

export interface Reference {
  $ref: string;
}

export interface Parameter {
  name: string;
  in: string;
  description?: string;
  required?: boolean;
  schema: Schema;
  example?: unknown;
}

export interface Example {
  value: unknown;
}

export type Content = Record<string, { schema: Schema; examples?: Record<string, Example | Reference> }>;

export interface Answer {
  description: string;
  content?: Content;
  /** The content of an answer that has one only when the request asks for it. */
  "x-representation"?: Schema;
}

export type Answers = Record<string, Answer | Reference>;

/** Names of security schemes. Scopes are not used. */
export type Security = Record<string, never[]>[];

/** How to call an operation in a language; documentation pages show it. */
export interface CodeSample {
  lang: string;
  label: string;
  source: string;
}

export interface Operation {
  operationId: string;
  tags: string[];
  summary: string;
  description?: string;
  security: Security;
  parameters?: (Parameter | Reference)[];
  requestBody?: { required: boolean; content: Content };
  responses: Answers;
  "x-codeSamples"?: CodeSample[];
}

export type Path = Partial<Record<"get" | "post" | "patch" | "delete", Operation>>;

export interface Tag {
  name: string;
  description?: string;
}

export interface Document {
  openapi: "3.1.0";
  info: object;
  servers: object[];
  tags: Tag[];
  paths: Record<string, Path>;
  components: {
    schemas: Record<string, Schema>;
    parameters: Record<string, Parameter>;
    responses: Record<string, Answer>;
    examples: Record<string, Example>;
    securitySchemes: Record<string, object>;
  };
}
