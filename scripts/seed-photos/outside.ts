// A property from outside, with its town, hills and sky.

import { building, kindOf } from "./building.ts";
import { type Light, lightOf } from "./light.ts";
import { type Colour, height, hsl, mix, Picture, width } from "./picture.ts";

export function outside(n: number): Picture {
  const picture = new Picture();
  const isLisbon = n <= 15;
  const light = lightOf(n);
  const lit = (colour: Colour): Colour => mix(colour, light.tint, light.strength);
  const ground = 400;
  for (let band = 0; band < 60; band++) {
    picture.fill(mix(light.top, light.horizon, (band / 59) ** 1.3), [0, band * 6, width, 6]);
  }
  const [sunX, sunY] = [110 + ((n * 137) % 500), light.isDark ? 90 : 80 + ((n * 29) % 60)];
  for (const [radius, share] of [
    [78, 0.82],
    [58, 0.65],
    [40, 0],
  ] as const) {
    const behind = mix(light.top, light.horizon, (sunY / 360) ** 1.3);
    picture.circle(mix(light.disc, behind, share), sunX, sunY, radius * 0.8);
  }
  if (light.isDark) {
    for (let star = 0; star < 40; star++) {
      const [x, y] = [(star * 197 + n * 31) % width, (star * 83 + n * 17) % 200];
      if (Math.hypot(x - sunX, y - sunY) > 66) picture.fill([255, 255, 240], [x, y, 2, 2]);
    }
  } else {
    for (let cloud = 0; cloud < 3; cloud++) {
      const [x, y] = [((n * 53 + cloud * 251) % 760) - 20, 50 + ((n * 37 + cloud * 61) % 110)];
      const white = mix([255, 255, 255], light.horizon, 0.35);
      for (const [dx, dy, radius] of [
        [0, 0, 20],
        [24, -10, 26],
        [52, 0, 20],
      ] as const) {
        picture.circle(white, x + dx, y + dy, radius);
      }
      picture.fill(white, [x - 4, y, 62, 20]);
    }
  }
  for (let range = 0; range < 3; range++) {
    const far = lit(
      isLisbon
        ? [128 - range * 22, 142 - range * 18, 160 - range * 34]
        : [104 - range * 24, 136 - range * 22, 124 - range * 26],
    );
    const rise = isLisbon ? 26 : 58 - range * 10;
    const line = (x: number) =>
      270 +
      range * 36 -
      rise * Math.sin((x + n * 90 + range * 210) / (120 - range * 16)) -
      10 * Math.sin(x / 31 + n + range);
    picture.fill(mix(far, light.horizon, 0.55 - range * 0.22), [0, 0, width, ground], (x, y) => y > line(x));
  }
  town(picture, n, isLisbon, light, lit);
  const paving: Colour = isLisbon ? [214, 204, 186] : [150, 152, 128];
  picture.fill(lit(paving), [0, ground, width, height - ground]);
  for (let row = 0; row < 5; row++) {
    for (let stone = 0; stone < 12; stone++) {
      const at = stone * 66 - (row % 2) * 33;
      picture.fill(lit(mix(paving, [60, 60, 60], 0.1)), [at, ground + 6 + row * 16, 58, 10]);
    }
  }
  building(picture, n, isLisbon, light, lit, ground);
  for (const side of kindOf(n) === "boat" ? [] : [-1, 1]) {
    const x = side < 0 ? 62 + ((n * 13) % 30) : 650 - ((n * 19) % 30);
    picture.fill(lit([84, 62, 46]), [x - 5, 330, 10, 78]);
    const leaves: Colour = isLisbon
      ? [88, 128, 70]
      : ((
          [
            [226, 150, 170],
            [196, 84, 54],
            [110, 146, 84],
            [232, 176, 84],
          ] as const
        )[n % 4] ?? [110, 146, 84]);
    for (const [dx, dy, radius, shade] of [
      [0, 318, 40, 0.25],
      [-26, 334, 28, 0.25],
      [26, 330, 30, 0.25],
      [-6, 306, 28, 0],
      [-24, 326, 17, 0],
      [18, 316, 18, 0],
    ] as const) {
      picture.circle(lit(mix(leaves, [30, 40, 40], shade)), x + dx, dy, radius);
    }
    picture.fill(lit([110, 120, 96]), [x - 26, 404, 52, 5]);
  }
  return picture;
}

/** Roofs in the distance, and a pagoda in Kyoto. */
function town(
  picture: Picture,
  n: number,
  isLisbon: boolean,
  light: Light,
  lit: (colour: Colour) => Colour,
): void {
  const hazy = (colour: Colour) => mix(lit(colour), light.horizon, 0.4);
  for (let house = 0; house < 15; house++) {
    const w = 44 + ((house * 23 + n * 11) % 30);
    const h = 40 + ((house * 37 + n * 29) % 60);
    const x = house * 50 - 20 + ((n * 7 + house * 5) % 14);
    const wall = hsl(
      isLisbon ? (house * 67 + n * 20) % 360 : 34,
      isLisbon ? 0.4 : 0.2,
      isLisbon ? 0.85 : 0.6,
    );
    picture.fill(hazy(wall), [x, 400 - h, w, h]);
    const roof: Colour = isLisbon ? [196, 96, 64] : [70, 78, 90];
    picture.fill(
      hazy(roof),
      [x - 5, 400 - h - 16, w + 10, 16],
      (px, py) => Math.abs(px - x - w / 2) < (w / 2 + 5) * ((py - 384 + h) / 16),
    );
    for (let window = 0; window < 2; window++) {
      const glass: Colour = light.isDark && (house + window + n) % 3 > 0 ? [255, 214, 130] : [92, 104, 120];
      picture.fill(light.isDark ? glass : hazy(glass), [x + 8 + window * 20, 400 - h + 10, 9, 13]);
    }
  }
  if (!isLisbon && n % 3 === 0) {
    for (let storey = 0; storey < 5; storey++) {
      const [y, w] = [330 - storey * 34, 92 - storey * 12];
      picture.fill(hazy([150, 60, 50]), [560 - w / 4, y, w / 2, 34]);
      picture.fill(
        hazy([62, 66, 76]),
        [560 - w / 2, y - 4, w, 12],
        (px, py) => Math.abs(px - 560) < w / 2 - (y + 8 - py) * 1.4,
      );
    }
    picture.fill(hazy([62, 66, 76]), [558, 158, 4, 34]);
  }
}
