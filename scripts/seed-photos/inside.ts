// A room of a property, with the view and the light of its time of day.

import { lightOf } from "./light.ts";
import { type Colour, height, hsl, mix, Picture, width } from "./picture.ts";

export function inside(n: number): Picture {
  const picture = new Picture();
  const isLisbon = n <= 15;
  const hue = (n * 47) % 360;
  const light = lightOf(n);
  const floorLine = 340;
  const wall = isLisbon ? hsl(hue, 0.28, 0.9) : ([236, 226, 206] as const);
  for (let band = 0; band < 34; band++)
    picture.fill(mix(wall, [120, 104, 96], 0.22 * (1 - band / 33)), [0, band * 10, width, 10]);
  const wood: Colour = isLisbon ? [176, 126, 84] : [204, 188, 128];
  for (let plank = 0; plank < 7; plank++) {
    picture.fill(mix(wood, [70, 44, 30], 0.05 + plank * 0.04 + (plank % 2) * 0.05), [
      0,
      floorLine + plank * 20,
      width,
      20,
    ]);
    for (let joint = 0; isLisbon && joint < 4; joint++) {
      picture.fill(mix(wood, [60, 40, 30], 0.4), [
        (joint * 190 + plank * 71 + n * 13) % width,
        floorLine + plank * 20,
        2,
        20,
      ]);
    }
  }
  picture.fill(mix(wall, [255, 255, 255], 0.5), [0, floorLine - 12, width, 12]);

  const [x, y, w, h] = [64 + ((n * 37) % 90), 62, 220, 190];
  picture.fill(isLisbon ? [250, 247, 240] : [96, 66, 44], [x - 9, y - 9, w + 18, h + 18]);
  for (let band = 0; band < 19; band++)
    picture.fill(mix(light.top, light.horizon, band / 18), [x, y + band * 10, w, 10]);
  picture.circle(light.disc, x + 50 + ((n * 29) % 120), y + 44, 16);
  for (let range = 0; range < 3; range++) {
    const far: Colour = isLisbon
      ? [150 - range * 30, 150 - range * 26, 160 - range * 40]
      : [110 - range * 26, 146 - range * 24, 120 - range * 24];
    const line = (px: number) =>
      y + 104 + range * 24 - 22 * Math.sin((px + n * 50 + range * 90) / (44 - range * 6));
    picture.fill(
      mix(mix(far, light.tint, light.strength), light.horizon, 0.4 - range * 0.15),
      [x, y, w, h],
      (px, py) => py > line(px),
    );
  }
  const frame: Colour = isLisbon ? [250, 247, 240] : [96, 66, 44];
  for (const bar of isLisbon ? [0.5] : [0.25, 0.5, 0.75]) picture.fill(frame, [x + w * bar - 3, y, 6, h]);
  if (isLisbon) {
    const cloth = mix(hsl((hue + 30) % 360, 0.35, 0.8), wall, 0.3);
    for (const at of [x - 34, x + w - 6]) {
      for (let fold = 0; fold < 5; fold++)
        picture.fill(mix(cloth, [90, 80, 90], (fold % 2) * 0.14), [at + fold * 8, y - 20, 8, h + 70]);
    }
    picture.fill([110, 84, 62], [x - 46, y - 26, w + 92, 6]);
  } else {
    picture.fill(frame, [x, y + h * 0.66, w, 4]);
    for (let tatami = 1; tatami < 4; tatami++)
      picture.fill([74, 92, 62], [tatami * 180 + ((n * 11) % 40) - 20, floorLine, 6, height - floorLine]);
  }
  // the light that falls in
  const floorLight = mix(wood, light.isDark ? light.top : light.disc, light.isDark ? 0.12 : 0.3);
  picture.fill(floorLight, [0, floorLine, width, height - floorLine], (px, py) => {
    const at = px - (py - floorLine) * 0.9;
    return at > x + 20 && at < x + w + 20 && Math.abs(at - x - w / 2 - 20) > 5;
  });

  const art = [452 + ((n * 23) % 60), 70] as const;
  picture.fill([70, 54, 44], [art[0] - 6, art[1] - 6, 132, 102]);
  picture.fill(hsl((hue + 150) % 360, 0.3, 0.78), [art[0], art[1], 120, 90]);
  picture.fill(
    hsl((hue + 170) % 360, 0.35, 0.5),
    [art[0], art[1], 120, 90],
    (px, py) => py > art[1] + 56 - 16 * Math.sin((px + n * 40) / 22),
  );
  picture.circle(hsl((hue + 30) % 360, 0.6, 0.68), art[0] + 34 + ((n * 7) % 50), art[1] + 30, 15);

  if (n % 3 === 2 || !isLisbon) bed(picture, hue, isLisbon);
  else sofa(picture, hue, n);
  lamp(picture, 664, light.isDark);
  plant(picture, 40 + ((n * 5) % 14));
  return picture;
}

function sofa(picture: Picture, hue: number, n: number): void {
  const cloth = hsl((hue + 200) % 360, 0.3, 0.42);
  picture.fill([60, 44, 36], [330, 396, 10, 18]);
  picture.fill([60, 44, 36], [610, 396, 10, 18]);
  picture.fill(mix(cloth, [0, 0, 0], 0.15), [322, 252, 306, 80]);
  for (const seat of [0, 1]) picture.fill(mix(cloth, [255, 255, 255], 0.1), [326 + seat * 150, 316, 148, 46]);
  picture.fill(cloth, [322, 358, 306, 40]);
  for (const side of [300, 622]) picture.fill(mix(cloth, [255, 255, 255], 0.05), [side, 290, 32, 108]);
  for (let cushion = 0; cushion < 2 + (n % 2); cushion++) {
    picture.fill(hsl((hue + 60 * cushion + 20) % 360, 0.45, 0.68), [344 + cushion * 92, 270, 56, 50]);
    picture.fill(hsl((hue + 60 * cushion + 20) % 360, 0.45, 0.58), [344 + cushion * 92, 312, 56, 8]);
  }
  picture.fill(
    hsl((hue + 20) % 360, 0.3, 0.62),
    [230, 424, 400, 34],
    (px, py) => ((px - 430) / 200) ** 2 + ((py - 441) / 17) ** 2 < 1,
  );
  picture.fill([122, 86, 58], [360, 404, 150, 10]);
  for (const leg of [370, 492]) picture.fill([96, 66, 44], [leg, 414, 7, 34]);
  picture.fill([240, 236, 228], [420, 388, 22, 16]);
}

/** A bed; in Kyoto a low one, on the mats. */
function bed(picture: Picture, hue: number, isLisbon: boolean): void {
  const low = isLisbon ? 0 : 34;
  if (isLisbon) picture.fill([124, 88, 60], [318, 210, 26, 200]);
  picture.fill([124, 88, 60], [330, 356 + low, 296, isLisbon ? 44 : 16]);
  picture.fill([248, 245, 238], [336, 318 + low, 290, 42]);
  picture.fill([228, 224, 216], [336, 350 + low, 290, 10]);
  for (const pillow of [0, 1])
    picture.fill(pillow === 0 ? [255, 255, 252] : [234, 230, 224], [
      344 + pillow * 26,
      292 + low - pillow * 4,
      70,
      32,
    ]);
  const cover = hsl((hue + 200) % 360, 0.32, 0.58);
  picture.fill(cover, [438, 310 + low, 190, 62]);
  for (let stripe = 0; stripe < 4; stripe++)
    picture.fill(mix(cover, [255, 255, 255], 0.3), [456 + stripe * 44, 310 + low, 12, 62]);
  picture.fill(mix(cover, [0, 0, 0], 0.18), [438, 364 + low, 190, 8]);
}

function lamp(picture: Picture, x: number, isLit: boolean): void {
  if (isLit) picture.circle([250, 226, 168], x, 214, 54);
  picture.fill([70, 60, 54], [x - 2, 230, 5, 180]);
  picture.fill([70, 60, 54], [x - 20, 408, 42, 6]);
  picture.fill(
    isLit ? [255, 236, 176] : [232, 216, 190],
    [x - 34, 186, 68, 50],
    (px, py) => Math.abs(px - x) < 20 + (py - 186) * 0.28,
  );
}

function plant(picture: Picture, x: number): void {
  for (let leaf = 0; leaf < 9; leaf++) {
    const bend = (leaf - 4) * 9;
    const colour: Colour = leaf % 2 === 0 ? [72, 116, 74] : [96, 142, 88];
    picture.fill(
      colour,
      [x - 50, 270, 120, 112],
      (px, py) =>
        Math.abs(px - x - bend * ((382 - py) / 96) ** 1.4) < 5.5 * Math.sin(((py - 270) / 112) * Math.PI) &&
        py > 270 + Math.abs(leaf - 4) * 7,
    );
  }
  picture.fill([186, 104, 74], [x - 22, 378, 44, 48], (px, py) => Math.abs(px - x) < 22 - (py - 378) * 0.14);
  picture.fill([206, 124, 92], [x - 24, 374, 48, 9]);
}
