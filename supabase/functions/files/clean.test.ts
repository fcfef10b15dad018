// Which parts of a file are removed and which are kept. The pictures were made by Pillow 13 (libjpeg, libpng, libwebp, libavif,
// libheif) with the Exif data of a phone, GPS, XMP and comments.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ascii, join } from "./bytes.ts";
import { clean, typeOf } from "./clean.ts";

const picture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../tests/support/pictures/${name}`, import.meta.url)));
const text = (bytes: Uint8Array) => ascii(bytes, 0, bytes.length);
const bytes = (...parts: (string | number[])[]) =>
  Uint8Array.from(
    parts.flatMap((part) => (typeof part === "string" ? [...part].map((c) => c.charCodeAt(0)) : part)),
  );
const uint = (value: number, size: number) =>
  Array.from({ length: size }, (_, index) => (value / 256 ** (size - 1 - index)) & 255);

/** What a picture must not give away. */
const secrets = /Secret|GPS|38,42|2026:07|xmpmeta|ns\.adobe\.com|Pillow/;

/** Orientation 6 as the only content of a TIFF: the top of the picture is on its right side. */
const upright = "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";

function cleaned(file: Uint8Array, type: string): Uint8Array {
  const result = clean(file, type);
  assert.ok(typeof result !== "string", `${type} is ${String(result)}`);
  return result;
}

const pictures = [
  ["phone.jpg", "image/jpeg"],
  ["phone.png", "image/png"],
  ["phone.webp", "image/webp"],
  ["animated.webp", "image/webp"],
  ["phone.avif", "image/avif"],
] as const;

for (const [name, type] of pictures) {
  Deno.test(`${name} loses everything but the picture, and is clean then`, () => {
    const before = picture(name);
    assert.match(text(before), secrets);
    assert.equal(typeOf(before), type);
    const after = cleaned(before, type);
    assert.doesNotMatch(text(after), secrets);
    assert.deepEqual(cleaned(after, type), after);
  });

  Deno.test(`${name} is broken wherever it is cut off, and a wrong byte is no crash`, () => {
    const whole = picture(name);
    for (let length = 0; length < whole.length; length++) {
      assert.equal(clean(whole.subarray(0, length), type), "broken", `${length}`);
    }
    for (let at = 0; at < whole.length; at++) {
      const copy = whole.slice();
      copy[at] = (copy[at] ?? 0) ^ 0xff;
      const result = clean(copy, type);
      if (typeof result === "string") assert.match(result, /^(broken|unsupported|too_large)$/);
    }
  });
}

Deno.test("a picture keeps its orientation, in the way of its format", () => {
  assert.ok(text(cleaned(picture("phone.jpg"), "image/jpeg")).includes(`Exif\0\0${upright}`));
  assert.ok(
    text(cleaned(picture("phone.png"), "image/png")).includes(`eXIf${upright}\x20\x49\x2a\x33`.slice(0, 30)),
  );
  assert.ok(text(cleaned(picture("phone.webp"), "image/webp")).includes(`EXIF\x1a\0\0\0${upright}`));
  assert.ok(text(cleaned(picture("phone.avif"), "image/avif")).includes("irot"));
});

Deno.test("a picture keeps its pixels and colours", () => {
  assert.ok(text(cleaned(picture("phone.jpg"), "image/jpeg")).includes("ICC_PROFILE"));
  for (const [name, type, data] of [
    ["phone.png", "image/png", "IDAT"],
    ["phone.webp", "image/webp", "VP8 "],
    ["animated.webp", "image/webp", "ANMF"],
  ] as const) {
    const [before, after] = [text(picture(name)), text(cleaned(picture(name), type))];
    assert.equal(
      after.slice(after.indexOf(data)).slice(0, 40),
      before.slice(before.indexOf(data)).slice(0, 40),
    );
  }
});

Deno.test("HEIC and animated AVIF are not supported", () => {
  for (const type of ["image/heic", "image/jpeg", "image/avif"]) {
    assert.equal(clean(picture("phone.heic"), type), "unsupported");
  }
  assert.equal(clean(picture("animated.avif"), "image/avif"), "unsupported");
});

Deno.test("a file of another type than declared, empty or of no known type is broken", () => {
  for (const type of ["image/png", "image/webp", "image/avif", "application/pdf", "text/html"]) {
    assert.equal(clean(picture("phone.jpg"), type), "broken");
  }
  for (const file of [bytes(""), bytes("<script>alert(1)</script>"), bytes("GIF89a"), bytes("PK\x03\x04")]) {
    for (const [, type] of pictures) assert.equal(clean(file, type), "broken");
  }
});

Deno.test("what follows the end of a file is dropped", () => {
  for (const [name, type] of pictures.slice(0, 4)) {
    const file = picture(name);
    const polyglot = join([file, bytes("PK\x03\x04 <script>alert(1)</script>")]);
    assert.deepEqual(clean(polyglot, type), clean(file, type));
  }
  const pdf = bytes("%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF");
  assert.deepEqual(clean(join([pdf, bytes("\n<script>")]), "application/pdf"), pdf);
  assert.equal(clean(bytes("%PDF-1.7\n1 0 obj"), "application/pdf"), "broken");
});

/** The positions of the width and height of a picture in its file, as bytes of a size far beyond what a program can show. */
const bombs: [string, string, (file: Uint8Array) => void][] = [
  ["phone.png", "image/png", (file) => file.set([0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0], 16)],
  [
    "phone.jpg",
    "image/jpeg",
    (file) => file.set([0xff, 0xff, 0xff, 0xff], text(file).search(/\xff[\xc0\xc2]/) + 5),
  ],
  ["animated.webp", "image/webp", (file) => file.fill(0xff, 24, 30)],
  ["phone.webp", "image/webp", (file) => file.fill(0xff, 24, 30)],
  [
    "phone.avif",
    "image/avif",
    (file) => file.fill(0x7f, text(file).indexOf("ispe") + 8, text(file).indexOf("ispe") + 16),
  ],
];

Deno.test("a picture of too many pixels is refused", () => {
  for (const [name, type, enlarge] of bombs) {
    const file = picture(name).slice();
    enlarge(file);
    assert.equal(clean(file, type), "too_large", name);
  }
  const png = picture("phone.png").slice();
  png.set([0, 0, 0, 0], 16);
  assert.equal(clean(png, "image/png"), "broken");
});

const segment = (marker: number, content: string) =>
  bytes([0xff, marker, (content.length + 2) >> 8, (content.length + 2) & 255], content);
const start = bytes([0xff, 0xd8]);
const end = bytes([0xff, 0xd9]);
const frame = segment(0xc0, "\x08\0\x10\0\x10\x01\x01\x11\0");
const scan = join([segment(0xda, "scan"), bytes("pixels", [0xff, 0x00, 0xff, 0xd0], "more")]);

Deno.test("a JPEG loses the thumbnail, the extensions and what lies between its scans", () => {
  const thumbnail = segment(0xe0, `JFIF\0\x01\x01\0\0\x01\0\x01\x01\x01RGB`);
  const photo = join([
    start,
    thumbnail,
    segment(0xe0, "JFXX\0thumbnail"),
    segment(0xe2, "MPF\0"),
    segment(0xed, "Photoshop 3.0\0city"),
    segment(0xee, "Adobe\0d"),
    frame,
    scan,
    segment(0xfe, "Rua Secreta 77"),
    segment(0xc4, "tables of the second scan"),
    scan,
    end,
  ]);
  const jfif = segment(0xe0, "JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
  const second = segment(0xc4, "tables of the second scan");
  assert.deepEqual(
    clean(photo, "image/jpeg"),
    join([start, jfif, segment(0xee, "Adobe\0d"), frame, scan, second, scan, end]),
  );
});

Deno.test("Exif with invalid offsets is removed", () => {
  for (const content of [
    "",
    "II*\0\xff\xff\xff\xff\0\0\0\0\0\0",
    "II*\0\x08\0\0\0\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
  ]) {
    const photo = join([start, segment(0xe1, `Exif\0\0${content}`), frame, scan, end]);
    assert.deepEqual(clean(photo, "image/jpeg"), join([start, frame, scan, end]));
  }
});

Deno.test("a JPEG without a frame, or with invalid segments, is broken", () => {
  for (const photo of [
    join([start, scan, end]),
    join([start, bytes([0xff, 0xe1, 0xff, 0xff], "short"), end]),
    join([start, bytes([0xff, 0xe1, 0, 0]), end]),
    join([start, bytes("no segment"), end]),
  ]) {
    assert.equal(clean(photo, "image/jpeg"), "broken");
  }
});

const box = (type: string, ...content: (string | number[])[]) => {
  const body = bytes(...content);
  return [...uint(body.length + 8, 4), ...bytes(type), ...body];
};

/** An AVIF with a picture, an item of metadata whose `infe` has this version, and data that no item names. */
function avif(version: number, item: (string | number[])[], data = "Secret GPS") {
  const id = (n: number) => uint(n, version === 3 ? 4 : 2);
  const picture = box(
    "infe",
    [Math.max(version, 2), 0, 0, 0],
    version < 2 ? uint(1, 2) : id(1),
    [0, 0],
    "av01Secret name\0",
  );
  const other = box("infe", [version, 0, 0, 0], id(2), [0, 0], ...item);
  const ftyp = box("ftyp", "avif\0\0\0\0avifmif1");
  const meta = (at: number) =>
    box(
      "meta",
      [0, 0, 0, 0],
      box("hdlr", "\0\0\0\0\0\0\0\0pict\0\0\0\0\0\0\0\0\0\0\0\0Secret handler\0"),
      box("pitm", [0, 0, 0, 0, 0, 1]),
      box(
        "iloc",
        [0, 0, 0, 0, 0x44, 0, 0, 2],
        [0, 1, 0, 0, 0, 1, ...uint(at, 4), ...uint(6, 4)],
        [0, 2, 0, 0, 0, 1, ...uint(at + 6, 4), ...uint(data.length, 4)],
      ),
      box("iinf", [0, 0, 0, 0, 0, 2], picture, other),
      box(
        "iprp",
        box("ipco", box("ispe", [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]), box("udes", "\0\0\0\0en\0Secret\0")),
        box("ipma", [0, 0, 0, 0, 0, 0, 0, 0]),
      ),
      box("xml ", "\0\0\0\0<Secret/>"),
    );
  const at = ftyp.length + meta(0).length + 8;
  return bytes(
    ftyp,
    meta(at),
    box("mdat", "pixels", data, "Secret orphan"),
    box("uuid", "Secret box"),
    box("free", "Secret space"),
  );
}

Deno.test("an AVIF loses items of metadata of every version of infe, and everything that no item of a picture names", () => {
  for (const [version, item] of [
    [0, ["Secret\0application/rdf+xml\0"]],
    [1, ["Secret\0application/rdf+xml\0\0", "fdelSecret"]],
    [2, ["ExifSecret\0"]],
    [2, ["mimeSecret\0application/rdf+xml\0"]],
    [2, ["uri Secret\0https://example.com/Secret\0"]],
    [3, ["ExifSecret\0"]],
    [3, ["mimeSecret\0application/rdf+xml\0"]],
  ] as [number, string[]][]) {
    const before = avif(version, item);
    const after = cleaned(before, "image/avif");
    assert.equal(after.length, before.length);
    assert.doesNotMatch(text(after), /Secret|GPS|rdf|example/);
    assert.ok(text(after).includes("pixels"));
  }
  assert.equal(clean(avif(4, ["ExifSecret\0"]), "image/avif"), "unsupported");
});

Deno.test("an AVIF whose picture lies outside its data is broken", () => {
  const file = avif(2, ["Exif\0"]);
  const at = text(file).indexOf("iloc") + 4 + 8 + 6;
  file.set(uint(file.length, 4), at);
  assert.equal(clean(file, "image/avif"), "broken");
});
