// How often tests with random cases repeat.

const factor = Number(process.env.STAYBASE_TEST_FACTOR ?? 1);

/** `count`, or a multiple of it for a long search: `STAYBASE_TEST_FACTOR=20 npm test -- api availability`. */
export function runs(count: number): number {
  return Math.ceil(count * factor);
}
