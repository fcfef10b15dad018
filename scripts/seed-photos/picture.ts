// A picture of few colours, and its PNG file.

import { crc32, deflateSync } from "node:zlib";

export const width = 720;
export const height = 480;
export type Colour = readonly [red: number, green: number, blue: number];

/** An image of palette indices. */
export class Picture {
  readonly pixels = new Uint8Array(width * height);
  readonly palette: Colour[] = [];

  private index(colour: Colour): number {
    const found = this.palette.findIndex((known) => known.every((part, at) => part === colour[at]));
    return found === -1 ? this.palette.push(colour) - 1 : found;
  }

  /** Fills the pixels of a rectangle for which `inside` is true. */
  fill(
    colour: Colour,
    [x, y, w, h]: [number, number, number, number],
    inside: (x: number, y: number) => boolean = () => true,
  ): void {
    const index = this.index(colour);
    for (let row = Math.max(0, Math.round(y)); row < Math.min(height, y + h); row++) {
      for (let column = Math.max(0, Math.round(x)); column < Math.min(width, x + w); column++) {
        if (inside(column, row)) this.pixels[row * width + column] = index;
      }
    }
  }

  circle(colour: Colour, x: number, y: number, radius: number): void {
    this.fill(
      colour,
      [x - radius, y - radius, 2 * radius, 2 * radius],
      (px, py) => Math.hypot(px - x, py - y) <= radius,
    );
  }

  /** The PNG file (W3C PNG, third edition): header, palette, and one deflated stream of rows without filters. */
  png(): Buffer {
    const chunk = (type: string, data: Buffer) => {
      const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
      const frame = Buffer.alloc(body.length + 8);
      frame.writeUInt32BE(data.length, 0);
      body.copy(frame, 4);
      frame.writeUInt32BE(crc32(body), body.length + 4);
      return frame;
    };
    const header = Buffer.alloc(13);
    header.writeUInt32BE(width, 0);
    header.writeUInt32BE(height, 4);
    header.set([8, 3, 0, 0, 0], 8);
    const rows = Buffer.alloc((width + 1) * height);
    for (let row = 0; row < height; row++) {
      rows.set(this.pixels.subarray(row * width, (row + 1) * width), row * (width + 1) + 1);
    }
    return Buffer.concat([
      Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
      chunk("IHDR", header),
      chunk("PLTE", Buffer.from(this.palette.flat())),
      chunk("IDAT", deflateSync(rows, { level: 9 })),
      chunk("IEND", Buffer.alloc(0)),
    ]);
  }
}

/** A colour by hue (degrees), saturation and lightness (0 to 1). */
export function hsl(hue: number, saturation: number, lightness: number): Colour {
  const channel = (n: number) => {
    const k = (n + hue / 30) % 12;
    const a = saturation * Math.min(lightness, 1 - lightness);
    return Math.round(255 * (lightness - a * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}

/** A colour between two. @param share of the second, from 0 to 1 */
export const mix = (a: Colour, b: Colour, share: number): Colour =>
  [0, 1, 2].map((at) =>
    Math.round((a[at] ?? 0) + ((b[at] ?? 0) - (a[at] ?? 0)) * share),
  ) as unknown as Colour;
