// The addresses and keys of the stack under test.

/** `npm test` and `npm run test:official` set these variables. */
export const stack = {
  kind: variable("STAYBASE_STACK") as "embedded" | "official",
  apiUrl: variable("STAYBASE_API_URL"),
  /** Empty on the official stack. */
  dataDir: variable("STAYBASE_DATA_DIR"),
  mailUrl: variable("STAYBASE_MAIL_URL"),
  stripeUrl: variable("STAYBASE_STRIPE_URL"),
  databaseUrl: variable("STAYBASE_DB_URL"),
  publishableKey: variable("STAYBASE_PUBLISHABLE_KEY"),
  secretKey: variable("STAYBASE_SECRET_KEY"),
  anonKey: variable("STAYBASE_ANON_KEY"),
  serviceRoleKey: variable("STAYBASE_SERVICE_ROLE_KEY"),
  jwtSecret: variable("STAYBASE_JWT_SECRET"),
};

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run these tests with \`npm test\`.`);
  return value;
}
