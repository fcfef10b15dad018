// Shows that npm is at work: one line that is rewritten on a terminal, a line every ten seconds elsewhere.

/**
 * @param {{ isTTY?: boolean, write(text: string): unknown }} output
 * @param {string} title
 * @param {() => string} detail What has been done so far.
 * @returns {() => void} Ends the display.
 */
export function showProgress(output, title, detail) {
  const since = Date.now();
  const seconds = () => Math.round((Date.now() - since) / 1000);
  if (!output.isTTY) {
    output.write(`${title} ...\n`);
    const timer = setInterval(() => output.write(`  ${detail()}, ${seconds()} s\n`), 10_000);
    return () => clearInterval(timer);
  }
  const draw = () => output.write(`\r\x1b[K${title}: ${detail()}, ${seconds()} s`);
  draw();
  const timer = setInterval(draw, 1_000);
  return () => {
    clearInterval(timer);
    output.write("\r\x1b[K");
  };
}
